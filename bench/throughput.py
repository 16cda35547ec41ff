"""No-op trials per second through the full stack, with peers beside us in one run.

    python bench/throughput.py [--trials 100000] [--peers python-of-a-venv]

Ours is counted from the first suggestion until every result can be queried in the store:
planner, dispatch, synced journal, index. The peers' is counted from submission to the last
result in memory; they keep nothing that survives them (Ray Tune writes its own files).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TRAINER = "def train(params, context):\n    return {'value': params['x']}\n"
KERAS_TRAINER = "import keras\n" + TRAINER


def ours(count: int, isolation: str, keras: bool = False) -> dict:
    """Run a campaign in a process of its own; give its figures."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(KERAS_TRAINER if keras else TRAINER)
        argv = [sys.executable, str(HERE / "throughput_ours.py"), folder, str(count), isolation]
        environment = {**os.environ, "TMPDIR": "/tmp"}
        done = subprocess.run(argv, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def peer(python: str, script: str, count: int) -> float:
    """Trials per second of a peer, from its own clock."""
    done = subprocess.run(
        [python, str(HERE / "peers" / script), str(count)], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{script}: {done.stderr[-2000:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures["trials"] / figures["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20000)
    parser.add_argument("--peers", default=str(HERE.parent / ".venv-bench/bin/python"))
    options = parser.parse_args()
    worker = ours(options.trials, "worker")
    process = ours(1000, "process", keras=True)
    rows = [
        ("candle_workflow, isolation: worker", worker["trials_per_s"]),
        ("candle_workflow, isolation: process, keras preloaded", process["trials_per_s"]),
        ("Ray Tune, reuse_actors=True", peer(sys.executable, "ray_tune.py", 200)),
        ("Parsl HTEX, 2 workers", peer(options.peers, "parsl_htex.py", 5000)),
        ("HyperQueue, 2 cores, `true`", peer(options.peers, "hyperqueue_local.py", 5000)),
    ]
    for name, rate in rows:
        print(f"{name:55} {rate:10.1f} trials/s   {worker['trials_per_s'] / rate:8.1f}x")
    print(json.dumps({"worker": worker, "process": process}, indent=1))


if __name__ == "__main__":
    main()
