"""What passes between an agent's own thread and the calls of its controller.

The controller's calls come in any order and from any thread; the agent takes them one by one,
in the order that the controller gave them. Events wait here until they are acknowledged.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from candle_workflow.model import Event


@dataclass(frozen=True, slots=True)
class Reply:
    """What a poll gives."""

    events: list[Event]
    mean_s: float  # a trial's duration, smoothed
    warning: str  # for the user; "" for none
    failure: str  # why no trial will ever end here again; "" as long as all is well


class Mailbox:
    """All of it may be used from any thread.

    Attributes
    ----------
    waker : socket
        Readable while the agent should look whether there are calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._events: list[Event] = []
        self._acknowledged = 0  # events that came before the first of _events
        self._calls: list[tuple[Any, ...]] = []
        self._early: dict[int, tuple[Any, ...]] = {}  # calls that overtook one before them
        self._next_order = 0
        self._mean_s = 0.0
        self._warning = ""
        self._failure = ""
        self._ready = False
        self._closed = False
        self._heard = time.monotonic()
        self.waker, self._wake = socket.socketpair()
        self._wake.setblocking(False)

    # -------------------------------------------------------------- for the controller

    def call(self, order: int, *call: Any) -> None:
        """Leave a call; ``order`` numbers all of them, from 0."""
        with self._lock:
            self._heard = time.monotonic()
            self._early[order] = call
            while self._next_order in self._early:
                self._calls.append(self._early.pop(self._next_order))
                self._next_order += 1
        self._nudge()

    def poll(self, acknowledged: int, timeout_s: float) -> Reply:
        """Give the events that are not acknowledged, waiting for the first if need be."""
        with self._lock:
            self._heard = time.monotonic()
            del self._events[: acknowledged - self._acknowledged]
            self._acknowledged = acknowledged
            self._lock.wait_for(lambda: self._events or self._failure or self._closed, timeout_s)
            self._heard = time.monotonic()
            return Reply(list(self._events), self._mean_s, self._warning, self._failure)

    def wait_until_ready(self) -> str:
        """Wait for ``note_ready``; give why it will never come, or ""."""
        with self._lock:
            self._lock.wait_for(lambda: self._ready or self._failure or self._closed)
            return self._failure

    def close(self) -> None:
        """Tell the agent to end, and let everybody who waits go."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._nudge()

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then it is being woken anyway
            self._wake.send(b"x")

    # -------------------------------------------------------------- for the agent

    @property
    def closed(self) -> bool:
        """Whether the agent should end."""
        return self._closed

    @property
    def silence_s(self) -> float:
        """Seconds since the controller was last heard."""
        return time.monotonic() - self._heard

    def take_calls(self) -> list[tuple[Any, ...]]:
        """Give the calls that are due."""
        with self._lock:
            calls, self._calls = self._calls, []
            return calls

    def put(self, events: Sequence[Event], mean_s: float | None = None) -> None:
        """Leave events, and how long trials take by now."""
        if events:
            with self._lock:
                self._events += events
                self._mean_s = mean_s or self._mean_s
                self._lock.notify_all()

    def warn(self, text: str) -> None:
        """Leave a line for the user; "" takes it back."""
        with self._lock:
            self._warning = text

    def note_ready(self) -> None:
        """Say that trials can be started."""
        with self._lock:
            self._ready = True
            self._lock.notify_all()

    def give_up(self, failure: str) -> None:
        """Say that no trial will ever end here again, and why."""
        with self._lock:
            self._failure = failure
            self._lock.notify_all()
