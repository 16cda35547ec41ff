"""Run attempts in the controller's own process, one after another: simplest, and no isolation.

For debugging and for trainers of milliseconds. A trial that crashes takes the controller
with it; the campaign then goes on from its journal.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Attempt, Ended, Event, Measured, Started, StopReason, Workload
from candle_workflow.trainers import process
from candle_workflow.trainers.context import OutOfTime
from candle_workflow.trainers.output import OutputLog
from candle_workflow.trainers.runner import Trainer, load_trainer, run_attempt


class InlineLauncher:
    """Runs an attempt inside ``poll``, from its start to its end, however long that takes.

    ``stop`` may be called while one runs, from a signal handler; the trainer sees it in
    ``should_stop()``. A trainer that is past ``resources.time`` may return after one more
    report; at the next one it is ended. It cannot be ended while it reports nothing.

    What is printed through ``sys.stdout`` and ``sys.stderr`` goes to the attempt's output.log;
    what a library writes past Python stays on the controller's own output.
    """

    isolated = False

    def __init__(self, workload: Workload, **options: Any) -> None:
        for name in options:
            raise ConfigError(
                f"the inline launcher has no option '{name}'; it has none", key=f"launcher.{name}"
            )
        self._workload = workload
        self._refuse_other_python()
        self._folder = CampaignFolder(workload.folder)
        self._node = socket.gethostname()
        self._queue: deque[Attempt] = deque()
        self._current: Attempt | None = None
        self._stops: dict[tuple[int, int], StopReason] = {}
        self._trainer: Trainer | None = None
        self._printed = _Printed()
        self._stack = ExitStack()
        self._pid = os.getpid()

    def _refuse_other_python(self) -> None:
        python = self._workload.environment.get("python")
        if not python or "command" in self._workload.trainer:
            return
        if Path(python).absolute() != Path(sys.executable).absolute():
            raise ConfigError(
                f"the inline launcher runs trials in its own Python, {sys.executable}, not in"
                f" {python}; choose another launcher, or start candle-workflow from that Python",
                key="trainer_env.python",
            )

    # -------------------------------------------------------------- the protocol

    def __enter__(self) -> InlineLauncher:
        variables = self._workload.environment.get("variables") or {}
        self._stack.enter_context(process.environment({k: str(v) for k, v in variables.items()}))
        return self

    def __exit__(self, *exc: object) -> None:
        self._queue.clear()
        self._stack.close()

    @property
    def free(self) -> int:
        return 1 - len(self._queue)

    def now(self) -> float:
        return time.time()

    def start(self, attempts: Sequence[Attempt]) -> None:
        assert len(attempts) <= self.free, "more attempts than free slots"
        self._queue.extend(attempts)

    def stop(self, ids: Iterable[tuple[int, int]], reason: StopReason) -> None:
        known = {attempt.id for attempt in (*self._queue, self._current) if attempt}
        for attempt_id in known & set(ids):
            self._stops[attempt_id] = reason

    def adopt(self, running: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        return set()

    def poll(self, timeout_s: float) -> list[Event]:
        if not self._queue:
            return []
        attempt = self._current = self._queue.popleft()
        try:
            return self._run(attempt)
        finally:
            self._current = None
            self._stops.pop(attempt.id, None)

    # -------------------------------------------------------------- one attempt

    def _run(self, attempt: Attempt) -> list[Event]:
        now = time.time()
        reason = self._stops.get(attempt.id)
        if reason is not None:
            ended = Ended(attempt.number, attempt.attempt, now, self._node, now, stopped=reason)
            return [ended]
        events: list[Event] = [Started(attempt.number, attempt.attempt, now, self._node)]
        log = OutputLog(self._folder.output(*attempt.id))
        noticed: list[StopReason] = []

        def stopping() -> bool:
            noticed.extend(reason for reason in [self._stops.get(attempt.id)] if reason)
            return bool(noticed)

        with self._printed.into(log):
            ended = run_attempt(
                attempt,
                self._workload,
                send=_Taker(events, now, self._workload.resources.time_s),
                stopping=stopping,
                node=self._node,
                trainer=self._call,
            )
        if os.getpid() != self._pid:
            os._exit(1)  # a child that the trainer forked came back here too
        return [*events, replace(ended, stopped=noticed[0] if noticed else None)]

    def _call(self, params: dict[str, Any], context: Any) -> Any:
        """Load the trainer with the first attempt, whose log then shows what goes wrong."""
        if self._trainer is None:
            self._trainer = load_trainer(self._workload)
        return self._trainer(params, context)


class _Taker:
    """Keeps an attempt's events, and ends it at its second report past the time limit."""

    def __init__(self, events: list[Event], began: float, limit_s: float | None) -> None:
        self._events = events
        self._until = None if limit_s is None else began + limit_s
        self._warned = False

    def __call__(self, event: Event) -> None:
        self._events.append(event)
        late = self._until is not None and time.time() >= self._until
        if not late or not isinstance(event, Measured):
            return
        if self._warned:
            raise OutOfTime("it went on past resources.time")
        self._warned = True


class _Text(io.TextIOWrapper):
    """A stdout that a trainer may close: the next trial prints too."""

    def close(self) -> None:
        self.flush()


class _Printed(io.RawIOBase):
    """What ``sys.stdout`` and ``sys.stderr`` write to: the log of the attempt that runs.

    One for the launcher's life: a logging handler that one trial made stays usable in the
    next. What is printed between trials is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._log: OutputLog | None = None
        self._text = _Text(
            io.BufferedWriter(self), "utf-8", errors="backslashreplace", line_buffering=True
        )

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._log is not None:
            self._log.feed(bytes(data))
        return len(data)

    @contextlib.contextmanager
    def into(self, log: OutputLog) -> Iterator[None]:
        """Send what is printed to a log."""
        self._log = log
        try:
            with contextlib.redirect_stdout(self._text), contextlib.redirect_stderr(self._text):
                yield
            self._text.flush()
        finally:
            self._log = None
            log.close()
