"""What the store gives, and the view of it that reports are written against.

A trial is given as ``replay.Trial``, the same value that the engine has of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from candle_workflow.model import Cause, Objective, State
from candle_workflow.replay import Trial


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """One campaign as its journal left it. Times are seconds since the epoch.

    Attributes
    ----------
    id : int
        The store's own number, which differs between stores.
    uid : str
        The campaign's identity, made when it was begun; a copied folder keeps it.
    spec, origins, provenance : mapping
        As resolved; ``spec`` with the later changes in it.
    state : str
        ``running`` while a controller holds it (or vanished), else how the last one left:
        done, failed, interrupted, cancelled or limit. ``message`` says why.
    counts : mapping
        Trials by state; absent states have none.
    changes : list
        ``{"t": time, "changes": {key: [old, new]}}`` for each change after the beginning.
    sessions : list
        ``{"opened", "closed", "epoch", "host", "version", "status"}`` for each controller.
    """

    id: int
    uid: str
    name: str
    path: Path
    kind: str
    spec: Mapping[str, Any]
    origins: Mapping[str, str]
    provenance: Mapping[str, Any]
    changes: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    state: str
    message: str
    objective: Objective
    counts: Mapping[State, int]
    begun: float
    updated: float

    @property
    def total(self) -> int:
        """How many trials were asked for so far."""
        return sum(self.counts.values())


class Measurement(NamedTuple):
    """One metric of one step of an attempt."""

    trial: int
    attempt: int
    step: int
    metric: str
    value: float
    time: float


class EndedAttempt(NamedTuple):
    """An attempt that is over, successful (``cause`` None) or not."""

    trial: int
    attempt: int
    cause: Cause | None
    message: str
    node: str | None
    started: float | None
    finished: float


class Point(NamedTuple):
    """A finished trial's place on the best-so-far curve."""

    number: int
    finished: float
    objective: float


class Index(Protocol):
    """What reports read. ``Store`` is one; every call gives fresh copies."""

    def campaign(self, name: str | Path) -> CampaignRow:
        """Find a campaign by its path, or by its name: of several, the last begun."""
        ...

    def trials(
        self,
        campaign: CampaignRow,
        *,
        best: int | None = None,
        states: Collection[State] | None = None,
        numbers: Collection[int] | None = None,
        sample: int | None = None,
    ) -> list[Trial]:
        """Give trials by number, or the ``best`` complete ones, best first.

        ``sample`` gives about that many, evenly spaced over the numbers.
        """
        ...

    def points(self, campaign: CampaignRow) -> list[Point]:
        """Give the complete trials that have an objective, in the order of their ends."""
        ...

    def measurements(self, campaign: CampaignRow, numbers: Collection[int]) -> list[Measurement]:
        """Give what these trials measured, by trial, attempt, step and metric."""
        ...

    def attempts(self, campaign: CampaignRow, number: int) -> list[EndedAttempt]:
        """Give a trial's attempts that are over, in order."""
        ...

    def failures(self, campaign: CampaignRow) -> list[tuple[Cause, str, int, int]]:
        """Give (cause, message, how many trials, one of them) of the failed, most first."""
        ...

    def retries(self, campaign: CampaignRow) -> dict[Cause, int]:
        """Count the attempts that were given up and tried again, by cause."""
        ...
