"""Where a campaign's plug-ins meet: build them from a spec, claim the epoch, run, report.

The Python API and the command line both come through here.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_workflow import plugins
from candle_workflow._version import __version__
from candle_workflow.check import build_planner, check
from candle_workflow.config import CampaignSpec, from_resolved
from candle_workflow.control import Control
from candle_workflow.engine import Engine, Rules
from candle_workflow.errors import CandleError, ConfigError, EpochHeld, StateConflict
from candle_workflow.folder import CampaignFolder, atomic_write, campaigns_root, find_campaign
from candle_workflow.history import History, rebuild
from candle_workflow.journal import Journal, read
from candle_workflow.keep import ModelKeeper
from candle_workflow.limits import Meter, Verdict
from candle_workflow.model import State, Suggestion, Workload
from candle_workflow.protocols import Launcher
from candle_workflow.provenance import collect
from candle_workflow.replay import Trial

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)

EXIT_CODES = {"done": 0, "limit": 0, "failed": 1, "interrupted": 130, "cancelled": 130}
FROZEN = ("benchmark", "trainer", "data", "params", "space", "objective")


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


@dataclass(slots=True)
class Campaign:
    """One campaign that this process holds, between ``hold`` and its end."""

    spec: CampaignSpec
    folder: CampaignFolder
    journal: Journal
    history: History
    planner: Any
    began: float = field(default_factory=time.time)
    continued: bool = False
    changes: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def planned(self) -> int | None:
        """How many trials the campaign will have; None if only its planner's end tells."""
        return self.spec.planner.trials or getattr(self.planner, "size", None)


# ------------------------------------------------------------------ what may be called


