"""The values that cross borders: trials, suggestions, attempts, events, states, causes.

Everything here is frozen and cheap to pickle; nothing here does anything. The nouns
are those of docs/design.md, section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Value = Any  # a parameter's value: bool, int, float, str, None or a list of these
Params = dict[str, Value]
Metrics = dict[str, float]


class State(StrEnum):
    """Where a trial is. WAITING -> RUNNING -> one of the finished four."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the trial will not run again."""
        return self not in (State.WAITING, State.RUNNING)


class Cause(StrEnum):
    """Why an attempt ended without success. ``retries:`` in a campaign uses these words."""

    ERROR = "error"  # the trainer raised, or reported no objective
    EXIT = "exit"  # the process exited or crashed by itself
    OOM = "oom"  # out of memory, on the host or the device
    TIMEOUT = "timeout"  # it passed resources.time
    NAN = "nan"  # the objective is not a number
    LOST = "lost"  # its process, agent or node vanished without an outcome
    WALLTIME = "walltime"  # the allocation ended
    PREEMPTED = "preempted"  # the batch system took the node back

    @property
    def is_faultless(self) -> bool:
        """Whether the attempt ended through no fault of the trial's."""
        return self in (Cause.LOST, Cause.WALLTIME, Cause.PREEMPTED)


class StopReason(StrEnum):
    """Why the engine asks a launcher to stop an attempt."""

    CANCEL = "cancel"  # the user wants it gone now
    PRUNE = "prune"  # a pruner decided; what it measured so far counts
    DRAIN = "drain"  # the controller leaves: checkpoint if possible, then give the trial back


class _Packed:
    """Pickles as class and values: a third of the time of the frozen dataclasses' own way.

    Attempts and events cross two process borders for every trial.
    """

    __slots__: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return self.__class__, tuple([getattr(self, name) for name in self.__slots__])


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A trial that a planner wants: its number and the parameters of the space.

    Planners number their suggestions 0, 1, 2, ... in the order asked.
    """

    number: int
    params: Params
    label: str | None = None  # the user's own name for it, such as a UPF line's id


@dataclass(frozen=True, slots=True)
class Attempt(_Packed):
    """One try at a trial, as a launcher gets it to start."""

    number: int
    attempt: int  # 1, 2, ...
    params: Params  # fixed parameters and the suggestion's, together
    seed: int
    checkpoint: str | None = None  # the newest complete checkpoint of an earlier attempt

    @property
    def id(self) -> tuple[int, int]:
        """(trial, attempt), as events carry it."""
        return (self.number, self.attempt)


@dataclass(frozen=True, slots=True)
class Started(_Packed):
    """An attempt's first line of user code is about to run."""

    number: int
    attempt: int
    time: float  # seconds since the epoch
    node: str


@dataclass(frozen=True, slots=True)
class Measured(_Packed):
    """One report of an attempt: several metrics at one step."""

    number: int
    attempt: int
    step: int
    time: float
    values: Metrics


@dataclass(frozen=True, slots=True)
class Checkpointed(_Packed):
    """A checkpoint is complete on disk; it exists for others once this is journaled."""

    number: int
    attempt: int
    step: int
    time: float
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Ended(_Packed):
    """The one outcome of an attempt.

    ``cause`` is None for success. ``stopped`` says that it ended because the engine
    asked; then a PRUNE counts its measurements and a DRAIN gives the trial back.
    """

    number: int
    attempt: int
    time: float
    node: str
    started: float
    metrics: Metrics = field(default_factory=dict)
    cause: Cause | None = None
    message: str = ""
    stopped: StopReason | None = None


Event = Started | Measured | Checkpointed | Ended


@dataclass(frozen=True, slots=True)
class Finished:
    """What a planner is told of a trial that has ended for good."""

    number: int
    params: Params  # the suggestion's, without the fixed ones
    state: State
    objective: float | None  # None unless COMPLETE (or PRUNED with a measurement)
    cause: Cause | None = None
    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """Which number of a trial counts: ``at`` is best, last, or the mean of the last ``mean_of``."""

    metric: str
    mode: str = "min"  # min | max
    at: str = "best"  # best | last | mean
    mean_of: int = 1

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``."""
        return a > b if self.mode == "max" else a < b

    def pick(self, series: list[float]) -> float | None:
        """Reduce a metric's measurements, in order, to the trial's objective.

        A not-a-number anywhere in what counts gives not-a-number for ``last`` and
        ``mean``; ``best`` ignores it unless nothing else was measured.
        """
        if not series:
            return None
        if self.at == "last":
            return series[-1]
        if self.at == "mean":
            tail = series[-self.mean_of :]
            return sum(tail) / len(tail)
        numbers = [value for value in series if value == value]
        if not numbers:
            return series[-1]
        return max(numbers) if self.mode == "max" else min(numbers)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one trial needs. ``gpus`` below 1 packs several trials on one device."""

    nodes: int = 1
    processes: int = 1
    cpus: int = 1  # per process
    gpus: float | str = "auto"  # per process; auto = one if the node has any
    memory_gb: float | None = None  # per trial; passing it ends the attempt as oom
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """What all attempts of one campaign share, as a launcher and a trial's process get it.

    Attributes
    ----------
    campaign : str
        The campaign's name, leading every log line.
    folder : str
        The campaign's absolute path; attempts write in ``trials/<n>/<attempt>/`` of it.
    trainer : mapping
        One of ``{"benchmark": name}``, ``{"function": "file.py:name" | "module:name",
        "root": folder of the campaign file}`` or ``{"command": [...], "root": ...,
        "metrics": {...} | None}``.
    data : mapping
        The campaign's ``data:`` section, for benchmarks.
    resources : Resources
    environment : mapping
        ``trainer_env``: python, modules, container, plus ``variables`` to set.
    checkpoint_every_s : float
        How often a trainer that can checkpoint does so, in seconds.
    objective : str
        The objective's metric: what a trainer that returns a plain number means by it.
    """

    campaign: str
    folder: str
    trainer: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every_s: float = 600.0
    objective: str = "objective"
