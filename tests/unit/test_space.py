"""Spaces: what is parsed is sampled, enumerated, checked and written consistently."""

from __future__ import annotations

import json
import math
import random
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_workflow.errors import ConfigError
from candle_workflow.space import Choice, Float, Integer, Space

NT3 = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": [5, 10, 20],
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.05},
    "optimizer": ["sgd", "adam"],
    "momentum": {"low": 0.0, "high": 0.95, "when": {"optimizer": "sgd"}},
}

plain = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3),
    st.floats(-1, 1), st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["choice", "int", "float", "steps", "log", "logint"]))
    if kind == "choice":
        return draw(st.lists(plain, min_size=1, max_size=4, unique_by=lambda v: repr(v).lower()))
    if kind == "int":
        low = draw(st.integers(-50, 50))
        step = draw(st.integers(1, 7))
        return {"low": low, "high": low + step * draw(st.integers(1, 5)), "step": step}
    if kind == "logint":
        low = draw(st.integers(1, 50))
        return {"low": low, "high": low + draw(st.integers(0, 500)), "log": True}
    low = draw(st.floats(-1e6, 1e6))
    width = draw(st.floats(1e-3, 1e6))
    if kind == "log":
        return {"low": abs(low) + 1e-6, "high": abs(low) + width + 1e-6, "log": True}
    if kind == "steps":
        step = draw(st.sampled_from([0.05, 0.1, 0.3, 1.0, 0.001]))
        low = float(draw(st.integers(-3, 3)))
        return {"low": low, "high": low + draw(st.integers(1, 9)) * step * 1.01, "step": step}
    return {"low": low, "high": low + width}


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    """Give a space in which later parameters may depend on earlier choices."""
    section: dict[str, Any] = {}
    for index in range(draw(st.integers(0, 5))):
        entry = _parsable(draw(entries()))
        parents = [n for n, e in section.items() if "choices" in e]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            some = draw(st.lists(st.sampled_from(section[parent]["choices"]), min_size=1))
            entry = entry | {"when": {parent: some}}
        section[f"p{draw(st.integers(0, 9))}_{index}"] = entry
    return section


def _parsable(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, list):
        return dict(entry)
    kept: list[Any] = []
    for value in entry:
        if not Choice("x", tuple(kept)).contains(value):
            kept.append(value)
    return {"choices": kept}


@given(sections())
def test_a_space_survives_json(section: dict[str, Any]) -> None:
    space = Space.parse(section)
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert again.to_json() == space.to_json()


@given(sections(), st.integers(0, 100))
def test_samples_belong_to_the_space(section: dict[str, Any], seed: int) -> None:
    space = Space.parse(section)
    params = space.sample(random.Random(seed))
    space.check(params)
    space.check(json.loads(json.dumps(params)))
    for name, value in params.items():
        assert space.parameters[name].contains(value)


@given(sections(), st.integers(1, 4))
def test_grids_are_complete_distinct_and_counted(section: dict[str, Any], points: int) -> None:
    continuous = Space.parse(section)
    space = continuous.discrete(points)
    size = space.size()
    assert size is not None
    grid = list(islice(space.grid(), 500))
    assert len(grid) == min(size, 500)
    assert len({json.dumps(p, sort_keys=True) for p in grid}) == len(grid)
    for params in grid:
        continuous.check(params)


@given(sections(), st.randoms())
def test_the_order_of_writing_changes_nothing(section: dict[str, Any], rng: Any) -> None:
    entries = list(section.items())
    rng.shuffle(entries)
    one, other = Space.parse(section), Space.parse(dict(entries))
    assert one == other
    assert one.sample(random.Random(1)) == other.sample(random.Random(1))


@given(sections(), st.data())
def test_check_names_what_is_wrong(section: dict[str, Any], data: st.DataObject) -> None:
    space = Space.parse(section)
    params = space.sample(random.Random(0))
    with pytest.raises(ConfigError, match="no parameter 'colour'"):
        space.check(params | {"colour": 1})
    inactive = sorted(space.parameters.keys() - params.keys())
    if inactive:
        name = data.draw(st.sampled_from(inactive))
        _refused(space, params | {name: space.parameters[name].draw(random.Random(0))}, name)
    if params:
        name = data.draw(st.sampled_from(sorted(params)))
        _refused(space, {n: v for n, v in params.items() if n != name}, None)
        _refused(space, params | {name: object()}, None)


