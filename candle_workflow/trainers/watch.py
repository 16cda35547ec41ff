"""Memory of trials on this node: who must end so that the node survives.

Ray's own memory monitor is off: it ends the agent and leaves the trial.
"""

from __future__ import annotations

from pathlib import Path

RESERVE = 0.03  # of the memory there is: below this, the largest trial ends


def memory_gb(pid: int) -> float:
    """Give the memory in GB (10^9 bytes) that ending a process and its descendants would free."""
    import psutil

    try:
        parent = psutil.Process(pid)
        members = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_own_memory(member.pid) for member in members) / 1e9


def _own_memory(pid: int) -> int:
    """Bytes that ending a process frees: resident, less what it shares with the server."""
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    except OSError:
        return 0
    return (int(resident) - int(shared)) * 4096


def memory_is_short() -> bool:
    """Whether the node, or the control group that we are confined to, is nearly full."""
    import psutil

    memory = psutil.virtual_memory()
    if memory.available < RESERVE * memory.total:
        return True
    limit, used = _control_group()
    return limit is not None and limit - used < RESERVE * limit


def _control_group() -> tuple[int | None, int]:
    """Give the version 2 control group's limit and use without reclaimable cache, in bytes."""
    try:
        name = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
        folder = Path("/sys/fs/cgroup") / name.lstrip("/")
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None, 0
        current = int((folder / "memory.current").read_text())
        statistics = dict(
            line.split() for line in (folder / "memory.stat").read_text().splitlines()
        )
        return int(limit), current - int(statistics.get("inactive_file", 0))
    except (OSError, ValueError):
        return None, 0


def kernel_kills() -> int:
    """Count the processes that the kernel killed for memory since the node booted."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
