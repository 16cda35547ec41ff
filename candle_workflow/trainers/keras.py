"""Keras callbacks that connect a training to its trial, for any Keras script.

::

    checkpointer = Checkpointer(context, model)
    model.fit(x, y, epochs=20, verbose=0, callbacks=[Reporter(context), checkpointer],
              initial_epoch=restore(context, model))

Order matters: callbacks that add to the epoch's logs first, then the Reporter, and the
Checkpointer last. Importing this module imports Keras and its backend.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from candle_workflow.errors import DataError
from candle_workflow.plugins import require
from candle_workflow.trainers.context import Context, NotANumber

keras: Any = require("keras", "keras")
Callback: Any = keras.callbacks.Callback

KEPT = 2  # checkpoints of one attempt
LOOK_S = 1.0  # looking at a loss waits for the device, so not at every batch
WEIGHTS = "state.weights.h5"  # and the optimizer's state
STATE = "state.json"  # everything else
COUNTERS = ("best", "wait", "cooldown_counter")  # what a plateau and early stopping count by


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a training one is: so many whole epochs, so many batches of the next.

    ``logs`` are the means over these batches.
    """

    epoch: int = 0
    batch: int = 0
    logs: Mapping[str, float] = field(default_factory=dict)


class Reporter(Callback):  # type: ignore[misc]  # untyped
    """Reports every epoch's logs, and ends the training when asked or when it has diverged.

    Besides what Keras measured: ``learning_rate``, ``duration_s`` of the epoch with its
    validation, and ``samples_per_s`` while training (if ``samples``, the number of training
    samples, is given). An epoch that a stop interrupts is not reported.

    Raises (out of ``fit``)
    -----------------------
    NotANumber
        The loss is nan or infinite: the trial has failed with the cause nan.
    """

    def __init__(self, context: Context, *, samples: int | None = None) -> None:
        super().__init__()
        self.final: dict[str, float] = {}  # what was reported last
        self._context = context
        self._samples = samples
        self._begun = self._looked = self._trained = 0.0
        self._batches = 0
        self._cut = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._begun = self._looked = time.perf_counter()
        self._batches = 0
        self._cut = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = self._trained = time.perf_counter()
        self._batches += 1
        if now - self._looked >= LOOK_S:
            self._looked = now
            _refuse_nan(logs, f"batch {batch + 1}")
        if self._context.should_stop():
            self.model.stop_training = True
            self._cut = batch + 1 != self.params.get("steps")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._cut:
            return
        _refuse_nan(logs, f"epoch {epoch + 1}")
        now = time.perf_counter()
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics.setdefault("learning_rate", learning_rate(self.model))
        metrics["duration_s"] = now - self._begun
        speed = self._speed()
        if speed is not None:
            metrics["samples_per_s"] = speed
        self.final = metrics
        self._context.report(step=epoch + 1, **metrics)

    def _speed(self) -> float | None:
        steps = self.params.get("steps")
        if self._samples is None or not steps or self._trained <= self._begun:
            return None
        return float(self._samples * self._batches / steps / (self._trained - self._begun))


class Checkpointer(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the training whenever a checkpoint is due or a stop is asked, between batches.

    A checkpoint is a folder ``checkpoint-<step>`` with the weights, the optimizer's state,
    the seeds of random layers, Python's and NumPy's random states, the place in the training,
    and ``best``, ``wait`` and ``cooldown_counter`` of the callbacks in ``keep``.

    Parameters
    ----------
    keep : callbacks
        Those that change the learning rate or end the training; they stand before this one.
    """

    def __init__(self, context: Context, model: Any, *, keep: Sequence[Any] = ()) -> None:
        super().__init__()
        self._context = context
        self._network = model
        self._keep = keep
        self._saved: list[Path] = []
        self._epoch = 0
        self._cut = False  # by a stop, in mid-epoch, which is saved
        self._counters: list[dict[str, Any]] = []

    def restore(self) -> Place:
        """Continue an earlier attempt: load its checkpoint, if any, and say where it was."""
        if self._context.checkpoint is None:
            return Place()
        state = _load(self._context.checkpoint, self._network)
        self._counters = state["callbacks"]
        return Place(**state["place"])

    def on_train_begin(self, logs: Any = None) -> None:
        # callbacks reset themselves when a training begins, before this one
        for callback, counters in zip(self._keep, self._counters, strict=False):
            vars(callback).update(counters)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._cut = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch + 1 == self.params.get("steps"):
            return  # the epoch's end saves it, with what its validation changes
        if self._context.checkpoint_due():
            means = {name: float(value) for name, value in (logs or {}).items()}
            self._save(Place(self._epoch, batch + 1, means))
            self._cut = self.model.stop_training

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self._cut and self._context.checkpoint_due():
            self._save(Place(epoch + 1))

    def _save(self, place: Place) -> None:
        step = int(self._network.optimizer.iterations)
        path = self._context.folder / f"checkpoint-{step}"
        if path in self._saved:
            return
        with _written_aside(path) as folder:
            self._network.save_weights(folder / WEIGHTS)
            state = {
                "place": asdict(place),
                "callbacks": [_counters(callback) for callback in self._keep],
                "seeds": [
                    keras.ops.convert_to_numpy(value).tolist() for value in _seeds(self._network)
                ],
                "python": random.getstate(),
                "numpy": _numpy_state(),
            }
            (folder / STATE).write_text(json.dumps(state))
        self._context.checkpointed(path, step)
        self._saved.append(path)
        while len(self._saved) > KEPT:
            shutil.rmtree(self._saved.pop(0))


def restore(context: Context, model: Any) -> int:
    """Load the checkpoint of an earlier attempt, if any; give the epoch to begin with.

    The model is compiled and built. An epoch that was interrupted is begun again by ``fit``,
    from the weights of the batch where it was.

    Raises
    ------
    DataError
        The checkpoint is damaged, or of another model.
    """
    return Checkpointer(context, model).restore().epoch


def learning_rate(model: Any) -> float:
    """Give a model's present learning rate."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def _refuse_nan(logs: Mapping[str, Any] | None, where: str) -> None:
    for name in ("loss", "val_loss"):
        value = float((logs or {}).get(name, 0.0))
        if not math.isfinite(value):
            raise NotANumber(
                f"{name} is {value} in {where}: the training has diverged; a lower learning rate"
                " or scaled inputs may help"
            )


def _load(path: Path, model: Any) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((path / STATE).read_text())
        model.optimizer.build(model.trainable_variables)  # else its state would be left out
        model.load_weights(path / WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: this checkpoint cannot be loaded: {error}; expected {STATE} and {WEIGHTS} of"
            " the same model"
        ) from error
    for seed, value in zip(_seeds(model), state["seeds"], strict=True):
        seed.assign(value)
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(tuple(state["numpy"]))
    return state


def _seeds(model: Any) -> list[Any]:
    """Give the states of random layers (dropout), which are no weights for Keras."""
    return [value for value in model.variables if value.name == "seed_generator_state"]


def _numpy_state() -> list[Any]:
    name, words, *rest = np.random.get_state(legacy=True)
    return [name, words.tolist(), *rest]  # type: ignore[union-attr]  # legacy: a tuple


def _counters(callback: Any) -> dict[str, Any]:
    return {name: vars(callback)[name] for name in COUNTERS if name in vars(callback)}


@contextlib.contextmanager
def _written_aside(path: Path) -> Iterator[Path]:
    """Give a folder to write in; it gets its name once everything in it is on disk."""
    aside = path.with_name(f"{path.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    yield aside
    for entry in (*aside.iterdir(), aside):
        _sync(entry)
    aside.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
