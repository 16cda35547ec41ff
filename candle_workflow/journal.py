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
import logging
import os
import time
import zlib
from pathlib import Path
from typing import Any

from candle_workflow.epochs import Holder, claim, claim_path, holder_of, newest_epoch, release
from candle_workflow.errors import EpochHeld, StoreError
from candle_workflow.folder import sync_folder
from candle_workflow.segments import (
    Cursor,
    Reading,
    Record,
    encode_line,
    parse_line,
    read,
    was_closed,
)

__all__ = ["Cursor", "Journal", "Reading", "Record", "read"]

log = logging.getLogger(__name__)

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Journal:
    """The one writer of a campaign's journal, for one epoch. Not for several threads.

    ``append`` collects records in memory; ``commit`` makes them durable as one group. Act
    on a record only after the commit that holds it has returned.
    """

    def __init__(self, directory: Path, epoch: int, holder: Holder) -> None:
        self.directory = directory
        self.epoch = epoch
        self.next_seq = 0
        self.begun = False  # whether this epoch has a segment
        self._holder = holder
        self._sealed: tuple[str, int] | None = None
        self._lines: list[bytes] = []
        self._check = 0
        self._offset = 0
        self._file: int | None = None
        self._torn = False  # whether a write may have been cut short

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
        StoreError
            Nothing can be written there.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            newest = newest_epoch(directory)
            if newest and not take_over:
                _refuse_if_held(directory, newest)
            return cls(directory, newest + 1, claim(directory, newest + 1))
        except OSError as error:
            raise _cannot_write(directory, error) from error

    def begin(self, reading: Reading, **about: Any) -> None:
        """Seal what was read (its records must be used up) and open this epoch's segment."""
        if reading.cursor is not None:
            self._sealed = (reading.cursor["segment"], reading.cursor["offset"])
            self.next_seq = reading.cursor["seq"]
        try:
            self._open_segment()
        except OSError as error:
            raise _cannot_write(self.directory, error) from error
        self.begun = True
        self.append("opened", seals=self._sealed, epoch=self.epoch, **about)
        self.commit()

    def append(self, kind: str, **body: Any) -> int:
        """Add a record to the group being collected; return its sequence number."""
        return self.append_at(time.time(), kind, body)

    def append_at(self, now: float, kind: str, body: Record) -> int:
        """Add a record that happened at ``now``; return its sequence number."""
        seq = self.next_seq
        line = encode_line(_encode({"s": seq, "t": round(now, 6), "k": kind, **body}))
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
        if os.getpid() != self._holder.pid:
            raise EpochHeld(f"a child that process {self._holder.pid} forked is no controller")
        self.check_held()
        try:
            if self._torn:
                raise InterruptedError("an earlier write did not come to its end")
            self._torn = True  # until it is known to be whole; Ctrl-C may come at any point
            self._write_group()
        except OSError as error:
            self._roll_over(error)
        self._lines, self._check, self._torn = [], 0, False
        self.check_held()

    def check_held(self) -> None:
        """Raise EpochHeld if another controller has claimed a newer epoch."""
        path = claim_path(self.directory, self.epoch + 1)
        if path.exists():
            holder = holder_of(path)
            raise EpochHeld(
                f"epoch {self.epoch} of {self.directory} was taken over by"
                f" {holder or 'another controller'}; this one stops. Nothing is lost."
            )

    def close(self) -> None:
        """Let go of the file; the epoch stays claimed until the process ends or is closed."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def release(self) -> None:
        """Let go of an epoch whose segment cannot say ``closed``."""
        self.close()
        try:
            release(self.directory, self.epoch, self._holder)
        except OSError as error:
            log.error("epoch %d of %s stays claimed: %s", self.epoch, self.directory, error)

    def _write_group(self) -> None:
        count = len(self._lines)
        group = b"".join(self._lines)
        group += encode_line(_encode({"k": "commit", "n": count, "g": self._check}))
        assert self._file is not None, "begin() comes before commit()"
        written = 0
        while written < len(group):
            written += os.write(self._file, group[written:])
        os.fsync(self._file)
        if not os.fstat(self._file).st_nlink:
            raise FileNotFoundError("its file was deleted")
        self._offset += written

    def _open_segment(self) -> None:
        path = self.directory / self._holder.segment
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._offset = 0
        sync_folder(self.directory)

    def _roll_over(self, error: OSError) -> None:
        """After a failed write nobody knows what the disk holds: seal it, write the group anew."""
        if self._offset:
            self._sealed = (self._holder.segment, self._offset)
        lines, seq = self._lines, self.next_seq
        self.close()
        try:
            self._holder = claim(self.directory, self.epoch + 1)
            self.epoch += 1
            self._open_segment()
            self._lines, self._check = [], 0
            self.next_seq = seq - len(lines)
            self.append("opened", seals=self._sealed, epoch=self.epoch, after=str(error))
            for line in lines:
                record = parse_line(line)
                assert record is not None, "our own line must verify"
                self.append_at(record["t"], record["k"], _body(record))
            self._write_group()
        except BaseException as second:
            self._lines, self.next_seq = lines, seq
            if not isinstance(second, OSError):
                raise
            raise StoreError(
                f"the journal in {self.directory} cannot be written: {error}; a new segment"
                f" neither: {second}. Make room or repair the disk, then run the campaign again."
            ) from second


def _cannot_write(directory: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the journal in {directory} cannot be written: {error}. Make that folder writable and"
        " room on its disk, or choose another place with $CANDLE_CAMPAIGNS."
    )


def _body(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("s", "t", "k")}


def _refuse_if_held(directory: Path, epoch: int) -> None:
    holder = holder_of(claim_path(directory, epoch))
    if holder is not None and (holder.is_gone() or was_closed(directory / holder.segment)):
        return
    raise EpochHeld(
        f"the campaign in {directory.parent} is held by {holder or 'an unreadable claim'}, and"
        " nothing shows that it ended. If it is being cancelled, wait until its trials have"
        " ended; else stop it (candle-workflow cancel, or Ctrl-C where it runs). Only if you know"
        " that it is gone, add --take-over."
    )
