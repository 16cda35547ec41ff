"""Mistakes in a campaign's ``space:``: each refused with its key and what would be right."""

from __future__ import annotations

import math
from typing import Any

import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.space import Space

R = {"low": 0.0, "high": 1.0}
CASES: list[tuple[str, Any, str, str]] = [
    # space, key, what the message says
    ("reversed", {"x": {"low": 2, "high": 1}}, "space.x.low", "low (2) is above high (1)"),
    ("reversed floats", {"x": {"low": 0.5, "high": 0.1}}, "space.x.low", "exchange"),
    ("log through 0", {"x": {"low": 0.0, "high": 1.0, "log": True}}, "space.x.low", "above 0"),
    ("log from below 0", {"x": {"low": -1, "high": 9, "log": True}}, "space.x.low", "low is -1"),
    ("log int from 0", {"x": {"low": 0, "high": 9, "log": True}}, "space.x.low", "above 0"),
    ("log word", {"x": R | {"log": "yes"}}, "space.x.log", "'yes'"),
    ("log number", {"x": R | {"log": 1}}, "space.x.log", "neither true nor false"),
    ("log steps", {"x": {"low": 1, "high": 9, "log": True, "step": 2}}, "space.x.step", "drop one"),
    ("step 0", {"x": R | {"step": 0}}, "space.x.step", "above 0"),
    ("step below 0", {"x": R | {"step": -0.1}}, "space.x.step", "-0.1"),
    ("step too wide", {"x": R | {"step": 1.5}}, "space.x.step", "at most the range (1)"),
    ("int step too wide", {"x": {"low": 1, "high": 3, "step": 5}}, "space.x.step", "range (2)"),
    ("step text", {"x": R | {"step": "a"}}, "space.x.step", "'a' is not a number"),
    ("part step", {"x": {"low": 1, "high": 9, "step": 0.5}}, "space.x.step", "decimal point"),
    ("no choice", {"x": []}, "space.x", "nothing to choose"),
    ("null choices", {"x": {"choices": None}}, "space.x", "nothing to choose"),
    ("twice", {"x": ["sgd", "adam", "sgd"]}, "space.x", "'sgd' is there twice"),
    ("twice a number", {"x": [1, 1.0]}, "space.x", "1.0 is there twice"),
    ("twice a list", {"x": [[1, 2], [1, 2]]}, "space.x", "[1, 2] is there twice"),
    ("nan choice", {"x": [1.0, math.nan]}, "space.x", "nan is not a finite number"),
    ("mapping choice", {"x": [{"a": 1}]}, "space.x", "list of these"),
    ("unknown key", {"x": {"lo": 1, "high": 2}}, "space.x.lo", "Did you mean 'low'?"),
    ("unknown key 2", {"x": R | {"stp": 2}}, "space.x.stp", "Did you mean 'step'?"),
    ("unknown key 3", {"x": R | {"whem": {}}}, "space.x.whem", "Did you mean 'when'?"),
    ("number as key", {"x": R | {3: 1}}, "space.x.3", "no '3'"),
    ("unknown type", {"x": {"type": "flaot", **R}}, "space.x.type", "Did you mean 'float'?"),
    ("type no text", {"x": {"type": 3}}, "space.x.type", "3 is not a type"),
    ("log of a choice", {"x": {"choices": [1], "log": True}}, "space.x.log", "not go with type ch"),
    ("both", {"x": {"choices": [1], "low": 1}}, "space.x.low", "not go with type choice"),
    ("no high", {"x": {"low": 1}}, "space.x", "'high' is missing"),
    ("no low", {"x": {"high": 1, "step": 1}}, "space.x", "'low' is missing"),
    ("nothing", {"x": {}}, "space.x", "both low and high"),
    ("scalar", {"x": 0.5}, "space.x", "belongs under 'params'"),
    ("null", {"x": None}, "space.x", "belongs under 'params'"),
    ("text bound", {"x": {"low": "1e-4", "high": 1}}, "space.x.low", "'1e-4' is not a number"),
    ("bool bound", {"x": {"low": False, "high": 1}}, "space.x.low", "False is not a number"),
    ("bool bound 2", {"x": {"low": 0, "high": True}}, "space.x.high", "True is not a number"),
    ("nan bound", {"x": {"low": math.nan, "high": 1}}, "space.x.low", "not a finite number"),
    ("inf bound", {"x": {"low": 0.0, "high": math.inf}}, "space.x.high", "inf is not a finite"),
    ("part of an int", {"x": {"type": "int", "low": 1.5, "high": 3}}, "space.x.low", "1.5"),
    ("huge", {"x": {"low": 0, "high": 10**400}}, "space.x.high", "too large"),
    ("too wide", {"x": {"low": -1.5e308, "high": 1.5e308}}, "space.x.high", "too wide"),
    ("name not text", {3: [1, 2]}, "space.3", "cannot name"),
    ("name true", {True: [1, 2]}, "space.True", "cannot name"),
    ("name with dot", {"a.b": [1, 2]}, "space.a.b", "letters, digits"),
    ("name empty", {"": [1, 2]}, "space.", "cannot name"),
    ("space a list", ["x"], "space", "is not a space"),
    ("space null", None, "space", "is not a space"),
    (
        "when unknown",
        {"optimizer": ["sgd"], "x": R | {"when": {"optimiser": "sgd"}}},
        "space.x.when.optimiser",
        "Did you mean 'optimizer'?",
    ),
    (
        "when no choice",
        {"optimizer": ["sgd", "adam"], "x": R | {"when": {"optimizer": "sdg"}}},
        "space.x.when.optimizer",
        "Did you mean 'sgd'?",
    ),
    (
        "when one of several no choice",
        {"optimizer": ["sgd", "adam"], "x": R | {"when": {"optimizer": ["sgd", "adm"]}}},
        "space.x.when.optimizer",
        "Did you mean 'adam'?",
    ),
    (
        "when out of range",
        {"depth": {"low": 1, "high": 3}, "x": R | {"when": {"depth": 4}}},
        "space.x.when.depth",
        "4 is not an integer from 1 to 3",
    ),
    ("when continuous", {"y": R, "x": R | {"when": {"y": 0.5}}}, "space.x.when.y", "floats"),
    ("when never", {"y": [1], "x": R | {"when": {"y": []}}}, "space.x.when.y", "never"),
    ("when no mapping", {"y": [1], "x": R | {"when": "y"}}, "space.x.when", "'y' is not a cond"),
    (
        "when itself",
        {"x": {"choices": [1, 2], "when": {"x": 1}}},
        "space.x.when",
        "conditions of x go in a circle",
    ),
    (
        "when in a circle",
        {
            "a": {"choices": [1, 2], "when": {"c": 1}},
            "b": {"choices": [1, 2], "when": {"a": 1}},
            "c": {"choices": [1, 2], "when": {"b": 1}},
            "d": [1],
        },
        "space.a.when",
        "conditions of a, b, c go in a circle",
    ),
]


