"""Where a campaign's plug-ins meet: plan, run, go on with, cancel, publish.

The Python API and the command line both come through here.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_workflow.building import build_launcher, fixed_params
from candle_workflow.check import build_planner, check
from candle_workflow.config import CampaignSpec
from candle_workflow.control import Control
from candle_workflow.engine import Engine, Rules
from candle_workflow.errors import CandleError
from candle_workflow.folder import CampaignFolder, atomic_write, find_campaign
from candle_workflow.holding import Campaign, choose_folder, hold, planned_by, recorded_spec
from candle_workflow.keep import ModelKeeper
from candle_workflow.limits import Meter, Verdict
from candle_workflow.model import State, Suggestion
from candle_workflow.protocols import Launcher
from candle_workflow.replay import Trial

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)

EXIT_CODES = {"done": 0, "limit": 0, "failed": 1, "interrupted": 130, "cancelled": 130}


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign at one moment, for whoever shows it."""

    counts: Mapping[State, int]
    planned: int | None  # trials in all; None if the planner does not say
    running: int
    best: Trial | None
    began: float  # when this controller began, seconds since the epoch
    now: float
    finished_here: int  # trials that finished since then
    time_left_s: float | None  # of limits.time and limits.node_hours

    @property
    def finished(self) -> int:
        """Trials that have ended for good."""
        return sum(count for state, count in self.counts.items() if state.is_finished)

    @property
    def rate_per_s(self) -> float:
        """Trials finished per second by this controller."""
        return self.finished_here / max(self.now - self.began, 1e-9)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the planned trials are done at this rate; None if unknown."""
        if self.planned is None or not self.finished_here:
            return None
        return max(0, self.planned - self.finished) / self.rate_per_s


@dataclass(frozen=True, slots=True)
class Result:
    """How a run of a campaign ended, and what is there now."""

    status: str  # done | limit | failed | interrupted | cancelled
    message: str
    folder: CampaignFolder
    trials: list[Trial]
    best: Trial | None
    counts: Mapping[State, int]
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return EXIT_CODES[self.status]

    def frame(self) -> pandas.DataFrame:
        """Give all trials as a table, one row a trial, parameters as ``params.<name>``."""
        from candle_workflow.reports.table import frame

        return frame(self.trials)


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``run`` would do."""

    folder: CampaignFolder
    suggestions: list[Suggestion]  # the first few
    count: int | None  # trials in all
    slots: int  # trials at a time on this machine
    longest_s: float | None  # if every trial takes resources.time
    notices: list[str]


