"""The agent's end of its server: start it, hear it, tell it, start it anew when it ends."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from candle_workflow.errors import PluginError
from candle_workflow.trainers import process
from candle_workflow.trainers.wire import Inbox, encode

STARTS = 3  # a server that ends so often in a row before it is ready is given up
_LAST_BYTES, _LAST_LINES = 4096, 3  # of what it wrote to stderr, in an error's message


class ServerHandle:
    """One server at a time, and what was said to the first is said to those after it.

    Parameters
    ----------
    python : sequence of str
        The Python to run it with, and what must come before that.
    environment : mapping
        The whole environment: thread counts are read when the framework is imported.
    hello : tuple
        Its first message.
    """

    def __init__(
        self, python: Sequence[str], environment: Mapping[str, str], hello: tuple[Any, ...]
    ) -> None:
        self.socket: socket.socket
        self._python = list(python)
        self._environment = environment
        self._hello = hello
        self._starts = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes]
        self._last_words = ""

    def start(self) -> None:
        """Start a server.

        Raises
        ------
        PluginError
            It cannot be started, or did not get ready several times in a row.
        """
        if self._starts == STARTS:
            raise PluginError(self._why_not())
        self._starts += 1
        self._inbox = Inbox()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.socket, theirs = socket.socketpair()
        # -P: a file where the campaign was started must not shadow a module
        module = ["-P", "-m", "candle_workflow.trainers.server", str(theirs.fileno())]
        with theirs:
            try:
                self._child = subprocess.Popen(  # noqa: S603 - an argument vector of our own
                    [*self._python, *module], pass_fds=[theirs.fileno()], env=self._environment,
                    stdin=subprocess.DEVNULL, stderr=self._errors, start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                raise PluginError(
                    f"trials cannot be started with {self._command}: {error}"
                ) from error
        self._send(encode(self._hello))

    def hear(self) -> list[tuple[Any, ...]] | None:
        """Give the messages that have arrived; None when the server has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            return None
        messages: list[tuple[Any, ...]] = self._inbox.feed(data)
        if any(message[0] == "ready" for message in messages):
            self._starts = 0
        return messages

    def start_slot(self, message: tuple[Any, ...], descriptors: tuple[int, int]) -> None:
        """Send a ``start`` message whole, with the two descriptors that go with it."""
        data = encode(message)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        with contextlib.suppress(OSError):  # the server's end is noticed by reading
            sent = self.socket.sendmsg([data], [rights])
            self.socket.sendall(data[sent:])

    def signal_slot(self, key: int, number: int) -> None:
        """Have the server send a signal to a slot's process and what that started."""
        self._send(encode(("kill", key, number)))

    def end(self) -> None:
        """Hang up, which ends the server and its children, and wait until it is gone."""
        self.socket.close()
        if self._errors.closed:
            return
        if self._child is not None:
            self._child.wait()
        with self._errors as errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = errors.read().decode(errors="replace").split("\n")
        self._last_words = "\n".join([line for line in lines if line.strip()][-_LAST_LINES:])

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the server's end is noticed by reading
            self.socket.sendall(data)

    @property
    def _command(self) -> str:
        return f"{' '.join(self._python)} (trainer_env.python, or else the controller's own)"

    def _why_not(self) -> str:
        assert self._child is not None, "start() comes first"
        return (
            f"the process that starts trials {process.how_it_ended(self._child.returncode)} before"
            f" it was ready, {STARTS} times. It was started with {self._command}."
            f" Its last words: {self._last_words or 'none'}"
        )
