"""Epochs: which controller may write a campaign's journal, and whether it still lives.

An epoch is a file ``000002.claim`` in the journal's folder, created exclusively and with
its content. The highest epoch's holder is the only one that may write.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from candle_workflow.errors import EpochHeld
from candle_workflow.folder import atomic_write, sync_folder

_CLAIM = re.compile(r"(\d{6})\.claim")


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
    released: bool = False  # it let go of the epoch, and the process may still be there

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

    def named(self, epoch: int) -> Holder:
        """Name the segment that this holder writes in an epoch."""
        host = re.sub(r"[^A-Za-z0-9.-]", "_", self.host)
        return replace(self, segment=f"{epoch:06d}-{host}-{self.pid}.jsonl")

    def is_gone(self) -> bool:
        """Whether there is evidence that it has ended. False when nobody can tell."""
        if self.released:
            return True
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
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _process_start(pid: int) -> str | None:
    """Give the start time of a live process; None when there is none (zombies are none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def claim_path(directory: Path, epoch: int) -> Path:
    """The file whose existence means that an epoch was claimed."""
    return directory / f"{epoch:06d}.claim"


def newest_epoch(directory: Path) -> int:
    """Give the highest epoch ever claimed; 0 for none."""
    epochs = [int(m[1]) for p in directory.iterdir() if (m := _CLAIM.fullmatch(p.name))]
    return max(epochs, default=0)


def holder_of(path: Path) -> Holder | None:
    """Read a claim; None if it cannot be read."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def claim(directory: Path, epoch: int) -> Holder:
    """Claim an epoch for the calling process.

    Raises
    ------
    EpochHeld
        Somebody else was quicker.
    """
    holder = Holder.this_process().named(epoch)
    _create_exclusively(claim_path(directory, epoch), json.dumps(asdict(holder)).encode())
    return holder


def release(directory: Path, epoch: int, holder: Holder) -> None:
    """Say in an epoch's claim that its holder has let go of it."""
    content = json.dumps(asdict(replace(holder, released=True)))
    atomic_write(claim_path(directory, epoch), content.encode())


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
