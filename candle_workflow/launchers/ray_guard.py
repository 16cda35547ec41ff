"""Ends what an embedded Ray leaves when its controller is gone, however that ended.

A process of its own that waits for the end of a pipe from the controller. Ray's own helper
processes outlive a killed controller by minutes, and whatever a trial had started may
outlive it for ever; all of them carry the cluster's token path in their environment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 100  # of looking for processes; new ones may appear while the old are ended
QUIET_ROUNDS = 40  # without any, after a kill: one that is just being started shows nothing yet
ROUND_S = 0.05


def start(folder: Path, token: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a guard; closing the descriptor (or ending) lets it do its work."""
    reading, writing = os.pipe()
    guard = subprocess.Popen(  # noqa: S603 - an argument vector of our own
        [sys.executable, "-P", "-m", __name__, str(reading), str(folder), str(token)],
        pass_fds=[reading],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    os.close(reading)
    return writing, guard


def _members(token: Path) -> list[int]:
    """Processes that were started with this token path in their environment."""
    mark = b"RAY_AUTH_TOKEN_PATH=" + os.fsencode(token)
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or belongs to somebody else
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                pids.append(int(entry.name))
    return pids


def main() -> None:
    """Wait for the controller's end, then end what is left."""
    controller = os.getppid()
    pipe, folder, token = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    while os.read(pipe, 1):
        pass
    # a controller that lives took Ray down in order, and waits for us
    enough = 1 if os.getppid() == controller else QUIET_ROUNDS
    quiet = 0
    for _ in range(ROUNDS):
        pids = _members(token)
        quiet = 0 if pids else quiet + 1
        if quiet == enough:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(ROUND_S)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
