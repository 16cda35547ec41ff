"""Reading a journal: which segments count, up to where, and what in them is acknowledged.

Readers never repair. Damage before the last commit is an error; what was never committed
is named and does not count. The format is described in ``journal``.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from candle_workflow.errors import JournalDamaged, StoreError

Record = dict[str, Any]
Cursor = dict[str, Any]

_decode = json.JSONDecoder().decode
_HEAD = len(b'{"c":"01234567",')
_SEGMENT = re.compile(r"\d{6}-.+\.jsonl")


def encode_line(body: str) -> bytes:
    """Put the checksum of a JSON object in front of its members."""
    rest = body[1:].encode(errors="replace")  # text of a user's may hold halves of characters
    return b'{"c":"%08x",%s\n' % (zlib.crc32(rest), rest)


def parse_line(line: bytes) -> Record | None:
    """Give a line's record, or None if it does not verify."""
    rest = line[_HEAD:-1]
    if line[-1:] != b"\n" or line[:_HEAD] != b'{"c":"%08x",' % zlib.crc32(rest):
        return None
    record: Record = _decode("{" + rest.decode())
    return record


@dataclass(slots=True)
class _Segment:
    """One segment of the valid chain; ``limit`` is where its successor sealed it."""

    path: Path
    limit: int | None = None


@dataclass(slots=True)
class Reading:
    """The acknowledged records of a journal, given one by one.

    ``cursor`` and ``damage`` are complete once ``records`` is used up. ``restarted`` says
    that the cursor given no longer fits and the records begin from the first again.
    """

    directory: Path
    restarted: bool = False
    cursor: Cursor | None = None
    damage: list[str] = field(default_factory=list)
    _chain: list[_Segment] = field(default_factory=list)

    @property
    def records(self) -> Iterator[Record]:
        """Yield the records after the cursor.

        Raises
        ------
        JournalDamaged
            Acknowledged records do not verify; names file and byte.
        """
        begin = self.cursor
        names = [segment.path.name for segment in self._chain]
        first = names.index(begin["segment"]) if begin else 0
        expected = begin["seq"] if begin else 0
        for segment in self._chain[first:]:
            offset = begin["offset"] if begin else 0
            begin = None
            self.cursor = {"segment": segment.path.name, "offset": offset, "seq": expected}
            for group, end in _groups(segment, offset, self.damage):
                for record in group:
                    if record["s"] != expected:
                        raise JournalDamaged(
                            f"{segment.path}: record {record['s']} where {expected} was expected,"
                            f" before byte {end}. Restore this file from a copy."
                        )
                    expected += 1
                    yield record
                self.cursor = {"segment": segment.path.name, "offset": end, "seq": expected}


def read(directory: Path, after: Cursor | None = None) -> Reading:
    """Read a journal's acknowledged records, from the first or after a cursor.

    Raises
    ------
    JournalDamaged
        A segment of the chain is missing, or (while iterating) does not verify.
    """
    reading = Reading(directory)
    reading._chain = _chain(directory, reading.damage)
    if after is not None:
        fits = any(
            s.path.name == after["segment"] and (s.limit is None or after["offset"] <= s.limit)
            for s in reading._chain
        )
        reading.restarted = not fits
        reading.cursor = after if fits else None
    return reading


def _chain(directory: Path, damage: list[str]) -> list[_Segment]:
    """Follow the seals back from the newest segment that has a committed record."""
    segments = sorted(p for p in _listed(directory) if _SEGMENT.fullmatch(p.name))
    newest = next((p for p in reversed(segments) if _opening(p) is not None), None)
    for path in segments:
        if path.stat().st_size and (newest is None or path > newest):
            damage.append(f"{path}: nothing in it was committed; its lines do not count")
    chain: list[_Segment] = []
    step: _Segment | None = _Segment(newest) if newest else None
    while step is not None:
        chain.append(step)
        opened = _opening(step.path)
        if opened is None:
            raise JournalDamaged(
                f"{step.path}: its first record does not verify. Restore this file from a copy."
            )
        seals = opened["seals"]
        step = _Segment(directory / seals[0], seals[1]) if seals else None
        if step is not None and not step.path.exists():
            raise JournalDamaged(f"{step.path} is missing. Restore it from a copy.")
    return chain[::-1]


def _opening(path: Path) -> Record | None:
    """Give a segment's first record if its group is committed."""
    for group, _ in _groups(_Segment(path), 0, []):
        return group[0]
    return None


def _groups(
    segment: _Segment, offset: int, damage: list[str]
) -> Iterator[tuple[list[Record], int]]:
    """Yield each committed group with the offset of its end; name what is left over."""
    good = offset
    with segment.path.open("rb") as file:
        file.seek(offset)
        group: list[Record] = []
        check = 0
        for line in file:
            if segment.limit is not None and good >= segment.limit:
                break
            offset += len(line)
            record = parse_line(line)
            if record is None:
                break
            if record["k"] != "commit":
                group.append(record)
                check = zlib.crc32(line, check)
                continue
            if record["n"] != len(group) or record["g"] != check:
                break
            good = offset
            yield group, good
            group, check = [], 0
        _judge_rest(segment, good, file, damage)


def _judge_rest(segment: _Segment, good: int, file: BinaryIO, damage: list[str]) -> None:
    """Tell an unacknowledged tail, which is named, from damage, which is an error."""
    size = os.fstat(file.fileno()).st_size
    if segment.limit is not None:
        if good < segment.limit:
            raise JournalDamaged(
                f"{segment.path}: records after byte {good} do not verify although the next"
                f" segment sealed it at {segment.limit}. Restore this file from a copy."
            )
        if size > good:
            damage.append(
                f"{segment.path}: {size - good} bytes after byte {good} were written by a"
                " controller that had been replaced; they do not count"
            )
        return
    if size == good:
        return
    file.seek(good)
    if any((r := parse_line(line)) is not None and r["k"] == "commit" for line in file):
        # a group in the middle is broken although something after it was acknowledged;
        # but a controller may have committed between our reading and this look
        file.seek(good)
        record = parse_line(file.readline())
        if record is None or not _group_verifies(file, good):
            raise JournalDamaged(
                f"{segment.path}: records after byte {good} do not verify although later ones"
                " were committed. Restore this file from a copy."
            )
        return
    damage.append(
        f"{segment.path}: {size - good} bytes after byte {good} were never committed; they do"
        " not count"
    )


def _group_verifies(file: BinaryIO, start: int) -> bool:
    file.seek(start)
    check = 0
    for count, line in enumerate(file):
        record = parse_line(line)
        if record is None:
            return False
        if record["k"] == "commit":
            return bool(record["n"] == count and record["g"] == check)
        check = zlib.crc32(line, check)
    return False


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"the journal in {directory} cannot be read: {error}") from error


def was_closed(segment: Path) -> bool:
    """Whether a controller wrote its last record there by itself."""
    if not segment.exists():
        return False
    last: Record | None = None
    for group, _ in _groups(_Segment(segment), 0, []):
        last = group[-1]
    return last is not None and last["k"] == "closed"
