"""The AUC is exact, ties included, and equals scikit-learn's."""

import math

import numpy as np
import pytest

from candle_workflow.trainers.scores import accuracy, auc


def two(scores):
    second = np.array(scores, dtype=np.float32)
    return np.stack([1 - second, second], axis=1)


@pytest.mark.parametrize(
    ("y", "scores", "area"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 1.0),
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], 0.0),
        ([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8], 0.875),
    ],
)
def test_known_areas(y, scores, area):
    assert auc(np.array(y), two(scores)) == area


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 4])
def test_equal_to_scikit_learn(seed, classes):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.RandomState(seed)
    y = np.r_[np.arange(classes), random.randint(0, classes, 60)]
    raw = random.randint(1, 6, (len(y), classes)).astype(float)  # many ties
    p = raw / raw.sum(axis=1, keepdims=True)
    theirs = metrics.roc_auc_score(y, p[:, 1] if classes == 2 else p, multi_class="ovr")
    assert auc(y, p) == pytest.approx(theirs, abs=1e-12)


def test_nothing_to_tell_apart_and_nan():
    assert math.isnan(auc(np.array([1, 1]), two([0.1, 0.2])))
    assert math.isnan(auc(np.array([0, 1]), two([0.1, float("nan")])))


def test_accuracy():
    assert accuracy(np.array([0, 1, 1, 0]), two([0.1, 0.9, 0.2, 0.3])) == 0.75