def plan(spec: CampaignSpec, *, first: int = 10) -> Plan:
    """Check a spec and say what ``run`` would do; nothing is written or run.

    Raises
    ------
    ConfigError, PluginError, DataError
        As ``run`` would.
    """
    notices = check(spec)
    folder = CampaignFolder(campaigns_root() / spec.name)
    planner = build_planner(spec)
    count = spec.planner.trials or getattr(planner, "size", None)
    slots = getattr(build_launcher(spec, folder), "slots", 1)
    limit = spec.resources.time_s
    longest = limit * -(-count // slots) if limit is not None and count is not None else None
    return Plan(folder, planner.ask(first), count, slots, longest, notices)


def run(
    spec: CampaignSpec,
    *,
    new: bool = False,
    take_over: bool = False,
    resume: bool = False,
    store: str | None = None,
    on_begin: Callable[[Campaign], None] = lambda campaign: None,
    on_change: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Run a campaign, or go on with it, until it ends or is asked to stop.

    Parameters
    ----------
    new : bool
        Begin another campaign even if one of this name exists.
    take_over : bool
        Claim the campaign although its controller may be alive.
    resume : bool
        Go on even if the campaign was cancelled.
    store : str, optional
        The store's URL; by default $CANDLE_STORE, else one in the user's data folder.
    on_begin, on_change : callable
        Told when the campaign is held, and whenever something happened.

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
    folder = _choose_folder(spec, new)
    launcher = build_launcher(spec, folder)
    with hold(spec, folder, take_over=take_over, resume=resume) as campaign:
        on_begin(campaign)
        verdict = _work(campaign, launcher, on_change)
    return Result(
        status=verdict.status,
        message=verdict.message,
        folder=folder,
        trials=list(campaign.history.trials.values()),
        best=campaign.history.best,
        counts=+campaign.history.counts,
        report=publish(folder, store),
    )


def publish(folder: CampaignFolder, store: str | None = None) -> Path:
    """Bring the store up to date with a campaign and write its report."""
    from candle_workflow.reports.html import render
    from candle_workflow.store import Store

    with Store(store) as index:
        index.sync(folder)
        atomic_write(folder.report, render(index, str(folder.path)).encode())
    return folder.report


def resume(name: str, **options: Any) -> Result:
    """Go on with a campaign by its name or path, with the spec in its journal."""
    return run(recorded_spec(find_campaign(name)), resume=True, **options)


def cancel(name: str) -> CampaignFolder:
    """End a campaign for good: its controller, wherever it runs, sees the STOP file.

    If no controller runs, the next ``run`` refuses until ``resume`` is used.
    """
    folder = find_campaign(name)
    atomic_write(folder.stop, f"{time.time():.0f}\n".encode())
    return folder


def recorded_spec(folder: CampaignFolder) -> CampaignSpec:
    """Read a campaign's spec, with all changes since, from its journal.

    Raises
    ------
    StateConflict
        The campaign's first record was never written.
    """
    recorded = _recorded(folder)
    if recorded is None:
        raise StateConflict(f"{folder.path} has no campaign in its journal. Remove it, or use --new.")
    return from_resolved(recorded)


# ------------------------------------------------------------------ holding it


@contextmanager
def hold(
    spec: CampaignSpec, folder: CampaignFolder, *, take_over: bool = False, resume: bool = False
) -> Iterator[Campaign]:
    """Claim the next epoch, replay the journal, and open this controller's segment.

    On leaving, the journal is closed with how it ended, so that the next controller need
    not wonder whether this one lives.
    """
    recorded = _recorded(folder)
    changes = compare(recorded, spec.resolved()) if recorded is not None else {}
    if folder.stop.exists():
        if not resume:
            raise StateConflict(
                f"campaign '{folder.name}' was cancelled."
                f" To go on all the same: candle-workflow resume {folder.name}"
            )
        folder.stop.unlink()
    journal = Journal.claim(folder.journal, take_over=take_over)
    try:
        reading = read(folder.journal)
        planner = build_planner(spec)
        history = rebuild(reading.records, planner, spec.objective)
        for damage in reading.damage:
            log.warning("campaign %s: %s", folder.name, damage)
        journal.begin(reading, host=_host(), version=__version__)
        if recorded is None:
            _introduce(journal, spec, folder)
        elif changes:
            journal.append("changed", changes=changes)
            journal.commit()
        campaign = Campaign(
            spec, folder, journal, history, planner,
            continued=recorded is not None, changes=changes,
        )  # fmt: skip
        yield campaign
    except EpochHeld:
        journal.close()
        raise
    except BaseException as error:
        _close(journal, "interrupted", f"{type(error).__name__}: {error}")
        raise
    journal.close()


def _close(journal: Journal, status: str, message: str) -> None:
    """Write the last record, if the journal can still be written."""
    try:
        journal.append("closed", status=status, message=message)
        journal.commit()
    except CandleError as error:
        log.error("%s", error)
    finally:
        journal.close()


def _introduce(journal: Journal, spec: CampaignSpec, folder: CampaignFolder) -> None:
    """Write a new campaign's first record, and its spec for people to read."""
    import yaml

    resolved = spec.resolved()
    journal.append(
        "campaign",
        id=uuid.uuid4().hex,
        spec=resolved,
        origins=dict(spec.origins),
        provenance=collect(spec.root, _data_path(spec)),
    )
    journal.commit()
    text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
    atomic_write(folder.spec, text.encode())


def _data_path(spec: CampaignSpec) -> Path | None:
    path = spec.data.get("path")
    return spec.root / str(path) if path else None


def _host() -> str:
    import socket

    return socket.gethostname()


# ------------------------------------------------------------------ which campaign


def _choose_folder(spec: CampaignSpec, new: bool) -> CampaignFolder:
    """The campaign of this name; with ``new`` the first name-2, name-3, ... that is free."""
    root = campaigns_root()
    folder = CampaignFolder(root / spec.name)
    number = 2
    while new and folder.exists():
        folder = CampaignFolder(root / f"{spec.name}-{number}")
        number += 1
    return folder


def _recorded(folder: CampaignFolder) -> dict[str, Any] | None:
    """The resolved spec in a campaign's journal, with its changes; None without one."""
    spec: dict[str, Any] | None = None
    for record in read(folder.journal).records:
        if record["k"] == "campaign":
            spec = record["spec"]
        elif record["k"] == "changed" and spec is not None:
            for key, (_, new) in record["changes"].items():
                spec[key] = new
    return spec


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give what differs between a recorded and a present spec: section -> [old, new].

    Raises
    ------
    ConfigError
        Something differs that makes it another campaign.
    """
    changes = {
        key: [old.get(key), new.get(key)]
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    }
    frozen = [key for key in FROZEN if key in changes]
    if "planner" in changes:
        before, after = (_frozen_planner(section or {}) for section in changes["planner"])
        frozen += [f"planner.{k}" for k in sorted(before | after) if before.get(k) != after.get(k)]
    if frozen:
        key = frozen[0]
        before, after = (_at(side, key) for side in (old, new))
        raise ConfigError(
            f"campaign '{new['name']}' exists with {key} = {before!r}, but the file now says"
            f" {after!r}. A campaign keeps its {', '.join((*FROZEN, 'planner'))}. Give it another"
            " name (--set name=...), begin anew (--new), or restore the value.",
            key=key,
        )
    return changes


def _frozen_planner(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key != "trials"}


def _at(spec: Mapping[str, Any], key: str) -> Any:
    value: Any = spec
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


# ------------------------------------------------------------------ running it


def build_launcher(spec: CampaignSpec, folder: CampaignFolder) -> Any:
    """Make the spec's launcher for this campaign; nothing starts before it is entered.

    Raises
    ------
    ConfigError
        An option is unknown or wrong, or the node too small for a trial.
    """
    factory = plugins.load("launchers", spec.launcher.name)
    try:
        return factory(workload(spec, folder), **spec.launcher.options)
    except ConfigError as error:
        raise spec.located(error) from error


def workload(spec: CampaignSpec, folder: CampaignFolder) -> Workload:
    """Say what all attempts of a campaign share."""
    return Workload(
        campaign=spec.name,
        folder=str(folder.path),
        objective=spec.objective.metric,
        trainer=_trainer(spec),
        data=spec.data,
        resources=spec.resources,
        environment=spec.trainer_env,
        checkpoint_every_s=spec.checkpoint_every_s,
    )


def _trainer(spec: CampaignSpec) -> dict[str, Any]:
    root = str(spec.root)
    if spec.benchmark is not None:
        return {"benchmark": spec.benchmark.name, "root": root}
    assert spec.trainer is not None, "config: a campaign has a benchmark or a trainer"
    if spec.trainer.function is not None:
        return {"function": spec.trainer.function, "root": root}
    return {"command": list(spec.trainer.command or ()), "metrics": spec.trainer.metrics, "root": root}


def fixed_params(spec: CampaignSpec) -> dict[str, Any]:
    """The parameters that every trial has: the benchmark's own, then the campaign's."""
    if spec.benchmark is None:
        return dict(spec.params)
    benchmark = plugins.load("benchmarks", spec.benchmark.name)
    return {**benchmark.defaults(spec.benchmark.preset), **spec.params}


def _work(
    campaign: Campaign, launcher: Launcher, on_change: Callable[[Progress], None]
) -> Verdict:
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
        stack.enter_context(launcher)
        control = stack.enter_context(Control(campaign.folder))
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
