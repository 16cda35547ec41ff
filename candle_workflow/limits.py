"""When a campaign must end, and how much time is left. Nobody else reads a deadline."""

from __future__ import annotations

from dataclasses import dataclass

from candle_workflow.model import Objective


@dataclass(frozen=True, slots=True)
class Limits:
    """A campaign's ``limits:`` section; None = no such limit."""

    time_s: float | None = None  # seconds that controllers of this campaign may work in all
    failures: int | None = None  # FAILED trials in one run of the controller
    target: float | None = None  # an objective that is good enough
    node_hours: float | None = None  # charged node-hours in all


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a campaign ends before its planner is done."""

    status: str  # limit | failed
    message: str


@dataclass(slots=True)
class Meter:
    """Compares what was used with the limits.

    Parameters
    ----------
    limits : Limits
    objective : Objective
    used_s : float
        Seconds that earlier controllers of this campaign worked.
    began : float
        When this one began, on the launcher's clock.
    nodes : int
        Nodes that this controller's allocation is charged for.
    """

    limits: Limits
    objective: Objective
    used_s: float
    began: float
    nodes: int = 1

    def elapsed_s(self, now: float) -> float:
        """Seconds worked in all, by this and earlier controllers."""
        return self.used_s + now - self.began

    def time_left_s(self, now: float) -> float | None:
        """Seconds until the first of the time and node-hour limits; None without either."""
        ends = []
        if self.limits.time_s is not None:
            ends.append(self.limits.time_s)
        if self.limits.node_hours is not None:
            ends.append(self.limits.node_hours * 3600 / self.nodes)
        return min(ends) - self.elapsed_s(now) if ends else None

    def verdict(self, now: float, *, failed: int, best: float | None) -> Verdict | None:
        """Say whether the campaign must end now, given its failures and best objective."""
        limits = self.limits
        if limits.failures is not None and failed >= limits.failures:
            return Verdict(
                "failed",
                f"{failed} trials failed, which reaches limits.failures = {limits.failures}",
            )
        target = limits.target
        if target is not None and best is not None and not self.objective.better(target, best):
            return Verdict("limit", f"the target {target} was reached: {best}")
        left = self.time_left_s(now)
        if left is not None and left <= 0:
            which = "time" if limits.node_hours is None else "time or node_hours"
            return Verdict("limit", f"limits.{which} is used up after {self.elapsed_s(now):.0f} s")
        return None
