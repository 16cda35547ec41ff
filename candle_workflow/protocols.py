"""Where things plug in: Planner, Pruner, Launcher (and Scheduler, with the batch systems).

The prose is the contract; ``candle_workflow.testing`` holds a suite for each that an
implementation passes by defining one fixture. All calls come from one thread, the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from candle_workflow.model import Attempt, Event, Finished, Measured, StopReason, Suggestion


@runtime_checkable
class Planner(Protocol):
    """Decides which trials to make.

    A planner is built as ``factory(space, objective=Objective, trials=int | None,
    seed=int, **options)`` and raises ConfigError (key relative to ``planner``) for an
    option it does not accept. Its suggestions depend on nothing but these arguments and
    the sequence of calls: the same asks and tells in the same order give the same
    suggestions, in any process. That is how a campaign resumes, so nothing is saved.

    A planner may also have

    - ``restore(suggestion)``: take one that was made before, in its turn, instead of being
      asked for it again. Only where what is suggested depends on nothing but seed, number
      and what was restored and told: afterwards the planner must suggest what it would
      have suggested after the asks. Raises StateConflict if it would never have made it.
    - ``size``: how many trials there will be in all, with ``trials`` taken into account;
      None if there is no end.
    """

    def ask(self, count: int) -> list[Suggestion]:
        """Give at most ``count`` suggestions; empty means "nothing now", not "finished".

        ``ask(3)`` gives what three times ``ask(1)`` gives. Numbers run 0, 1, 2, ...
        """
        ...

    def tell(self, finished: Finished) -> None:
        """Learn how a suggestion ended; called once for each, in the journal's order."""
        ...

    @property
    def done(self) -> bool:
        """Whether no ask will ever give anything again, whatever is told."""
        ...


@runtime_checkable
class Pruner(Protocol):
    """Decides which running trials to stop early."""

    def tell(self, measurements: Sequence[Measured]) -> list[int]:
        """Take new measurements, in the journal's order; return trials to stop."""
        ...


@runtime_checkable
class Launcher(Protocol):
    """Turns attempts into running trainers.

    Built as ``factory(workload, **options)``; raises ConfigError for an option it does
    not accept. Used as a context manager: on leaving, everything that still runs is
    ended and nothing stays behind (process, port, file).
    """

    @property
    def isolated(self) -> bool:
        """Whether a trial's crash leaves the controller alive."""
        ...

    def start(self, attempts: Sequence[Attempt]) -> None:
        """Begin these attempts; never more than ``free``. Returns without waiting."""
        ...

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait at most ``timeout_s`` for events and give all there are, in order.

        For each attempt started: Started, any Measured and Checkpointed, and exactly one
        Ended. A call acknowledges that the events of the previous one are journaled;
        until then they are kept. A crash of whatever runs an attempt is an Ended with its
        Cause, never an exception.
        """
        ...

    def stop(self, ids: Iterable[tuple[int, int]], reason: StopReason) -> None:
        """Ask attempts to end; each still gives its Ended (with ``stopped`` set). Unknown
        or ended ones are ignored."""
        ...

    def adopt(self, running: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """After a controller's restart: which of these still run under this launcher."""
        ...

    @property
    def free(self) -> int:
        """How many more attempts may be started now."""
        ...

    def now(self) -> float:
        """Seconds since the epoch on the launcher's clock (virtual for the simulated one)."""
        ...

    def __enter__(self) -> Launcher: ...

    def __exit__(self, *exc: object) -> None: ...
