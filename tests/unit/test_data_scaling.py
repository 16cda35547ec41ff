"""Scaling is scikit-learn's; feature choice is by variance; a saved model can be used."""

import numpy as np
import pytest

from candle_workflow.data.scaling import SCALINGS, Inputs
from candle_workflow.errors import ConfigError

SKLEARN = {"std": "StandardScaler", "minmax": "MinMaxScaler", "maxabs": "MaxAbsScaler"}


@pytest.fixture
def x():
    random = np.random.RandomState(1)
    values = random.normal(size=(30, 6)) * [1, 5, 0.1, 100, 3, 0] + [0, 9, 1, -50, 7, 4]
    return values.astype("f4")


@pytest.mark.parametrize("scaling", sorted(SKLEARN))
def test_scaling_equals_scikit_learns(x, scaling):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    theirs = getattr(preprocessing, SKLEARN[scaling])().fit(x[:20])
    ours = Inputs.fit(x[:20], scaling=scaling)
    np.testing.assert_allclose(ours.apply(x), theirs.transform(x), rtol=1e-5, atol=1e-5)


def test_none_changes_nothing_and_no_scaling_changes_its_input(x):
    before = x.copy()
    np.testing.assert_array_equal(Inputs.fit(x, scaling="none").apply(x), before)
    for scaling in SCALINGS:
        Inputs.fit(x, scaling=scaling).apply(x)
    np.testing.assert_array_equal(x, before)


def test_the_most_varied_features_are_kept_in_their_order(x):
    assert Inputs.fit(x, scaling="none", features=3).columns.tolist() == [1, 3, 4]
    same = np.tile(np.array([[0.0], [1.0]], dtype="f4"), (1, 5))
    assert Inputs.fit(same, scaling="none", features=2).columns.tolist() == [0, 1]


def test_more_features_than_there_are(x):
    with pytest.raises(ConfigError, match="is 7, but the data have 6 features") as caught:
        Inputs.fit(x, scaling="none", features=7)
    assert caught.value.key == "params.features"


def test_saved_inputs_say_how_to_use_a_model(tmp_path, x):
    names = np.array(list("abcdef"))
    inputs = Inputs.fit(x, scaling="std", features=2)
    inputs.save(tmp_path / "model.inputs.npz", names=names, classes=("normal", "tumour"))
    with np.load(tmp_path / "model.inputs.npz", allow_pickle=False) as saved:
        assert saved["names"].tolist() == ["b", "d"]
        assert saved["classes"].tolist() == ["normal", "tumour"]
        again = Inputs(saved["columns"], saved["offset"], saved["scale"])
    np.testing.assert_array_equal(again.apply(x), inputs.apply(x))
