"""What a journal's records say, as the engine needs it, and the planner brought to that point.

A controller that starts, and one that goes on after a crash, begin here: there is no other
saved state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from candle_workflow.errors import StateConflict
from candle_workflow.model import Finished, Metrics, Objective, State, Suggestion
from candle_workflow.protocols import Planner
from candle_workflow.replay import Record, Trial, apply


@dataclass(slots=True)
class Course:
    """What a trial measured so far: the objective metric by step, and every metric's last."""

    steps: dict[int, float] = field(default_factory=dict)
    last: Metrics = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """Everything that a journal's records say, as the engine needs it."""

    objective: Objective
    trials: dict[int, Trial] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)  # of unfinished trials only
    counts: Counter[State] = field(default_factory=Counter)
    best: Trial | None = None
    used_s: float = 0.0  # seconds that earlier controllers worked
    told: int = -1  # sequence number of the last record that the planner was told of
    vanished: bool = False  # whether the last controller ended without a word
    _opened: float | None = None
    _newest: float = 0.0

    def apply(self, record: Record) -> Trial | None:
        """Fold one record; give the trial that it finished, if it did."""
        kind = record["k"]
        if kind == "opened":
            self.used_s += self._session_s()
            self._opened = self._newest = record["t"]
            self.vanished = True
        elif kind == "closed":
            self.vanished = False
        # a rehearsal's records run ahead of the clock of its last one
        self._newest = max(self._newest, record["t"])
        if "trial" not in record:
            return None
        number = record["trial"]
        before = self.trials[number].state if number in self.trials else None
        apply(self.trials, record)
        trial = self.trials[number]
        if before is not trial.state:
            if before is not None:
                self.counts[before] -= 1
            self.counts[trial.state] += 1
        if kind == "measured":
            self._measure(number, record)
        elif kind == "dispatched" and trial.checkpoint is None:
            self.courses.pop(number, None)
        elif kind == "ended":
            self.courses.pop(number, None)
            self._compare(trial)
            return trial
        return None

    def _session_s(self) -> float:
        """Seconds between a controller's first and last record."""
        return 0.0 if self._opened is None else max(0.0, self._newest - self._opened)

    def _measure(self, number: int, record: Record) -> None:
        course = self.courses.setdefault(number, Course())
        course.last.update(record["values"])
        if self.objective.metric in record["values"]:
            course.steps[record["step"]] = record["values"][self.objective.metric]

    def _compare(self, trial: Trial) -> None:
        if trial.state is not State.COMPLETE or trial.objective is None:
            return
        best = self.best.objective if self.best else None
        if best is None or self.objective.better(trial.objective, best):
            self.best = trial


def finished(trial: Trial) -> Finished:
    """Say of a trial what planners are told."""
    return Finished(
        trial.number, trial.params, trial.state, trial.objective, trial.cause, trial.metrics
    )


def rebuild(
    records: Iterable[Record], planner: Planner, objective: Objective, *, verify: bool = False
) -> History:
    """Bring a fresh planner and a fresh history to where the records end.

    Parameters
    ----------
    verify : bool
        Have the planner suggest everything again and compare, even if it can be restored.

    Raises
    ------
    StateConflict
        The planner suggests something else than was recorded.
    """
    history = History(objective)
    restore: Callable[[Suggestion], None] | None = getattr(planner, "restore", None)
    for record in records:
        kind = record["k"]
        if kind == "asked":
            recorded = Suggestion(record["trial"], record["params"], record.get("label"))
            if restore is not None and not verify:
                restore(recorded)
            else:
                _compare(planner.ask(1), recorded)
        ended = history.apply(record)
        if ended is not None:
            planner.tell(finished(ended))
            history.told = record["s"]
    history.used_s += history._session_s()
    history._opened = None
    return history


def _compare(suggested: list[Suggestion], recorded: Suggestion) -> None:
    # through JSON a tuple has become a list; nothing else may differ
    if [s.params for s in suggested] != [recorded.params]:
        raise StateConflict(
            f"trial {recorded.number} was suggested as {recorded.params}, but replaying the"
            f" journal gives {suggested[0].params if suggested else 'nothing'}. The planner's"
            " package may be of another version than the campaign began with: see 'opened' in"
            " the journal. Continue with that version, or begin anew with --new."
        )