@pytest.mark.parametrize(
    ("section", "key", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_mistakes_are_refused_with_their_key(section: Any, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Space.parse(section)
    assert caught.value.key == key
    assert message in caught.value.message


SPACE = Space.parse(
    {
        "n": {"low": 1, "high": 9, "step": 2},
        "x": {"low": 0.0, "high": 1.0, "step": 0.1},
        "how": ["a", True],
        "y": {"low": 0.0, "high": 1.0, "when": {"how": "a"}},
    }
)
FINE = {"n": 3, "x": 0.3, "how": "a", "y": 0.123}


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"n": 4}, "space.n", "4 is not an integer from 1 to 9 in steps of 2"),
        ({"n": 3.0}, "space.n", "3.0 is not an integer"),
        ({"n": True}, "space.n", "True"),
        ({"n": 11}, "space.n", "11"),
        ({"x": 0.25}, "space.x", "0.25 is not a number from 0.0 to 1.0 in steps of 0.1"),
        ({"x": -0.1}, "space.x", "-0.1"),
        ({"x": math.nan}, "space.x", "nan"),
        ({"x": "0.3"}, "space.x", "'0.3'"),
        ({"x": True}, "space.x", "True"),
        ({"how": 1}, "space.how", "1 is not one of ['a', True]"),
        ({"how": True}, "space.y", "it has a value, but needs {'how': ('a',)}"),
        ({"hew": 1}, "space.hew", "Did you mean 'how'?"),
    ],
)
def test_values_outside_are_refused(change: dict[str, Any], key: str, message: str) -> None:
    SPACE.check(FINE)
    with pytest.raises(ConfigError) as caught:
        SPACE.check(FINE | change)
    assert caught.value.key == key
    assert message in caught.value.message


def test_a_step_may_be_off_by_what_arithmetic_does() -> None:
    SPACE.check(FINE | {"x": 0.1 + 0.2})
