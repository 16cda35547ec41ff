"""What a trial printed, as a log worth keeping: no progress bars, no file if nothing came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_LONGEST = 1 << 16  # an unfinished line longer than this is written as it is, in bytes


def settle(line: bytes) -> bytes:
    """Give a line as a terminal would show it at the end.

    A carriage return begins it again, a backspace takes a character back; colours and
    cursor movements are dropped.
    """
    ended = line.endswith(b"\n")
    text = _ESCAPES.sub(b"", line.rstrip(b"\r\n"))
    text = text.rpartition(b"\r")[2]
    if b"\b" in text:
        shown = bytearray()
        for byte in text:
            if byte != 8:
                shown.append(byte)
            elif shown:
                shown.pop()
        text = bytes(shown)
    return text + b"\n" if ended else text


class OutputLog:
    """Writes one attempt's output to a file that is made with the first byte."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._file: BinaryIO | None = None

    def feed(self, data: bytes) -> None:
        """Take what was printed."""
        if not data:
            return
        lines = (self._rest + data).splitlines(keepends=True)
        lines = _join_returns(lines)
        self._rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if len(self._rest) > _LONGEST:
            lines.append(self._rest)
            self._rest = b""
        self._write(b"".join(settle(line) for line in lines))

    def close(self) -> None:
        """Write an unfinished last line, and let go."""
        try:
            self._write(settle(self._rest))
        finally:
            self._rest = b""
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        self._file.write(data)


def _join_returns(pieces: list[bytes]) -> list[bytes]:
    """Join what ``splitlines`` split at a lone carriage return (or another odd separator)."""
    lines: list[bytes] = []
    for piece in pieces:
        if lines and not lines[-1].endswith(b"\n"):
            # only the last state of a progress bar can still matter
            kept = b"" if lines[-1].endswith(b"\r") and piece.strip() else lines[-1]
            lines[-1] = kept + piece
        else:
            lines.append(piece)
    return lines
