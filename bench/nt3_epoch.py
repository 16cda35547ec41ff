"""Compare an epoch of the NT3 benchmark with the plain Keras script of the same model.

Both run in processes of their own, in turn, with the same threads, on the same samples;
the first epoch of each (it compiles) is left out. On a machine that does other work as well,
the fastest epochs tell more than the medians::

    python bench/nt3_epoch.py --features 5000 --samples 200 --epochs 4 --rounds 2 --cpus 1

The samples are random: how long an epoch takes does not depend on their values.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

BATCH = 20


def main() -> None:
    """Run both in turn and print the seconds of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, default=5000)
    parser.add_argument("--samples", type=int, default=200, help="a quarter of them to validate on")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--one", choices=TRAININGS, help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(TRAININGS[options.one](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        options.data = str(Path(folder) / "samples.npz")
        _make_samples(options)
        seconds = _alternate(options)
    for name, values in seconds.items():
        print(f"{name:9s} epochs, seconds: {[round(value, 3) for value in values]}")
    for title, pick in (("fastest", min), ("median", median)):
        ours, theirs = pick(seconds["benchmark"]), pick(seconds["plain"])
        print(f"{title:7s} benchmark {ours:.3f} s, plain {theirs:.3f} s: {ours / theirs:.3f}")


def _make_samples(options: argparse.Namespace) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    x = random.random((options.samples, options.features), dtype=np.float32)
    np.savez(options.data, x=x, y=np.arange(options.samples) % 2)


def _alternate(options: argparse.Namespace) -> dict[str, list[float]]:
    from candle_workflow.trainers.process import thread_variables

    environment = os.environ | thread_variables(options.cpus) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    seconds: dict[str, list[float]] = {name: [] for name in TRAININGS}
    for _ in range(options.rounds):
        for name in seconds:
            values = [f"--{key}={value}" for key, value in vars(options).items() if value]
            command = [sys.executable, __file__, *values, f"--one={name}"]
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            seconds[name] += json.loads(done.stdout.splitlines()[-1])[1:]
    return seconds


def plain(options: argparse.Namespace) -> list[float]:
    """Train as a plain Keras script does; give the seconds of each epoch."""
    import time

    import keras
    import numpy as np
    from keras import layers
    from sklearn.model_selection import train_test_split

    data = np.load(options.data)
    x_train, x_valid, y_train, y_valid = train_test_split(
        data["x"][..., None],
        keras.utils.to_categorical(data["y"], 2),
        test_size=0.25,
        stratify=data["y"],
    )
    model = keras.Sequential(
        [
            keras.Input((options.features, 1)),
            layers.Conv1D(128, 20),
            layers.Activation("relu"),
            layers.MaxPooling1D(1),
            layers.Conv1D(128, 10),
            layers.Activation("relu"),
            layers.MaxPooling1D(10),
            layers.Flatten(),
            layers.Dense(200),
            layers.Activation("relu"),
            layers.Dropout(0.1),
            layers.Dense(20),
            layers.Activation("relu"),
            layers.Dropout(0.1),
            layers.Dense(2),
            layers.Activation("softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.001), "categorical_crossentropy", metrics=["accuracy"])
    marks = [time.perf_counter()]
    model.fit(
        x_train,
        y_train,
        batch_size=BATCH,
        epochs=options.epochs,
        validation_data=(x_valid, y_valid),
        verbose=0,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=10),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: marks.append(time.perf_counter())
            ),
        ],
    )
    return [end - begin for begin, end in pairwise(marks)]


def benchmark(options: argparse.Namespace) -> list[float]:
    """Train as a trial does; give the ``duration_s`` that it reports of each epoch."""
    from candle_benchmarks.nt3 import BENCHMARK

    from candle_workflow.model import Attempt, Measured, Workload
    from candle_workflow.trainers.context import Context

    params = BENCHMARK.defaults() | {"epochs": options.epochs, "save_model": False}
    seconds: list[float] = []

    def note(event: Any) -> None:
        if isinstance(event, Measured):
            seconds.append(event.values["duration_s"])

    workload = Workload(
        campaign="bench",
        folder=str(Path(options.data).parent),
        trainer={"benchmark": "nt3"},
        data={"path": options.data},
    )
    BENCHMARK.train(params, Context(Attempt(0, 1, params, seed=1), workload, send=note))
    return seconds


TRAININGS = {"plain": plain, "benchmark": benchmark}

if __name__ == "__main__":
    main()
