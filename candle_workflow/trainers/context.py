"""What a trainer sees of its trial: report, should_stop, time_left, checkpoint, folder.

A trainer is ``train(params, context) -> metrics``. The same class serves every way of
running one; where its events go is the ``send`` that it is given.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from candle_workflow.errors import TrialError
from candle_workflow.model import (
    Attempt,
    Cause,
    Checkpointed,
    Event,
    Measured,
    Metrics,
    Workload,
)

GRACE_S = 30.0  # a trainer that is asked to stop has this long to save and return


class AttemptError(TrialError):
    """Ends an attempt with a given cause; its text is all that the trial's log needs."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class NotANumber(AttemptError):
    """A trainer met a nan and sees no use in going on."""

    def __init__(self, message: str) -> None:
        super().__init__(Cause.NAN, message)


class OutOfTime(AttemptError):
    """A trainer went on past ``resources.time``."""

    def __init__(self, message: str) -> None:
        super().__init__(Cause.TIMEOUT, message)


class Context:
    """One attempt's view of its campaign, for the trainer's use.

    Attributes
    ----------
    number, attempt : int
        Which trial this is, and which try at it (1, 2, ...).
    seed : int
        Seed everything random with this; the same for all attempts of a trial.
    data : mapping
        The campaign's ``data:`` section.
    checkpoint : Path or None
        The newest complete checkpoint of an earlier attempt, to continue from.
    """

    def __init__(
        self,
        attempt: Attempt,
        workload: Workload,
        *,
        send: Callable[[Event], None],
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.number = attempt.number
        self.attempt = attempt.attempt
        self.seed = attempt.seed
        self.data: Mapping[str, Any] = workload.data
        self.root = Path(str(workload.trainer.get("root") or Path.cwd()))
        self.checkpoint = Path(attempt.checkpoint) if attempt.checkpoint else None
        self.measured: dict[str, list[float]] = {}
        self._workload = workload
        self._send = send
        self._stopping = stopping
        self._clock = clock
        self._begun = clock()
        self._last_checkpoint = self._begun
        self._step = 0

    @property
    def folder(self) -> Path:
        """This attempt's own folder, made when first asked for."""
        path = Path(self._workload.folder) / "trials" / str(self.number) / str(self.attempt)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def report(self, step: int | None = None, **metrics: float) -> None:
        """Record metrics of one step (an epoch, say); numbered by itself when not given.

        Raises
        ------
        TypeError
            A value is not a number, or the step no whole one.
        """
        self._step = self._step + 1 if step is None else as_step(step)
        values = as_metrics(metrics)
        for name, value in values.items():
            self.measured.setdefault(name, []).append(value)
        self._send(Measured(self.number, self.attempt, self._step, self._clock(), values))

    def should_stop(self) -> bool:
        """Whether the trial should save a checkpoint, if it can, and return now."""
        left = self.time_left()
        return self._stopping() or (left is not None and left <= 0)

    def time_left(self) -> float | None:
        """Seconds until this trial's own limit (``resources.time``); None without one."""
        limit = self._workload.resources.time_s
        return None if limit is None else limit - (self._clock() - self._begun)

    def checkpoint_due(self) -> bool:
        """Whether ``checkpoint_every`` has passed since the last one, or a stop is asked."""
        waited = self._clock() - self._last_checkpoint
        return waited >= self._workload.checkpoint_every_s or self.should_stop()

    def checkpointed(self, path: Path, step: int) -> None:
        """Announce a checkpoint (a file or a folder) that is complete and synced on disk."""
        self._last_checkpoint = self._clock()
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        size = sum(p.stat().st_size for p in files)
        place = str(path.resolve())
        self._send(
            Checkpointed(self.number, self.attempt, as_step(step), self._clock(), place, size)
        )


def as_step(value: Any) -> int:
    """Turn a step into a plain integer; numpy's are integers too.

    Raises
    ------
    TypeError
        It is none, or larger than any counter.
    """
    try:
        step = operator.index(value)
    except TypeError as error:
        raise TypeError(f"step is {repr(value)[:100]}, expected a whole number") from error
    if abs(step) >= 1 << 63:
        raise TypeError(f"step is {step:.3g}, expected a whole number below 2**63")
    return step


def as_metrics(values: Mapping[str, Any]) -> Metrics:
    """Turn reported values into plain floats; numpy scalars and 0-d tensors are numbers too.

    Raises
    ------
    TypeError
        A value is not a number; the message names it.
    """
    metrics: Metrics = {}
    for name, value in values.items():
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError("text")  # float("0.9") would do, but the next one is "n/a"
            metrics[str(name)] = float(value)
        except (TypeError, ValueError) as error:
            shown = repr(value)[:100]
            raise TypeError(f"metric '{name}' is {shown}, expected a number") from error
    return metrics


def is_number(value: float | None) -> bool:
    """Whether a value is there and finite or infinite, but not nan."""
    return value is not None and not math.isnan(value)
