"""A node cut into slots: each core and each share of a device belongs to one."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_workflow.errors import ConfigError
from candle_workflow.model import Resources
from candle_workflow.trainers import node
from candle_workflow.trainers.node import Slots, cut

CORES = [2, 3, 5, 7, 11, 13, 17]


def test_cores_alone() -> None:
    assert cut(Resources(), CORES[:3], []) == Slots(((2,), (3,), (5,)), ("", "", ""))
    assert cut(Resources(cpus=3), CORES, []) == Slots(((2, 3, 5), (7, 11, 13)), ("", ""))
    assert cut(Resources(cpus=2, processes=3), CORES, []).cpus == (tuple(CORES[:6]),)


def test_fewer_slots_than_fit_keep_their_cores() -> None:
    assert cut(Resources(cpus=2), CORES, [], 2).cpus == ((2, 3), (5, 7))


def test_more_slots_than_fit_share_the_cores() -> None:
    assert cut(Resources(cpus=2), CORES, [], 4) == Slots(((),) * 4, ("",) * 4)
    assert cut(Resources(cpus=64), CORES, [], 1).cpus == ((),)
    assert cut(Resources(), CORES, [], 300) == Slots(((),) * 300, ("",) * 300)


def test_devices_decide_when_they_are_fewer() -> None:
    assert cut(Resources(), CORES, ["0", "1"]) == Slots(((2,), (3,)), ("0", "1"))
    assert cut(Resources(gpus=0), CORES, ["0", "1"]).devices == ("",) * 7
    assert cut(Resources(gpus=2), CORES, ["0", "1", "2", "3", "4"]).devices == ("0,1", "2,3")
    assert cut(Resources(gpus=1, processes=2), CORES, ["0", "1", "2"]).devices == ("0,1",)


def test_devices_are_shared() -> None:
    assert cut(Resources(gpus=0.5), CORES, ["0", "1"]).devices == ("0", "0", "1", "1")
    assert cut(Resources(gpus=0.1), list(range(64)), ["7"]).devices == ("7",) * 10
    assert cut(Resources(gpus=0.3), CORES, ["a"]).devices == ("a",) * 3


@pytest.mark.parametrize(
    ("resources", "devices", "wanted", "key"),
    [
        (Resources(cpus=8), [], None, "resources.cpus"),
        (Resources(cpus=4, processes=2), [], None, "resources.cpus"),
        (Resources(gpus=1), [], None, "resources.gpus"),
        (Resources(gpus=2), ["0"], None, "resources.gpus"),
        (Resources(gpus=1.5), ["0", "1"], None, "resources.gpus"),
        (Resources(gpus=0.5), ["0"], 3, "launcher.slots"),
        (Resources(), ["0"], 2, "launcher.slots"),
    ],
)
def test_what_does_not_fit_is_refused(
    resources: Resources, devices: list[str], wanted: int | None, key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        cut(resources, CORES, devices, wanted)
    assert caught.value.key == key


@given(
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(0, 6),
    st.sampled_from(["auto", 0, 0.1, 0.25, 0.34, 0.5, 1, 2, 3]),
    st.one_of(st.none(), st.integers(1, 50)),
)
def test_nothing_belongs_to_two(
    cores: int, cpus: int, count: int, gpus: float | str, wanted: int | None
) -> None:
    devices = [f"gpu{n}" for n in range(count)]
    try:
        slots = cut(Resources(cpus=cpus, gpus=gpus), range(cores), devices, wanted)
    except ConfigError:
        return
    assert len(slots.cpus) == len(slots.devices) == (wanted or len(slots.cpus)) >= 1
    taken = [core for cpus_ in slots.cpus for core in cpus_]
    assert len(set(taken)) == len(taken)
    assert {len(cpus_) for cpus_ in slots.cpus} in ({cpus}, {0})
    share = 1.0 if gpus == "auto" else float(gpus)
    uses = Counter(name for value in slots.devices if value for name in value.split(","))
    assert all(used * min(share, 1.0) <= 1.0 + 1e-9 for used in uses.values())
    assert set(uses) <= set(devices)


@pytest.mark.parametrize(
    ("visible", "devices"),
    [("", []), ("-1", []), ("0,1", ["0", "1"]), ("3, 5", ["3", "5"]), ("GPU-a1,", ["GPU-a1"])],
)
def test_visible_devices(monkeypatch: pytest.MonkeyPatch, visible: str, devices: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert node.this_nodes_devices() == devices


def test_this_nodes_cores() -> None:
    assert node.this_nodes_cores() == sorted(os.sched_getaffinity(0))
