"""The journal: every transition and result of a campaign, in order, on a shared disk.

Files, in the campaign's ``journal/``:

``000002.claim``
    Epoch 2's holder (host, process, time). Created exclusively, with its content, so
    each epoch has one holder; the highest epoch is the only one that may write.
``000002-<host>-<pid>.jsonl``
    What that controller wrote. One JSON object a line::

        {"c":"<crc32 of the rest of the line>","s":17,"t":1790000000.123,"k":"asked",...}

    ``s`` numbers all records of the campaign, ``t`` is seconds since the epoch, ``k``
    the kind. A group of lines that was synced together ends with a ``commit`` line that
    holds their count and checksum. The first record of a segment, ``opened``, seals the
    segment before it at a byte offset: what comes after it there never happened.

A new controller claims first, then reads, then seals. A writer looks for a newer claim
after each sync and before it acts on what it wrote; so whatever a frozen controller acted
on was durable before the claim, and is inside the seal. Nothing is ever truncated or
repaired.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from candle_workflow.errors import EpochHeld, JournalDamaged, StoreError
from candle_workflow.folder import sync_folder

Record = dict[str, Any]
Cursor = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = json.JSONDecoder().decode
_HEAD = len(b'{"c":"01234567",')
_SEGMENT = re.compile(r"(\d{6})-.+\.jsonl")
_CLAIM = re.compile(r"(\d{6})\.claim")


# ------------------------------------------------------------------ lines


def _line(body: str) -> bytes:
    """Put the checksum of a JSON object in front of its members."""
    rest = body[1:].encode()
    return b'{"c":"%08x",%s\n' % (zlib.crc32(rest), rest)


def _parse(line: bytes) -> Record | None:
    """Give a line's record, or None if it does not verify."""
    rest = line[_HEAD:-1]
    if line[-1:] != b"\n" or line[:_HEAD] != b'{"c":"%08x",' % zlib.crc32(rest):
        return None
    record: Record = _decode("{" + rest.decode())
    return record


# ------------------------------------------------------------------ who holds it