def plan(spec: CampaignSpec, *, first: int = 10) -> Plan:
    """Check a spec and say what ``run`` would do; nothing is written or run.

    Raises
    ------
    ConfigError, PluginError, DataError
        As ``run`` would.
    """
    notices = check(spec)
    folder = choose_folder(spec, new=False)
    planner = build_planner(spec)
    count = planned_by(planner, spec)
    slots = getattr(build_launcher(spec, folder), "slots", 1)
    limit = spec.resources.time_s
    longest = limit * -(-count // slots) if limit is not None and count is not None else None
    return Plan(folder, planner.ask(first), count, slots, longest, notices)


def run(
    spec: CampaignSpec,
    *,
    folder: CampaignFolder | None = None,
    new: bool = False,
    take_over: bool = False,
    resume: bool = False,
    store: str | None = None,
    on_begin: Callable[[Campaign], None] = lambda campaign: None,
    on_change: Callable[[Progress], None] = lambda progress: None,
    on_end: Callable[[Verdict], None] = lambda verdict: None,
) -> Result:
    """Run a campaign, or go on with it, until it ends or is asked to stop.

    Parameters
    ----------
    folder : CampaignFolder, optional
        Where it is; by default where campaigns are, by its name.
    new : bool
        Begin another campaign even if one of this name exists.
    take_over : bool
        Claim the campaign although its controller may be alive.
    resume : bool
        Go on even if the campaign was cancelled.
    store : str, optional
        The store's URL; by default $CANDLE_STORE, else one in the user's data folder.
    on_begin, on_change, on_end : callable
        Told when the campaign is held, whenever something happened, and how it ended,
        before the report is written.

    Raises
    ------
    ConfigError, PluginError, DataError
        The spec cannot work; nothing was written.
    StateConflict, EpochHeld, JournalDamaged
        The campaign that is there stands in the way.
    """
    notices = check(spec)
    for notice in notices:
        log.warning("%s", notice)
    folder = folder or choose_folder(spec, new)
    launcher = build_launcher(spec, folder)
    with hold(spec, folder, take_over=take_over, resume=resume) as campaign:
        on_begin(campaign)
        verdict = _work(campaign, launcher, on_change)
    on_end(verdict)
    return Result(
        status=verdict.status,
        message=verdict.message,
        folder=folder,
        trials=list(campaign.history.trials.values()),
        best=campaign.history.best,
        counts=+campaign.history.counts,
        report=_published(folder, store),
    )


def publish(folder: CampaignFolder, store: str | None = None) -> Path:
    """Bring the store up to date with a campaign and write its report."""
    from candle_workflow.reports.html import render
    from candle_workflow.store import Store

    with Store(store) as index:
        index.sync(folder)
        atomic_write(folder.report, render(index, str(folder.path)).encode())
    return folder.report


def _published(folder: CampaignFolder, store: str | None) -> Path | None:
    """Publish what is safe in the journal; that it fails is no failure of the campaign's."""
    try:
        return publish(folder, store)
    except (CandleError, OSError) as error:
        log.error(
            "the report was not written: %s. Once that is mended: candle-workflow report %s",
            error, folder.name,
        )  # fmt: skip
        return None


def resume(name: str, **options: Any) -> Result:
    """Go on with a campaign by its name or path, with the spec in its journal."""
    folder = find_campaign(name)
    return run(recorded_spec(folder), folder=folder, resume=True, **options)


def cancel(name: str) -> CampaignFolder:
    """End a campaign for good: its controller, wherever it runs, sees the STOP file.

    If no controller runs, the next ``run`` refuses until ``resume`` is used.
    """
    folder = find_campaign(name)
    atomic_write(folder.stop, f"{time.time():.0f}\n".encode())
    return folder


def _work(campaign: Campaign, launcher: Launcher, on_change: Callable[[Progress], None]) -> Verdict:
    """Run the engine inside its launcher and signal handlers; close the journal with why."""
    spec, history = campaign.spec, campaign.history
    keeper = ModelKeeper(campaign.folder, spec.objective, spec.keep_models)
    done_before = 0
    for trial in history.trials.values():
        if trial.state.is_finished:
            keeper.note(trial)
            done_before += 1

    def changed(engine: Engine, ended: list[Trial]) -> None:
        for trial in ended:
            keeper.note(trial)
        on_change(_progress(campaign, engine, done_before))

    with ExitStack() as stack:
        control = stack.enter_context(Control(campaign.folder))
        stack.enter_context(launcher)
        control.listen(watched=launcher.isolated)
        engine = Engine(
            journal=campaign.journal,
            history=history,
            planner=campaign.planner,
            launcher=launcher,
            rules=Rules(spec.objective, fixed_params(spec), spec.planner.seed, spec.retries),
            meter=Meter(spec.limits, spec.objective, history.used_s, launcher.now()),
            stop_asked=control,
            on_change=changed,
        )
        verdict = engine.run()
    if verdict.status == "now":
        verdict = replace(verdict, status="interrupted")
    campaign.journal.append("closed", status=verdict.status, message=verdict.message)
    campaign.journal.commit()
    return verdict


def _progress(campaign: Campaign, engine: Engine, done_before: int) -> Progress:
    now = engine.launcher.now()
    counts: Counter[State] = +campaign.history.counts
    finished = sum(count for state, count in counts.items() if state.is_finished)
    return Progress(
        counts=counts,
        planned=campaign.planned,
        running=len(engine.running),
        best=campaign.history.best,
        began=engine.meter.began,
        now=now,
        finished_here=finished - done_before,
        time_left_s=engine.meter.time_left_s(now),
    )
