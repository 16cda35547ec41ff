"""What the journal's records make of the trials: one fold, used by the engine and the store.

Nothing else may change a trial. A controller's state is ``apply`` over all records, so a
resumed campaign and an index can never disagree about what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.model import Cause, Metrics, Params, State

Record = Mapping[str, Any]


@dataclass(slots=True)
class Trial:
    """One trial as its records left it. Times are seconds since the epoch."""

    number: int
    params: Params
    asked: float
    label: str | None = None
    state: State = State.WAITING
    attempts: int = 0
    open: bool = False  # an attempt was dispatched and its end is not recorded
    cause: Cause | None = None
    message: str = ""
    objective: float | None = None
    metrics: Metrics = field(default_factory=dict)
    started: float | None = None
    finished: float | None = None
    node: str | None = None
    checkpoint: str | None = None
    checkpoint_step: int = -1
    ended_by: dict[str, int] = field(default_factory=dict)  # by cause, for `retries:`

    @property
    def duration_s(self) -> float | None:
        """Seconds from the start of the last attempt to its end; None before."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


def apply(trials: dict[int, Trial], record: Record) -> None:
    """Fold one record into the trials; kinds that concern no trial change nothing.

    Raises
    ------
    KeyError
        The record speaks of a trial that was never asked: a bug, or a gap in the records.
    """
    change = _CHANGES.get(record["k"])
    if change is None:
        return
    if record["k"] == "asked":
        number = record["trial"]
        trials[number] = Trial(
            number, record["params"], asked=record["t"], label=record.get("label")
        )
        return
    change(trials[record["trial"]], record)


def _asked(trial: Trial, record: Record) -> None:
    """Made by ``apply`` itself, which has no trial yet."""


def _dispatched(trial: Trial, record: Record) -> None:
    trial.state = State.WAITING
    trial.attempts = record["attempt"]
    trial.open = True
    trial.started = trial.finished = trial.node = None


def _started(trial: Trial, record: Record) -> None:
    trial.state = State.RUNNING
    trial.started = record["t"]
    trial.node = record["node"]


def _checkpoint(trial: Trial, record: Record) -> None:
    trial.checkpoint = record["path"]
    trial.checkpoint_step = record["step"]


def _close_attempt(trial: Trial, record: Record) -> None:
    cause = record.get("cause")
    trial.open = False
    trial.cause = Cause(cause) if cause else None
    trial.message = record.get("message", "")
    trial.node = record.get("node", trial.node)
    trial.started = record.get("started", trial.started)
    if cause and record.get("counted", True):
        trial.ended_by[cause] = trial.ended_by.get(cause, 0) + 1


def _retry(trial: Trial, record: Record) -> None:
    _close_attempt(trial, record)
    trial.state = State.WAITING


def _ended(trial: Trial, record: Record) -> None:
    _close_attempt(trial, record)
    trial.state = State(record["state"])
    trial.objective = record.get("objective")
    trial.metrics = record.get("metrics", {})
    trial.finished = record["t"]


_CHANGES = {
    "asked": _asked,
    "dispatched": _dispatched,
    "started": _started,
    "checkpoint": _checkpoint,
    "retry": _retry,
    "ended": _ended,
}
