"""A training loop that continues in the middle of an epoch, and its validation.

Keras' own ``fit`` draws the order of the samples from a state that no checkpoint holds.
Here the order of an epoch follows from the seed and the epoch's number alone, so that a
resumed training sees the very batches that the uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from candle_workflow.trainers.keras import Place, keras
from candle_workflow.trainers.scores import accuracy, auc

Array = npt.NDArray[Any]


def fit(
    model: Any,
    x: Array,
    y: Array,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    callbacks: Sequence[Any],
    begin: Place | None = None,
) -> None:
    """Train a compiled model on arrays that fit in memory.

    Parameters
    ----------
    x, y : arrays, (samples, ...)
        The last batch of an epoch holds what is left.
    callbacks : Keras callbacks
        Called as by Keras; logs after a batch are the means over the epoch so far.
    begin : Place, optional
        Where an earlier attempt was, from ``Checkpointer.restore``.
    """
    begin = begin or Place()
    steps = -(-len(x) // batch_size)
    calls = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs, steps=steps)
    model.stop_training = False
    calls.on_train_begin()
    for epoch in range(begin.epoch, epochs):
        order = _order(len(x), seed, epoch)
        batches = [order[at : at + batch_size] for at in range(0, len(x), batch_size)]
        calls.on_epoch_begin(epoch)
        logs = _train(model, x, y, batches, calls, begin if epoch == begin.epoch else Place())
        if logs is not None:
            calls.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    calls.on_train_end()


def _order(samples: int, seed: int, epoch: int) -> Array:
    return np.random.RandomState([seed % 2**32, epoch]).permutation(samples)


def _train(
    model: Any, x: Array, y: Array, batches: Sequence[Array], calls: Any, begin: Place
) -> dict[str, float] | None:
    """Train on an epoch's batches from ``begin`` on; the mean logs, None if interrupted."""
    seen = sum(len(rows) for rows in batches[: begin.batch])
    sums = {name: value * seen for name, value in begin.logs.items()}
    for step in range(begin.batch, len(batches)):
        rows = batches[step]
        calls.on_train_batch_begin(step)
        for name, value in model.train_on_batch(x[rows], y[rows], return_dict=True).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(rows)
        seen += len(rows)
        calls.on_train_batch_end(step, {name: value / seen for name, value in sums.items()})
        if model.stop_training and step + 1 < len(batches):
            return None
    return {name: value / seen for name, value in sums.items()}


class Validation(keras.callbacks.Callback):  # type: ignore[misc]  # untyped
    """Adds val_loss, val_accuracy and val_auc of a classifier to every epoch's logs.

    One pass over the samples gives all three; Keras' own metrics would approximate the AUC.

    Parameters
    ----------
    y : class numbers
    targets : (samples, classes)
        What the loss compares with, one-hot.
    """

    def __init__(self, x: Array, y: Array, targets: Array, *, batch_size: int) -> None:
        super().__init__()
        self._x = x
        self._y = y
        self._targets = targets
        self._batch_size = batch_size

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs.update(self.scores())

    def scores(self) -> Mapping[str, float]:
        """Score the model as it is."""
        predicted = predict(self.model, self._x, batch_size=self._batch_size)
        loss = keras.losses.get(self.model.loss)(self._targets, predicted)
        return {
            "val_loss": float(keras.ops.convert_to_numpy(loss).mean()),
            "val_accuracy": accuracy(self._y, predicted),
            "val_auc": auc(self._y, predicted),
        }


def predict(model: Any, x: Array, *, batch_size: int) -> Array:
    """Give a model's outputs, batch by batch, without Keras' progress machinery."""
    starts = range(0, len(x), batch_size)
    return np.concatenate([model.predict_on_batch(x[at : at + batch_size]) for at in starts])
