"""One slot as its agent sees it: the connection to its process, and what that prints."""

from __future__ import annotations

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

PIECE = 1 << 16  # bytes read at once: whoever prints without end must not hold up the others
PIPE_MOST = 1 << 20  # the most that a pipe can hold


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
    served : int
        How many attempts the process has brought to an end.
    signalled : bool
        Whether a signal was sent to the process.
    """

    def __init__(
        self,
        *,
        cpus: tuple[int, ...],
        device: str,
        mark: bytes,
        folder: CampaignFolder,
        selector: selectors.BaseSelector,
        warn: Callable[[str], None],
    ) -> None:
        self.cpus = cpus
        self.device = device
        self.key = 0
        self.pid = 0
        self.given: deque[Attempt] = deque()
        self.started: float | None = None
        self.served = 0
        self.signalled = False
        self.ending = Ending()
        self._warn = warn
        self._mark = mark
        self._folder = folder
        self._selector = selector
        self._line: socket.socket | None = None
        self._inbox = Inbox()
        self._outgoing = bytearray()
        self._on_line: Callable[[], None]
        self._output: int | None = None
        self._printed = b""
        self._log: OutputLog | None = None
        self._kept = True  # whether the running attempt's output can be written

    @property
    def connected(self) -> bool:
        """Whether there is a process in the slot that has not hung up."""
        return self._line is not None

    def occupy(self, key: int, on_line: Callable[[], None]) -> tuple[socket.socket, int]:
        """Prepare for a process; give the ends that it must get (the caller closes them)."""
        self.key = key
        self.served = 0
        self.signalled = False
        self._line, theirs = socket.socketpair()
        self._inbox = Inbox()
        self._outgoing.clear()
        self._on_line = on_line
        self._output, writing = os.pipe()
        os.set_blocking(self._output, False)
        self._printed = b""
        self._selector.register(self._line, selectors.EVENT_READ, self._serve_line)
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
        """Send a message without waiting for a process that is busy.

        That the process is gone will be heard from the server.
        """
        if self._line is not None:
            self._outgoing += encode(message)
            self._write()

    def _write(self) -> None:
        assert self._line is not None
        try:
            sent = self._line.send(self._outgoing, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._outgoing)
        del self._outgoing[:sent]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if self._selector.get_key(self._line).events != events:
            self._selector.modify(self._line, events, self._serve_line)

    def _serve_line(self) -> None:
        if self._outgoing:
            self._write()
        self._on_line()

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
        self._print_what_is_no_mark()  # it came behind the mark of the attempt before
        left = PIPE_MOST
        while left > 0 and not (marked and self._mark in self._printed):
            size = self._read_piece()
            if not size:
                break
            left -= size
        if marked:
            self._printed = self._printed.removeprefix(self._mark)
        else:
            self._print(self._printed.replace(self._mark, b""))
            self._printed = b""
        self._close_log()
        self.started = None
        self.ending = Ending()
        self.served += marked
        return self.given.popleft()

    def read_output(self) -> None:
        """Log a piece of what was printed. What comes after a mark is the next attempt's."""
        if self._mark not in self._printed:
            self._read_piece()

    def _read_piece(self) -> int:
        """Read what is there and log it; give how many bytes that were."""
        if self._output is None:
            return 0
        try:
            data = os.read(self._output, PIECE)
        except BlockingIOError:
            return 0
        if not data:
            self._close_output()
        self._printed += data
        self._print_what_is_no_mark()
        return len(data)

    def _print_what_is_no_mark(self) -> None:
        """Log up to a mark, or to what may be the first part of one."""
        end = self._printed.find(self._mark)
        if end < 0:
            end = self._printed.rfind(self._mark[:1], 1 - len(self._mark))
        if end < 0:
            end = len(self._printed)
        self._print(self._printed[:end])
        self._printed = self._printed[end:]

    def _print(self, data: bytes) -> None:
        if not data or not self.given or not self._kept:
            return
        if self._log is None:
            self._log = OutputLog(self._folder.output(*self.given[0].id))
        try:
            self._log.feed(data)
        except OSError as error:
            self._kept = False
            self._warn_of(error)

    def _close_log(self) -> None:
        if self._log is not None:
            try:
                self._log.close()
            except OSError as error:
                self._warn_of(error)
        self._log = None
        self._kept = True

    def _warn_of(self, error: OSError) -> None:
        self._warn(f"what trials print cannot be kept in their output.log: {error}")

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
