"""Parsl's HighThroughputExecutor: no-op functions on two workers. Prints one JSON line."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider


@parsl.python_app
def noop(x: float) -> float:
    return x


def main(count: int) -> None:
    # its helper programs are looked up on PATH
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        executor = HighThroughputExecutor(
            max_workers_per_node=2,
            address="127.0.0.1",
            loopback_address="127.0.0.1",
            provider=LocalProvider(init_blocks=1, max_blocks=1),
        )
        with parsl.load(Config(executors=[executor], run_dir=folder, initialize_logging=False)):
            for future in [noop(float(i)) for i in range(50)]:
                future.result()
            begin = time.perf_counter()
            futures = [noop(float(i)) for i in range(count)]
            for future in futures:
                future.result()
            seconds = time.perf_counter() - begin
    print(json.dumps({"trials": count, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
