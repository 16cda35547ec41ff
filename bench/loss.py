"""Seconds from a SIGKILL to the first line of the trial's next attempt, by what was killed.

    python bench/loss.py [--rounds 3]

A launcher on one slot runs a trial that waits. Its process, the server that forks trials, or
the node's agent (a Ray worker) is killed; the trial is started again as soon as the launcher
says that it was lost, as the engine does.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from candle_workflow.launchers import ray_cluster
from candle_workflow.launchers.ray import RayLauncher
from candle_workflow.model import Attempt, Cause, Ended, Workload

TRAINER = """
import os, time
def waits(params, context):
    path = context.folder / "begun"
    path.with_suffix(".aside").write_text(f"{os.getpid()} {time.time()}")
    path.with_suffix(".aside").rename(path)
    while not context.should_stop():
        time.sleep(0.05)
"""


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def begun(root: Path, launcher: RayLauncher, attempt: int) -> tuple[int, float]:
    """Wait for an attempt's first line; give its pid and time. Events are drained meanwhile."""
    path = root / "c" / "trials" / "0" / str(attempt) / "begun"
    while not path.exists():
        launcher.poll(0.01)
    pid, moment = path.read_text().split()
    return int(pid), float(moment)


def measure(victim: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "t.py").write_text(TRAINER)
        trainer = {"function": "t.py:waits", "root": folder}
        with RayLauncher(Workload("c", f"{folder}/c", trainer), slots=1, grace=1.0) as launcher:
            launcher.start([Attempt(0, 1, {}, seed=1)])
            pid, _ = begun(root, launcher, 1)
            server = parent(pid)
            target = {"trial": pid, "server": server, "agent": parent(server)}[victim]
            killed = time.time()
            os.kill(target, signal.SIGKILL)
            ends: list[Ended] = []
            while not ends:
                ends = [e for e in launcher.poll(0.5) if isinstance(e, Ended)]
            assert ends[0].cause is Cause.LOST, ends
            launcher.start([Attempt(0, 2, {}, seed=1)])
            return begun(root, launcher, 2)[1] - killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with ray_cluster.embedded():
        figures = {
            victim: round(statistics.median(measure(victim) for _ in range(rounds)), 3)
            for victim in ("trial", "server", "agent")
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
