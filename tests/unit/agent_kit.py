"""Drive an agent without Ray: a trainer's source in, events out."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from candle_workflow.folder import CampaignFolder
from candle_workflow.model import (
    Attempt,
    Ended,
    Event,
    Measured,
    Resources,
    Started,
    StopReason,
    Workload,
)
from candle_workflow.trainers.agent import Agent, AgentSettings

PATIENCE_S = 60.0


class Node:
    """An agent whose trials run ``train`` of the source given; a context manager."""

    def __init__(
        self,
        root: Path,
        source: str,
        *,
        isolation: str = "process",
        slots: int = 1,
        python: Sequence[str] = (sys.executable,),
        preload: str = "",
        grace_s: float = 20.0,
        silence_s: float = 60.0,
        environment: dict[str, Any] | None = None,
        **resources: Any,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "t.py").write_text(textwrap.dedent(source))
        self.folder = CampaignFolder(root / "campaign")
        workload = Workload(
            campaign="c",
            folder=str(self.folder.path),
            trainer={"function": "t.py:train", "root": str(root)},
            resources=Resources(**resources),
            environment=environment or {},
            objective="v",
        )
        settings = AgentSettings(
            isolation=isolation,
            slots=((),) * slots,
            devices=("",) * slots,
            preload=preload,
            python=tuple(python),
            node="n",
            grace_s=grace_s,
            silence_s=silence_s,
        )
        self.events: list[Event] = []
        self._orders = 0
        self.agent = Agent(workload, settings)

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *exc: object) -> None:
        self.agent.close()

    def start(self, *numbers: int, attempt: int = 1, **params: Any) -> None:
        attempts = [Attempt(n, attempt, {"x": n, **params}, seed=n) for n in numbers]
        self.agent.start(self._order(), attempts)

    def stop(self, number: int, reason: StopReason = StopReason.CANCEL) -> None:
        self.agent.stop(self._order(), [(number, 1)], reason)

    def _order(self) -> int:
        self._orders += 1
        return self._orders - 1

    def poll(self, timeout_s: float = 0.2) -> None:
        reply = self.agent.poll(len(self.events), timeout_s)
        self.events += reply.events

    def until(self, condition: Callable[[], object]) -> None:
        """Take events until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to pass; events: {self.events}"
            self.poll()

    def until_started(self, number: int) -> None:
        self.until(lambda: any(isinstance(e, Started) and e.number == number for e in self.events))

    def finish(self, count: int) -> list[Ended]:
        """Wait for so many ends; give all in the order of their trials."""
        self.until(lambda: len(self.ends) >= count)
        return sorted(self.ends, key=lambda end: (end.number, end.attempt))

    def run(self, count: int = 1, **params: Any) -> list[Ended]:
        """Run trials 0, 1, ... to their ends."""
        self.start(*range(count), **params)
        return self.finish(count)

    @property
    def ends(self) -> list[Ended]:
        return [event for event in self.events if isinstance(event, Ended)]

    def values(self, number: int) -> list[dict[str, float]]:
        """What a trial measured, in order."""
        return [e.values for e in self.events if isinstance(e, Measured) and e.number == number]

    def output(self, number: int) -> str:
        path = self.folder.output(number, 1)
        return path.read_text(errors="replace") if path.exists() else ""

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Keep the agent's thread from doing anything, as a busy machine does."""
        with self.agent._mailbox._lock:
            yield

    def pids(self) -> list[int]:
        """The processes of the trials, as they wrote them with ``context.folder``."""
        return [int(path.read_text()) for path in sorted(self.folder.trials.glob("*/*/pid"))]
