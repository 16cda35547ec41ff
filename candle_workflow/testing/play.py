"""Drive a launcher in a test: make attempts, run them to their ends, look at what came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.model import Attempt, Ended, Event, Measured, Started
from candle_workflow.protocols import Launcher

PATIENCE_S = 120  # before a test gives up on a launcher


def attempts(count: int, **params: Any) -> list[Attempt]:
    """Make first attempts of trials 0, 1, ...; each has its number as parameter ``x``."""
    return [Attempt(n, 1, {"x": n, **params}, seed=1000 + n) for n in range(count)]


@dataclass(slots=True)
class Log:
    """Everything that a launcher gave, by attempt and in order."""

    events: list[Event] = field(default_factory=list)

    def of(self, number: int, attempt: int = 1) -> list[Event]:
        """Give one attempt's events."""
        return [e for e in self.events if (e.number, e.attempt) == (number, attempt)]

    def ends(self) -> list[Ended]:
        """Give all outcomes, as they came."""
        return [e for e in self.events if isinstance(e, Ended)]

    def end(self, number: int, attempt: int = 1) -> Ended:
        """Give the one outcome of an attempt."""
        (ended,) = [e for e in self.of(number, attempt) if isinstance(e, Ended)]
        return ended

    def scores(self, number: int) -> list[tuple[int, float]]:
        """Give a trial's reported (step, score), in order."""
        found = [e for e in self.of(number) if isinstance(e, Measured)]
        return [(e.step, e.values["score"]) for e in found]


def finish(launcher: Launcher, todo: Sequence[Attempt] = (), log: Log | None = None) -> Log:
    """Start attempts as places become free, and poll until each that began has ended."""
    log = log or Log()
    waiting = list(todo)
    open_ids = {(e.number, e.attempt) for e in log.events} - {
        (e.number, e.attempt) for e in log.ends()
    }
    deadline = time.monotonic() + PATIENCE_S
    while waiting or open_ids:
        batch, waiting = waiting[: launcher.free], waiting[launcher.free :]
        if batch:
            launcher.start(batch)
            open_ids |= {attempt.id for attempt in batch}
        for event in launcher.poll(0.5):
            log.events.append(event)
            if isinstance(event, Ended):
                open_ids.remove((event.number, event.attempt))
        assert time.monotonic() < deadline, f"no outcome of {sorted(open_ids)}"
    return log


def until_started(launcher: Launcher, number: int) -> Log:
    """Poll until a trial has begun."""
    log = Log()
    deadline = time.monotonic() + PATIENCE_S
    while not any(isinstance(e, Started) for e in log.of(number)):
        log.events += launcher.poll(0.1)
        assert time.monotonic() < deadline, f"trial {number} never began"
    return log
