"""How long a trial takes to start, and whether its steps are as fast as a plain script's.

    python bench/start.py [--trials 20]

Start: from the durable record that a trial is dispatched (journal, Ray and fork still to
come) to the first line of the user's code, with Keras imported there; beside it a fresh
Python process that imports Keras. Steps: the same model and batches in a trial with
``cpus: 2`` and in a plain script with as many threads, one after the other, three times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAINER = """
import time
begun = time.time()
import keras

def start(params, context):
    first_line = time.time()
    time.sleep(1.2)  # longer than a second: then nothing is queued ahead
    return {"value": first_line, "imported": first_line - begun}

def step_ms():
    import numpy as np
    rng = np.random.default_rng(0)
    x = rng.normal(size=(640, 1024)).astype("float32")
    y = rng.integers(0, 2, 640)
    layers = [keras.layers.Dense(1024, "relu") for _ in range(4)]
    model = keras.Sequential([keras.Input((1024,)), *layers, keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    begin = time.perf_counter()
    model.fit(x, y, batch_size=32, epochs=10, verbose=0)
    return (time.perf_counter() - begin) / 200 * 1000

def steps(params, context):
    return {"value": step_ms()}

if __name__ == "__main__":
    print(step_ms())
"""


def campaign(root: Path, name: str, trials: int, cpus: int) -> list[dict]:
    """Run trials of one function of the trainer; give the journal's records."""
    import candle_workflow as cw
    from candle_workflow.journal import read

    result = cw.run(
        {
            "name": name,
            "trainer": {"function": f"{root}/train.py:{name.partition('-')[0]}"},
            "space": {},
            "objective": {"metric": "value", "mode": "min"},
            "planner": {"name": "random", "trials": trials, "seed": 1},
            "launcher": {"name": "ray", "slots": 1},
            "resources": {"cpus": cpus},
        }
    )
    assert result.counts["complete"] == trials, result
    return list(read(result.folder.journal).records)


def start_ms(records: list[dict]) -> list[float]:
    """Milliseconds from each dispatch to the first line of user code."""
    dispatched = {r["trial"]: r["t"] for r in records if r["k"] == "dispatched"}
    ends = {r["trial"]: r["metrics"] for r in records if r["k"] == "ended"}
    return [(ends[n]["value"] - dispatched[n]) * 1000 for n in sorted(ends)]


def fresh_ms() -> float:
    """A fresh process until Keras is imported."""
    begin = time.time()
    code = "import time, keras; print(time.time())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return (float(done.stdout) - begin) * 1000


def plain_step_ms(root: Path) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, str(root / "train.py")],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "train.py").write_text(TRAINER)
        os.environ["CANDLE_CAMPAIGNS"] = str(root / "campaigns")
        os.environ["CANDLE_STORE"] = str(root / "store.db")
        starts = start_ms(campaign(root, "start", options.trials, 1))[1:]
        fresh = [fresh_ms() for _ in range(3)]
        ours, plain = [], []
        for turn in range(3):
            ends = [r for r in campaign(root, f"steps-{turn}", 1, 2) if r["k"] == "ended"]
            ours.append(ends[0]["metrics"]["value"])
            plain.append(plain_step_ms(root))
    figures = {
        "start_ms_median": statistics.median(starts),
        "start_ms_worst": max(starts),
        "fresh_process_ms_median": statistics.median(fresh),
        "step_ms_in_a_trial": statistics.median(ours),
        "step_ms_plain_script": statistics.median(plain),
    }
    print(json.dumps({key: round(value, 2) for key, value in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