def _refused(space: Space, params: dict[str, Any], name: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        space.check(params)
    assert name is None or caught.value.key == f"space.{name}"


def test_kinds_follow_from_what_is_written() -> None:
    space = Space.parse(
        {
            "a": [1, 2],
            "b": {"low": 1, "high": 5},
            "c": {"low": 1, "high": 5.0},
            "d": {"type": "float", "low": 1, "high": 5},
            "e": {"type": "int", "low": 1e3, "high": 1e4},
            "f": {"type": "choice", "choices": ["x"]},
            "g": {"choices": [True, None, [1, 2]], "when": {"a": [1, 2], "b": 3}},
        }
    )
    kinds = [type(p) for p in space.parameters.values()]
    assert kinds == [Choice, Integer, Float, Float, Integer, Choice, Choice]
    assert list(space.parameters) == list("abcdefg")
    assert space.parameters["e"] == Integer("e", 1000, 10000)
    assert space.parameters["g"].when == {"a": (1, 2), "b": (3,)}


@pytest.mark.parametrize(
    ("low", "high", "step", "values"),
    [
        (0.0, 0.5, 0.05, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]),
        (0.1, 0.7, 0.2, [0.1, 0.3, 0.5, 0.7]),
        (0.0, 1.0, 0.3, [0.0, 0.3, 0.6, 0.9]),
        (-1.0, 1.0, 0.7, [-1.0, -0.3, 0.4]),
        (1e-5, 3e-5, 1e-5, [1e-5, 2e-5, 3e-5]),
    ],
)
def test_steps_give_numbers_as_one_writes_them(
    low: float, high: float, step: float, values: list[float]
) -> None:
    space = Space.parse({"x": {"low": low, "high": high, "step": step}})
    assert [p["x"] for p in space.grid()] == values
    rng = random.Random(1)
    assert {space.sample(rng)["x"] for _ in range(300)} == set(values)


def test_points_of_a_continuous_range_include_its_ends() -> None:
    space = Space.parse({"x": NT3["learning_rate"], "y": {"low": 0.0, "high": 0.9}}).discrete(4)
    assert list(dict.fromkeys(p["x"] for p in space.grid())) == [1e-4, 1e-3, 1e-2, 1e-1]
    assert list(dict.fromkeys(p["y"] for p in space.grid())) == [0.0, 0.3, 0.6, 0.9]


def test_conditional_parameters_are_enumerated_only_where_active() -> None:
    space = Space.parse(
        {
            "optimizer": ["sgd", "adam", "rmsprop"],
            "momentum": {"choices": [0.0, 0.9], "when": {"optimizer": ["sgd", "rmsprop"]}},
            "nesterov": {"choices": [True, False], "when": {"optimizer": "sgd", "momentum": 0.9}},
        }
    )
    assert list(space.grid()) == [
        {"optimizer": "sgd", "momentum": 0.0},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": False},
        {"optimizer": "adam"},
        {"optimizer": "rmsprop", "momentum": 0.0},
        {"optimizer": "rmsprop", "momentum": 0.9},
    ]
    assert space.size() == 6


def test_a_huge_grid_is_counted_without_being_made() -> None:
    million = {f"p{i}": {"low": 0, "high": 99} for i in range(20)}
    space = Space.parse(million | {"q": {"low": 1, "high": 3, "when": {"p0": [0, 1]}}})
    assert space.size() == 100**19 * (2 * 3 + 98)
    assert len(list(islice(space.grid(), 1000))) == 1000


def test_a_continuous_range_has_no_grid() -> None:
    space = Space.parse(NT3)
    assert space.size() is None
    with pytest.raises(ConfigError, match="step") as caught:
        space.grid()
    assert caught.value.key == "space.learning_rate"


def test_an_empty_space_has_one_point() -> None:
    space = Space.parse({})
    assert list(space.grid()) == [{}]
    assert (space.size(), space.sample(random.Random(1))) == (1, {})
    space.check({})


def test_a_logarithmic_range_gives_each_order_of_magnitude_its_share() -> None:
    space = Space.parse(
        {"x": {"low": 1e-4, "high": 1.0, "log": True}, "n": {"low": 1, "high": 1000, "log": True}}
    )
    rng = random.Random(1)
    draws = [space.sample(rng) for _ in range(3000)]
    for low in (1e-4, 1e-3, 1e-2, 1e-1):
        assert 600 < sum(low <= d["x"] < 10 * low for d in draws) < 900
    below = sum(d["n"] < 32 for d in draws) / len(draws)
    assert math.isclose(below, 0.55, abs_tol=0.06)
    assert {1, 2, 3} <= {d["n"] for d in draws}


def test_true_is_not_one() -> None:
    space = Space.parse({"x": [True, 2]})
    assert space.parameters["x"].contains(True)
    assert space.parameters["x"].contains(2.0)
    assert not space.parameters["x"].contains(1)
    both = Space.parse({"x": [1, True], "y": {"choices": [5], "when": {"x": True}}})
    assert list(both.grid()) == [{"x": 1}, {"x": True, "y": 5}]


def test_a_list_that_is_suggested_belongs_to_the_caller() -> None:
    space = Space.parse({"layers": [[64, 32]]})
    space.sample(random.Random(1))["layers"].append(8)
    assert list(space.grid()) == [{"layers": [64, 32]}]
