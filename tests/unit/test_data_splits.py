"""Splits keep groups whole, classes in proportion, and never change for a seed."""

from pathlib import Path

import numpy as np
import pytest

from candle_workflow.data.arrays import Arrays
from candle_workflow.data.dataset import prepare, record
from candle_workflow.data.section import SplitSection
from candle_workflow.data.splits import Split, refuse_leakage, split
from candle_workflow.errors import DataError

BLADDER = {"source": "bladder", "split": {"valid": 0.25, "seed": 7}}


def arrays(y, *, groups=None, given=None):
    y = np.array(y)
    classes = tuple(str(number) for number in range(y.max() + 1))
    x = np.zeros((len(y), 1), np.float32)
    return Arrays(x, y, classes, None, groups, given, "")


@pytest.mark.parametrize("seed", range(5))
def test_each_class_is_split_in_proportion(seed):
    sides = split(arrays([0] * 8 + [1] * 40), SplitSection(0.25, seed))
    assert np.bincount(np.r_[[0] * 8, [1] * 40][sides.valid]).tolist() == [2, 10]
    assert sorted([*sides.train, *sides.valid]) == list(range(48))


def test_another_seed_is_another_split_and_the_same_seed_the_same():
    data = arrays([0, 1] * 20)
    one, same, other = (split(data, SplitSection(0.25, seed)) for seed in (1, 1, 2))
    assert one.hashes() == same.hashes()
    assert one.hashes()["valid"] != other.hashes()["valid"]


def test_the_split_of_the_ready_campaign_never_changes():
    # pinned: a campaign continued years later has to see the same validation samples
    sides = record(BLADDER, Path())
    assert sides["classes"] == {
        "train": {"Normal": 6, "Cancer": 30},
        "valid": {"Normal": 2, "Cancer": 10},
    }
    assert sides["split"]["valid"].startswith("4ee22289dbbddf06")
    assert sides["split"]["train"].startswith("eee213d54e216750")


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_whole(seed):
    random = np.random.RandomState(seed)
    groups = random.randint(0, 12, size=100)
    sides = split(arrays(random.randint(0, 2, 100), groups=groups), SplitSection(0.3, seed))
    assert not set(groups[sides.train]) & set(groups[sides.valid])
    assert 15 <= len(sides.valid) <= 45
    assert len(sides.train) + len(sides.valid) == 100


def test_two_groups_are_one_on_each_side():
    sides = split(
        arrays([0, 1, 0, 1], groups=np.array(["a", "a", "b", "b"])), SplitSection(0.01, 0)
    )
    assert (len(sides.train), len(sides.valid)) == (2, 2)


def test_leakage_is_refused():
    groups = np.array(["a", "a", "b"])
    with pytest.raises(DataError, match="1 groups are on both sides of the split, the first is a"):
        refuse_leakage(Split(np.array([0, 2]), np.array([1])), groups)
    with pytest.raises(DataError, match="1 samples are on both sides"):
        refuse_leakage(Split(np.array([0, 2]), np.array([0])), groups)
    refuse_leakage(Split(np.array([0, 1]), np.array([2])), groups)


def test_a_given_split_with_a_leaking_group_is_refused():
    data = arrays([0, 1, 0, 1], groups=np.array(["a", "a", "b", "a"]), given=np.array([2, 3]))
    with pytest.raises(DataError, match="on both sides"):
        split(data, SplitSection())


def test_a_side_without_a_class_is_refused():
    with pytest.raises(DataError, match="validation side has 2 samples and none of class 1"):
        split(arrays([0, 0, 0, 1, 0, 0, 0, 0]), SplitSection(0.25, 0))
    with pytest.raises(DataError, match="all samples are of one group"):
        split(arrays([0, 1], groups=np.array([1, 1])), SplitSection())


def test_features_and_scaling_learn_from_the_training_side_only(tmp_path):
    # feature 0 varies in the validation samples alone: it must be neither chosen nor scaled by
    random = np.random.RandomState(0)
    x = random.normal(size=(40, 3)).astype(np.float32)
    y = np.array([0, 1] * 20)
    valid = split(arrays(y), SplitSection(0.25, 3)).valid
    x[:, 0] = 0
    x[valid, 0] = 1000 * np.arange(1, 11)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    section = {"path": "a.npz", "split": {"valid": 0.25, "seed": 3}}
    data = prepare(section, tmp_path, scaling="std", features=2)
    assert data.inputs.columns.tolist() == [1, 2]
    np.testing.assert_allclose(data.train_x.mean(axis=0), 0, atol=1e-6)
    assert abs(data.valid_x.mean()) > 1e-4
    full = prepare(section, tmp_path, scaling="maxabs")
    assert np.abs(full.train_x[:, 0]).max() == 0
    assert full.valid_x[:, 0].max() == 10_000  # a constant feature is not divided by zero


def test_prepared_arrays_fit_together():
    data = prepare(BLADDER, Path(), scaling="std", features=500)
    assert data.train_x.shape == (36, 500)
    assert data.valid_x.shape == (12, 500)
    assert data.train_x.dtype == data.valid_x.dtype == np.float32
    raw = data.arrays.x[data.sides.valid][:, data.inputs.columns]
    np.testing.assert_allclose(
        data.valid_x, (raw - data.inputs.offset) / data.inputs.scale, rtol=1e-5
    )