@dataclass(frozen=True, slots=True)
class Holder:
    """The process behind an epoch, with enough to tell later whether it still lives."""

    host: str
    boot: str
    namespace: str
    pid: int
    began: str  # the process's start time in clock ticks since boot
    time: float
    segment: str = ""

    @classmethod
    def this_process(cls) -> Holder:
        """Describe the calling process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            boot=_boot_id(),
            namespace=_pid_namespace(),
            pid=pid,
            began=_process_start(pid) or "",
            time=time.time(),
        )

    def is_gone(self) -> bool:
        """Whether there is evidence that the process has ended. False when nobody can tell."""
        if self.host != socket.gethostname():
            return False
        if self.boot != _boot_id():
            return True
        return self.namespace == _pid_namespace() and _process_start(self.pid) != self.began

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        return f"process {self.pid} on {self.host} since {since}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _process_start(pid: int) -> str | None:
    """Give the start time of a live process; None when there is none (zombies are none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


# ------------------------------------------------------------------ reading


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
    path, limit = newest, None
    while path is not None:
        chain.append(_Segment(path, limit))
        opened = _opening(path)
        if opened is None:
            raise JournalDamaged(
                f"{path}: its first record does not verify. Restore this file from a copy."
            )
        seals = opened["seals"]
        path, limit = (directory / seals[0], seals[1]) if seals else (None, None)
        if path is not None and not path.exists():
            raise JournalDamaged(f"{path} is missing. Restore it from a copy.")
    return chain[::-1]


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []


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
            record = _parse(line)
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
    if any((r := _parse(line)) is not None and r["k"] == "commit" for line in file):
        # a group in the middle is broken although something after it was acknowledged;
        # but a controller may have committed between our reading and this look
        file.seek(good)
        record = _parse(file.readline())
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
    count = check = 0
    for line in file:
        record = _parse(line)
        if record is None:
            return False
        if record["k"] == "commit":
            return bool(record["n"] == count and record["g"] == check)
        count += 1
        check = zlib.crc32(line, check)
    return False


# ------------------------------------------------------------------ writing


class Journal:
    """The one writer of a campaign's journal, for one epoch. Not for several threads.

    ``append`` collects records in memory; ``commit`` makes them durable as one group. Act
    on a record only after the commit that holds it has returned.
    """

    def __init__(self, directory: Path, epoch: int, holder: Holder) -> None:
        self.directory = directory
        self.epoch = epoch
        self.next_seq = 0
        self._holder = holder
        self._sealed: tuple[str, int] | None = None
        self._lines: list[bytes] = []
        self._check = 0
        self._offset = 0
        self._file: int | None = None

    @classmethod
    def claim(cls, directory: Path, *, take_over: bool = False) -> Journal:
        """Claim the next epoch; read the journal next, then call ``begin``.

        Parameters
        ----------
        directory : Path
            Made if absent.
        take_over : bool
            Claim even though the present holder may be alive.

        Raises
        ------
        EpochHeld
            Another controller holds the newest epoch and nothing shows that it ended.
        """
        directory.mkdir(parents=True, exist_ok=True)
        newest = _newest_epoch(directory)
        if newest and not take_over:
            _refuse_if_held(directory, newest)
        return cls._create_claim(directory, newest + 1)

    @classmethod
    def _create_claim(cls, directory: Path, epoch: int) -> Journal:
        holder = Holder.this_process()
        segment = f"{epoch:06d}-{re.sub(r'[^A-Za-z0-9.-]', '_', holder.host)}-{holder.pid}.jsonl"
        holder = Holder(**{**asdict(holder), "segment": segment})
        _create_exclusively(directory / f"{epoch:06d}.claim", _encode(asdict(holder)).encode())
        return cls(directory, epoch, holder)

    def begin(self, reading: Reading, **about: Any) -> None:
        """Seal what was read (its records must be used up) and open this epoch's segment."""
        if reading.cursor is not None:
            self._sealed = (reading.cursor["segment"], reading.cursor["offset"])
            self.next_seq = reading.cursor["seq"]
        self._open_segment()
        self.append("opened", seals=self._sealed, epoch=self.epoch, **about)
        self.commit()

    def append(self, kind: str, **body: Any) -> int:
        """Add a record to the group being collected; return its sequence number."""
        return self.append_at(time.time(), kind, body)

    def append_at(self, now: float, kind: str, body: Record) -> int:
        """Add a record that happened at ``now``; return its sequence number."""
        seq = self.next_seq
        line = _line(_encode({"s": seq, "t": round(now, 6), "k": kind, **body}))
        self._lines.append(line)
        self._check = zlib.crc32(line, self._check)
        self.next_seq = seq + 1
        return seq

    def commit(self) -> None:
        """Write the group and wait until the disk has it; nothing to do without records.

        Raises
        ------
        EpochHeld
            A newer epoch was claimed: this controller has been replaced and must stop.
        StoreError
            Neither this segment nor a new one could be written.
        """
        if not self._lines:
            return
        self.check_held()
        try:
            self._write_group()
        except OSError as error:
            self._roll_over(error)
        self._lines.clear()
        self._check = 0
        self.check_held()

    def check_held(self) -> None:
        """Raise EpochHeld if another controller has claimed a newer epoch."""
        path = self.directory / f"{self.epoch + 1:06d}.claim"
        if path.exists():
            holder = _holder(path)
            raise EpochHeld(
                f"epoch {self.epoch} of {self.directory} was taken over by"
                f" {holder or 'another controller'}; this one stops. Nothing is lost."
            )

    def close(self) -> None:
        """Let go of the file; the epoch stays claimed until the process ends or is closed."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write_group(self) -> None:
        count = len(self._lines)
        group = b"".join(self._lines)
        group += _line(_encode({"k": "commit", "n": count, "g": self._check}))
        assert self._file is not None, "begin() comes before commit()"
        written = 0
        while written < len(group):
            written += os.write(self._file, group[written:])
        os.fsync(self._file)
        self._offset += written

    def _open_segment(self) -> None:
        path = self.directory / self._holder.segment
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._offset = 0
        sync_folder(self.directory)

    def _roll_over(self, error: OSError) -> None:
        """After a failed write nobody knows what the disk holds: seal it, write the group anew."""
        sealed = (self._holder.segment, self._offset) if self._offset else self._sealed
        lines, seq = self._lines, self.next_seq
        self.close()
        try:
            successor = self._create_claim(self.directory, self.epoch + 1)
            self.epoch, self._holder, self._sealed = successor.epoch, successor._holder, sealed
            self._open_segment()
            self._lines, self._check = [], 0
            self.next_seq = seq - len(lines)
            self.append("opened", seals=sealed, epoch=self.epoch, after=str(error))
            for line in lines:
                record = _parse(line)
                assert record is not None, "our own line must verify"
                self.append_at(record["t"], record["k"], _body(record))
            self._write_group()
        except OSError as second:
            raise StoreError(
                f"the journal in {self.directory} cannot be written: {error}; a new segment"
                f" neither: {second}. Make room or repair the disk, then run the campaign again."
            ) from second


def _body(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("s", "t", "k")}


def _newest_epoch(directory: Path) -> int:
    epochs = [int(m[1]) for p in _listed(directory) if (m := _CLAIM.fullmatch(p.name))]
    return max(epochs, default=0)


def _holder(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _refuse_if_held(directory: Path, epoch: int) -> None:
    holder = _holder(directory / f"{epoch:06d}.claim")
    if holder is not None and (holder.is_gone() or _was_closed(directory / holder.segment)):
        return
    raise EpochHeld(
        f"the campaign in {directory.parent} is held by {holder or 'an unreadable claim'}, and"
        " nothing shows that it ended. Stop it first; or, if you know that it is gone,"
        " add --take-over."
    )


def _was_closed(segment: Path) -> bool:
    """Whether a controller wrote its last record there by itself."""
    if not segment.exists():
        return False
    last: Record | None = None
    for group, _ in _groups(_Segment(segment), 0, []):
        last = group[-1]
    return last is not None and last["k"] == "closed"


def _create_exclusively(path: Path, content: bytes) -> None:
    """Create a file that appears with its whole content, or not at all.

    Raises
    ------
    EpochHeld
        Somebody else was quicker.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError as error:
            raise EpochHeld(
                f"another controller claimed {path} at the same moment. Run again to see it."
            ) from error
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)
