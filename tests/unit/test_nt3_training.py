"""Training NT3 on the embedded data: what is reported, saved, continued and refused."""

import numpy as np
import pytest
from candle_benchmarks.nt3 import BENCHMARK, build

from candle_workflow.errors import DataError
from candle_workflow.model import Attempt, Cause, Checkpointed, Measured, Workload
from candle_workflow.trainers.context import Context, NotANumber

keras = pytest.importorskip("keras")

TINY = BENCHMARK.defaults("small") | {
    "conv": [4, 10, 5, 4, 5, 1],
    "pool": [1, 5],
    "dense": [8, 4],
    "features": 200,
    "epochs": 4,
    "batch_size": 8,
    "optimizer": "adam",
    "learning_rate": 0.003,
    "dropout": 0.2,
    "reduce_lr_patience": 1,
    "reduce_lr_factor": 0.5,
}


class Trial:
    """Runs attempts at one trial and keeps their events; stops after ``batches``."""

    def __init__(self, folder, **params):
        self.params = TINY | params
        self.workload = Workload(
            "t", str(folder), {"benchmark": "nt3"}, {"source": "bladder"}, checkpoint_every_s=1e9
        )
        self.attempts = 0
        self.checkpoint = None

    def run(self, *, stop_after=None, data=None):
        self.attempts += 1
        self.events = []
        asked = iter(range(10**6))
        attempt = Attempt(3, self.attempts, self.params, 11, self.checkpoint)
        workload = self.workload if data is None else Workload("t", self.workload.folder, {}, data)
        context = Context(
            attempt,
            workload,
            send=self.events.append,
            stopping=lambda: stop_after is not None and next(asked) >= stop_after,
        )
        final = BENCHMARK.train(dict(self.params), context)
        saved = [event for event in self.events if isinstance(event, Checkpointed)]
        self.checkpoint = saved[-1].path if saved else self.checkpoint
        return final, context

    def curve(self, *names):
        reports = [event for event in self.events if isinstance(event, Measured)]
        return {r.step: [r.values[name] for name in names] for r in reports}


SEEN = ("loss", "accuracy", "val_loss", "val_accuracy", "val_auc", "learning_rate")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    trial = Trial(folder)
    final, context = trial.run()
    return trial, final, context


def test_every_epoch_reports_every_metric(uninterrupted):
    trial, final, _ = uninterrupted
    reports = [event for event in trial.events if isinstance(event, Measured)]
    assert [report.step for report in reports] == [1, 2, 3, 4]
    assert all(set(report.values) == set(BENCHMARK.metrics) for report in reports)
    assert final == reports[-1].values
    assert all(r.values["duration_s"] > 0 and r.values["samples_per_s"] > 0 for r in reports)


def test_the_saved_model_gives_the_reported_scores(uninterrupted):
    from sklearn.metrics import roc_auc_score

    from candle_workflow.data.dataset import prepare

    _, final, context = uninterrupted
    model = keras.saving.load_model(context.folder / "model.keras")
    data = prepare(context.data, context.root, scaling="std", features=200)
    with np.load(context.folder / "model.inputs.npz") as inputs:
        assert inputs["names"].tolist() == data.arrays.names[data.inputs.columns].tolist()
    # Keras' own evaluation of the model on the validation side
    loss, accuracy = model.evaluate(
        data.valid_x[..., None], np.eye(2)[data.valid_y], verbose=0, batch_size=5
    )
    predicted = model.predict(data.valid_x[..., None], verbose=0)
    assert final["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert final["val_accuracy"] == pytest.approx(accuracy)
    assert final["val_auc"] == pytest.approx(roc_auc_score(data.valid_y, predicted[:, 1]))


def test_a_seed_gives_the_same_curve_and_another_seed_another(uninterrupted, tmp_path):
    trial, _, _ = uninterrupted
    again = Trial(tmp_path)
    again.run()
    for step, values in trial.curve(*SEEN).items():
        assert again.curve(*SEEN)[step] == pytest.approx(values, rel=1e-4)


# 36 samples make 5 batches an epoch; a batch asks twice, the end of an epoch once
@pytest.mark.parametrize("stop_after", [0, 4, 10, 17])
def test_a_stopped_training_continues_its_curve(uninterrupted, tmp_path, stop_after):
    trial, final, _ = uninterrupted
    whole = trial.curve(*SEEN)
    cut = Trial(tmp_path)
    _, first = cut.run(stop_after=stop_after)
    before = cut.curve(*SEEN)
    assert len(before) < 4
    assert not (first.folder / "model.keras").exists()
    resumed, second = cut.run()
    curve = before | cut.curve(*SEEN)
    assert not set(before) & set(cut.curve(*SEEN))
    assert sorted(curve) == [1, 2, 3, 4]
    for step, values in whole.items():
        assert curve[step] == pytest.approx(values, rel=1e-3, abs=1e-5)
    assert resumed["val_loss"] == pytest.approx(final["val_loss"], rel=1e-3)
    assert (second.folder / "model.keras").exists()


def test_divergence_is_nan(tmp_path):
    trial = Trial(
        tmp_path, optimizer="sgd", learning_rate=1e30, dropout=0.0, loss="mean_squared_error"
    )
    trial.params["out_activation"] = "sigmoid"
    trial.params["scaling"] = "none"
    with pytest.raises(NotANumber, match="the training has diverged") as caught:
        trial.run()
    assert caught.value.cause is Cause.NAN


def test_wrong_number_of_classes(tmp_path):
    with pytest.raises(DataError, match=r"2 classes \(Normal, Cancer\), .* 3 outputs"):
        Trial(tmp_path, classes=3).run()


def test_early_stop_and_no_model(tmp_path):
    trial = Trial(tmp_path, epochs=50, early_stop=1, learning_rate=0.0, save_model=False)
    _, context = trial.run()
    assert sorted(trial.curve("loss")) == [1, 2]
    assert not list(context.folder.glob("model*"))


def test_a_path_works_as_a_source(tmp_path):
    random = np.random.RandomState(0)
    np.savez(
        tmp_path / "a.npz",
        x=random.normal(size=(24, 200)),
        y=np.array([0, 1] * 12),
        patient=np.repeat(np.arange(12), 2),
    )
    trial = Trial(tmp_path, epochs=1)
    final, _ = trial.run(data={"path": str(tmp_path / "a.npz"), "split": {"by": "patient"}})
    assert 0 <= final["val_auc"] <= 1


def test_the_small_preset_is_small():
    params = BENCHMARK.defaults("small")
    assert build(params, params["features"]).count_params() < 50_000
