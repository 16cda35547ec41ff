"""Messages between an agent and its own processes: pickles behind a length, over a socket.

Both ends are processes of one user that one parent started on a private socket pair; no
message comes from a file, a network or another user.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


def encode(message: Any) -> bytes:
    """Turn a message into bytes."""
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body


class Inbox:
    """Puts the messages of a byte stream together again."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take what arrived; give the messages that are now complete."""
        self._bytes += data
        messages = []
        begin = 0
        while len(self._bytes) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes, begin)
            end = begin + _LENGTH.size + length
            if len(self._bytes) < end:
                break
            body = bytes(self._bytes[begin + _LENGTH.size : end])
            # our own process wrote it: see the module's first lines
            messages.append(pickle.loads(body))  # noqa: S301
            begin = end
        del self._bytes[:begin]
        return messages


class Line:
    """One end of a private connection, for a process that does one thing at a time."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._inbox = Inbox()

    def send(self, message: Any) -> None:
        """Send a message whole.

        Raises
        ------
        OSError
            The other end is gone.
        """
        self.socket.sendall(encode(message))

    def waiting(self) -> list[Any]:
        """Give the messages that have arrived, without waiting.

        Raises
        ------
        EOFError
            The other end is gone.
        """
        messages: list[Any] = []
        while True:
            try:
                data = self.socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                return messages
            if not data:
                raise EOFError
            messages += self._inbox.feed(data)

    def receive(self) -> list[Any]:
        """Wait until at least one message is complete; EOFError if none will come."""
        while True:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            messages = self._inbox.feed(data)
            if messages:
                return messages
