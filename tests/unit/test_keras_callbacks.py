"""Reporter, Checkpointer and restore in a plain Keras script with ``fit``."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from candle_workflow.errors import DataError
from candle_workflow.model import Attempt, Checkpointed, Measured, Workload
from candle_workflow.trainers.context import Context, NotANumber

keras = pytest.importorskip("keras")

from candle_workflow.trainers.keras import Checkpointer, Reporter, restore  # noqa: E402

X = np.random.RandomState(0).normal(size=(20, 3)).astype("f4")
Y = (X.sum(axis=1) > 0).astype("f4")


def make(folder, *, attempt=1, checkpoint=None, every=1e9, stopping=lambda: False):
    events = []
    workload = Workload("t", str(folder), {}, checkpoint_every_s=every)
    context = Context(
        Attempt(1, attempt, {}, 5, checkpoint), workload, send=events.append, stopping=stopping
    )
    return context, events


def network():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def fit(context, model, *, epochs=3, extra=(), x=X, y=Y, **options):
    return model.fit(
        x,
        y,
        batch_size=5,
        epochs=epochs,
        verbose=0,
        callbacks=[*extra, Reporter(context, samples=len(x)), Checkpointer(context, model)],
        **options,
    )


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_epochs_are_reported_as_keras_measured_them(tmp_path):
    context, events = make(tmp_path)
    history = fit(context, network(), validation_split=0.25).history
    reports = of(Measured, events)
    assert [report.step for report in reports] == [1, 2, 3]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert [report.values[name] for report in reports] == pytest.approx(history[name])
    assert reports[0].values["learning_rate"] == pytest.approx(0.01)
    assert reports[0].values["duration_s"] > 0
    assert reports[0].values["samples_per_s"] > 0
    assert not of(Checkpointed, events)
    assert not list(tmp_path.rglob("checkpoint*"))


def test_nan_ends_the_training_with_its_cause(tmp_path):
    context, events = make(tmp_path)
    x = X.copy()
    x[3] = np.nan
    with pytest.raises(NotANumber, match="loss is nan in epoch 1"):
        fit(context, network(), x=x)
    assert not of(Measured, events)


def test_a_stop_in_mid_epoch_saves_and_reports_only_whole_epochs(tmp_path):
    count = iter(range(100))
    # asked twice a batch (is it to stop, is a checkpoint due), once less at an epoch's last
    context, events = make(tmp_path, stopping=lambda: next(count) >= 10)
    fit(context, network(), epochs=9)
    assert [report.step for report in of(Measured, events)] == [1]
    saved = of(Checkpointed, events)
    assert len(saved) == 1
    assert saved[0].step == 6
    assert sorted(path.name for path in Path(saved[0].path).iterdir()) == [
        "state.json",
        "state.weights.h5",
    ]
    place = json.loads((Path(saved[0].path) / "state.json").read_text())["place"]
    assert (place["epoch"], place["batch"]) == (1, 2)
    assert saved[0].bytes == sum(p.stat().st_size for p in Path(saved[0].path).iterdir())


def test_two_checkpoints_are_kept_and_none_is_partial(tmp_path):
    context, events = make(tmp_path, every=0)
    fit(context, network(), epochs=2)
    # four batches an epoch, the last of which is saved with the epoch's end
    assert [event.step for event in of(Checkpointed, events)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sorted(path.name for path in context.folder.iterdir()) == [
        "checkpoint-7",
        "checkpoint-8",
    ]
    state = json.loads((context.folder / "checkpoint-8" / "state.json").read_text())
    assert (state["place"]["epoch"], state["place"]["batch"]) == (2, 0)


def test_restore_gives_everything_back(tmp_path):
    context, _ = make(tmp_path, every=0)
    model = network()
    fit(context, model, epochs=2)
    random.seed(1), np.random.seed(1)
    path = str(context.folder / "checkpoint-8")
    state = json.loads((Path(path) / "state.json").read_text())

    again, _ = make(tmp_path, attempt=2, checkpoint=path)
    other = network()
    other.set_weights([weight + 1 for weight in other.get_weights()])
    assert restore(again, other) == 2
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    mine = [np.asarray(v) for v in model.optimizer.variables]
    theirs = [np.asarray(v) for v in other.optimizer.variables]
    assert len(mine) == len(theirs) > 2
    for one, two in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(one, two)
    seeds = [np.asarray(m.layers[1].seed_generator.state).tolist() for m in (model, other)]
    assert seeds[0] == seeds[1]
    assert list(random.getstate()[1]) == state["python"][1]
    assert np.random.get_state()[1].tolist() == state["numpy"][1]


def test_a_resumed_fit_continues_at_its_epoch(tmp_path):
    count = iter(range(100))
    context, events = make(tmp_path, stopping=lambda: next(count) >= 10)
    fit(context, network(), epochs=4)
    again, more = make(tmp_path, attempt=2, checkpoint=of(Checkpointed, events)[0].path)
    model = network()
    fit(again, model, epochs=4, initial_epoch=restore(again, model))
    assert [report.step for report in of(Measured, events)] == [1]
    assert [report.step for report in of(Measured, more)] == [2, 3, 4]


def test_without_a_checkpoint_it_begins_at_the_beginning(tmp_path):
    context, _ = make(tmp_path)
    assert restore(context, network()) == 0


def test_counters_of_kept_callbacks_are_put_back(tmp_path):
    def plateau():
        return keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=50, min_delta=1e9)

    context, _ = make(tmp_path, every=0)
    model, before = network(), plateau()
    callbacks = [before, Reporter(context), Checkpointer(context, model, keep=[before])]
    model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)
    # with such a min_delta nothing after the first epoch is better
    assert before.wait == 2

    path = str(max(context.folder.iterdir(), key=lambda p: int(p.name.split("-")[1])))
    again, _ = make(tmp_path, attempt=2, checkpoint=path)
    other, after = network(), plateau()
    checkpointer = Checkpointer(again, other, keep=[after])
    place = checkpointer.restore()
    callbacks = [after, Reporter(again), checkpointer]
    other.fit(X, Y, epochs=5, initial_epoch=place.epoch, verbose=0, callbacks=callbacks)
    assert after.wait == 4
    assert after.best == before.best


@pytest.mark.parametrize("damage", ["gone", "state", "weights", "another"])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    context, _ = make(tmp_path, every=0)
    fit(context, network(), epochs=1)
    path = context.folder / "checkpoint-4"
    model = network()
    if damage == "gone":
        path = path.with_name("checkpoint-99")
    elif damage == "state":
        (path / "state.json").write_text("{")
    elif damage == "weights":
        (path / "state.weights.h5").write_bytes(b"\x00" * 100)
    else:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7), keras.layers.Dense(1)])
        model.compile("adam", "mse")
    again, _ = make(tmp_path, attempt=2, checkpoint=str(path))
    with pytest.raises(DataError, match=r"checkpoint-\d+: this checkpoint cannot be loaded"):
        restore(again, model)
