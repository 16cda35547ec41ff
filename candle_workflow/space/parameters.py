"""The kinds of parameter that a search space holds: choices, integer ranges, float ranges.

Each knows its values (how many, which, a random one, whether one belongs) and how it is
written. Reading them from a file is the business of ``space_section``, what conditions
between them mean that of ``space``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

When = Mapping[str, tuple[Any, ...]]  # parameter -> the values with which another is active


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values: numbers, booleans, texts, null, or lists of these."""

    name: str
    choices: tuple[Any, ...]
    when: When = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.choices)

    def at(self, index: int) -> Any:
        """Give the value at an index, 0 to ``count`` - 1; a list as the caller's own."""
        return deepcopy(self.choices[index])

    def draw(self, rng: random.Random) -> Any:
        """Give a random value, each as likely as any other."""
        return self.at(_index(rng, self.count))

    def contains(self, value: Any) -> bool:
        """Whether the value is one of the choices; true is not 1, but 1.0 is."""
        return identity(value) in map(identity, self.choices)

    def to_json(self) -> dict[str, Any]:
        """Give the long form, which parses to an equal parameter."""
        return {"type": "choice", "choices": list(self.choices), **_when_json(self.when)}

    def __str__(self) -> str:
        return f"one of {list(self.choices)}"


@dataclass(frozen=True, slots=True)
class Integer:
    """Every ``step``-th integer from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int
    log: bool = False
    step: int = 1
    when: When = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def at(self, index: int) -> int:
        """Give the value at an index, 0 to ``count`` - 1."""
        return self.low + index * self.step

    def draw(self, rng: random.Random) -> int:
        """Give a random value; with ``log`` each order of magnitude is equally likely."""
        if not self.log:
            return self.at(_index(rng, self.count))
        # half a step wider, so that rounding gives both ends their share
        value = round(_log_uniform(rng, self.low - 0.5, self.high + 0.5))
        return min(max(value, self.low), self.high)

    def contains(self, value: Any) -> bool:
        """Whether the value is an integer of the range."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def to_json(self) -> dict[str, Any]:
        """Give the long form, which parses to an equal parameter."""
        step = {} if self.step == 1 else {"step": self.step}
        return {"type": "int", **_bounds_json(self), **step, **_when_json(self.when)}

    def __str__(self) -> str:
        steps = "" if self.step == 1 else f" in steps of {self.step}"
        return f"an integer from {self.low} to {self.high}{steps}"


@dataclass(frozen=True, slots=True)
class Float:
    """The numbers from ``low`` to ``high``, both included; every ``step``-th if there is one."""

    name: str
    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: When = field(default_factory=dict)

    @property
    def count(self) -> int | None:
        """How many values there are; None for a continuous range."""
        if self.step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) // _exact(self.step)) + 1

    def at(self, index: int) -> float:
        """Give the value at an index, as one would write it: 0.15, not 0.15000000000000002."""
        assert self.step is not None
        return float(_exact(self.low) + index * _exact(self.step))

    def points(self, count: int) -> tuple[float, ...]:
        """Give ``count`` values, both ends among them, evenly spread (by ratio with ``log``)."""
        if count == 1 or self.low == self.high:
            return (self.low,)
        parts = [i / (count - 1) for i in range(1, count - 1)]
        if self.log:
            inner = [self.low * (self.high / self.low) ** part for part in parts]
        else:
            inner = [self.low + (self.high - self.low) * part for part in parts]
        # 12 digits: 0.001 instead of 0.0010000000000000002
        inside = (min(max(float(f"{value:.12g}"), self.low), self.high) for value in inner)
        return tuple(dict.fromkeys((self.low, *inside, self.high)))

    def draw(self, rng: random.Random) -> float:
        """Give a random value; with ``log`` each order of magnitude is equally likely."""
        if self.count is not None:
            return self.at(_index(rng, self.count))
        if self.log:
            value = _log_uniform(rng, self.low, self.high)
        else:
            value = self.low + (self.high - self.low) * rng.random()
        return min(max(value, self.low), self.high)

    def contains(self, value: Any) -> bool:
        """Whether the value is a number of the range (and, nearly, on one of its steps)."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        return math.isclose(
            self.at(self.index(value)), value, rel_tol=1e-9, abs_tol=self.step * 1e-6
        )

    def index(self, value: float) -> int:
        """Give the index of the nearest value of a stepped range."""
        assert self.step is not None and self.count is not None
        return min(max(round((value - self.low) / self.step), 0), self.count - 1)

    def to_json(self) -> dict[str, Any]:
        """Give the long form, which parses to an equal parameter."""
        step = {} if self.step is None else {"step": self.step}
        return {"type": "float", **_bounds_json(self), **step, **_when_json(self.when)}

    def __str__(self) -> str:
        steps = "" if self.step is None else f" in steps of {self.step}"
        return f"a number from {self.low} to {self.high}{steps}"


Parameter = Choice | Float | Integer


def identity(value: Any) -> Any:
    """Give what tells values apart: true is not 1, 1 is 1.0, lists go by their elements."""
    if isinstance(value, (list, tuple)):
        return ("list", *map(identity, value))
    return (isinstance(value, bool), value)


def _index(rng: random.Random, count: int) -> int:
    # random() alone is promised to give the same in every version of Python
    return min(int(rng.random() * count), count - 1)


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    start = math.log(low)
    return math.exp(start + (math.log(high) - start) * rng.random())


@lru_cache(maxsize=1024)
def _exact(value: float) -> Fraction:
    return Fraction(repr(value))  # the decimal number as written, not its nearest binary one


def _bounds_json(range_: Integer | Float) -> dict[str, Any]:
    return {"low": range_.low, "high": range_.high} | ({"log": True} if range_.log else {})


def _when_json(when: When) -> dict[str, Any]:
    return {"when": {name: list(values) for name, values in when.items()}} if when else {}
