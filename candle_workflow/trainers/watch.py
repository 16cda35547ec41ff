"""Memory of trials on this node: who must end so that the node survives.

Ray's own memory monitor is off: it ends the agent and leaves the trial.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from candle_workflow.trainers import process

RESERVE = 0.03  # of the memory there is: below this, the largest trial ends
GROUPS = Path("/sys/fs/cgroup")


def memory_gb(pid: int) -> float:
    """Give the memory in GB (10^9 bytes) of a process and its descendants.

    What is mapped from files or shared on purpose is not counted, since ending them need not
    free it. What a forked child has in common with the server is: most of it soon differs.
    """
    family = [pid]
    for member in family:  # grows meanwhile
        family += process.children(member)
    return sum(_own_memory(member) for member in family) / 1e9


def _own_memory(pid: int) -> int:
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def memory_is_short() -> bool:
    """Whether the node, or a control group that we are confined to, is nearly full."""
    import psutil

    memory = psutil.virtual_memory()
    rooms = [(memory.total, memory.total - memory.available), *control_groups()]
    return any(limit - used < RESERVE * limit for limit, used in rooms)


def control_groups(name: str | None = None, root: Path = GROUPS) -> Iterator[tuple[int, int]]:
    """Give limit and use, less reclaimable cache, of each version 2 group around us that has one.

    Batch systems set the limit at the job's group, some levels above a process' own.
    """
    if name is None:
        name = _own_group()
    folder = root / name.lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(root):
            return
        try:
            limit = int((group / "memory.max").read_text())
            used = int((group / "memory.current").read_text())
            lines = (group / "memory.stat").read_text().splitlines()
        except (OSError, ValueError):  # no such file at the root; "max" is no number
            continue
        yield limit, used - int(dict(line.split() for line in lines).get("inactive_file", 0))


def _own_group() -> str:
    try:
        return Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
    except OSError:
        return ""


def kernel_kills() -> int:
    """Count the processes that the kernel killed for memory since the node booted."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
