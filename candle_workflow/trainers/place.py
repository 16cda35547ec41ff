"""One slot as its agent sees it: the connection to its process, and what that prints."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Attempt, Cause
from candle_workflow.trainers.output import OutputLog
from candle_workflow.trainers.wire import Inbox, encode


@dataclass(slots=True)
class Ending:
    """How the running attempt is being ended, if it is."""

    at: float | None = None  # when the next signal is due, on the monotonic clock
    signals: deque[signal.Signals] = field(
        default_factory=lambda: deque((signal.SIGTERM, signal.SIGKILL))
    )
    cause: Cause | None = None
    message: str = ""


class Place:
    """A slot, empty or with a process in it. Belongs to its agent's thread.

    Attributes
    ----------
    key : int
        Names the process in the slot; 0 while it is empty. Never used twice.
    given : deque of Attempt
        Sent to the process and not ended; the first one is running.
    started : float or None
        When that one began, by its own report.
    """

    def __init__(
        self,
        *,
        cpus: tuple[int, ...],
        device: str,
        mark: bytes,
        folder: CampaignFolder,
        selector: selectors.BaseSelector,
    ) -> None:
        self.cpus = cpus
        self.device = device
        self.key = 0
        self.pid = 0
        self.given: deque[Attempt] = deque()
        self.started: float | None = None
        self.ending = Ending()
        self._mark = mark
        self._folder = folder
        self._selector = selector
        self._line: socket.socket | None = None
        self._inbox = Inbox()
        self._output: int | None = None
        self._printed = b""
        self._log: OutputLog | None = None

    def occupy(self, key: int, on_line: Callable[[], None]) -> tuple[socket.socket, int]:
        """Prepare for a process; give the ends that it must get (the caller closes them)."""
        self.key = key
        self._line, theirs = socket.socketpair()
        self._inbox = Inbox()
        self._output, writing = os.pipe()
        os.set_blocking(self._output, False)
        self._printed = b""
        self._selector.register(self._line, selectors.EVENT_READ, on_line)
        self._selector.register(self._output, selectors.EVENT_READ, self.read_output)
        return theirs, writing

    def vacate(self) -> None:
        """Hang up on the process, which ends it; the slot is empty."""
        if not self.key:
            return
        self.key = self.pid = 0
        self._close_line()
        self._close_output()

    def send(self, message: Any) -> None:
        """Send a message; that the process is gone will be heard from the server."""
        assert self._line is not None, "occupy() comes before send()"
        with contextlib.suppress(OSError):
            self._line.sendall(encode(message))

    def hear(self) -> list[Any]:
        """Give what the process has sent, without waiting."""
        messages: list[Any] = []
        while self._line is not None:
            try:
                data = self._line.recv(1 << 18, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionError:
                data = b""
            if not data:
                self._close_line()
                break
            messages += self._inbox.feed(data)
        return messages

    def end_attempt(self, *, marked: bool) -> Attempt:
        """Take the running attempt out, with everything that it printed in its log.

        Parameters
        ----------
        marked : bool
            Whether its process lived to write the mark behind its output.
        """
        self.read_output(to_mark=marked)
        if self._log is not None:
            self._log.close()
            self._log = None
        self.started = None
        self.ending = Ending()
        return self.given.popleft()

    def read_output(self, to_mark: bool = False) -> None:
        """Log what was printed. At a mark stop: what follows is the next attempt's."""
        while True:
            before, mark, after = self._printed.partition(self._mark)
            if mark and not to_mark:
                return
            if mark:
                self._print(before)
                self._printed = after
                return
            self._print_all_but_a_mark()
            if self._output is None:
                return
            try:
                data = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self._close_output()
            self._printed += data

    def _print_all_but_a_mark(self) -> None:
        """The last bytes may be the first part of a mark: they wait for the next read."""
        begin = self._printed.rfind(self._mark[:1], -len(self._mark) + 1)
        ready = len(self._printed) if begin < 0 or self._output is None else begin
        self._print(self._printed[:ready])
        self._printed = self._printed[ready:]

    def _print(self, data: bytes) -> None:
        if not data or not self.given:
            return
        if self._log is None:
            attempt = self.given[0]
            self._log = OutputLog(self._folder.output(attempt.number, attempt.attempt))
        self._log.feed(data)

    def _close_line(self) -> None:
        if self._line is not None:
            self._selector.unregister(self._line)
            self._line.close()
            self._line = None

    def _close_output(self) -> None:
        if self._output is not None:
            self._selector.unregister(self._output)
            os.close(self._output)
            self._output = None
