"""A search space: named parameters and the conditions under which each is active.

``parameters`` holds their kinds, ``space_section`` reads them. A parameter with ``when``
is active if every parameter named there is active and has one of the values given.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.errors import ConfigError, nearest
from candle_workflow.space.parameters import Choice, Float, Integer, Parameter, identity
from candle_workflow.space.section import parse_parameter

__all__ = ["Choice", "Float", "Integer", "Parameter", "Space"]


@dataclass(frozen=True, slots=True)
class Space:
    """What a planner may choose: parameters by name, in the order written.

    The order in which parameters are drawn and enumerated is that of their conditions,
    else of their names: writing the same space in another order changes nothing.
    """

    parameters: Mapping[str, Parameter]
    order: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for parameter in self.parameters.values():
            _check_condition(parameter, self.parameters)
        object.__setattr__(self, "order", _ordered(self.parameters))

    @classmethod
    def parse(cls, section: Mapping[Any, Any]) -> Space:
        """Read a campaign's ``space:``.

        Raises
        ------
        ConfigError
            With the key of what is wrong, such as ``space.dropout.low``.
        """
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"{section!r} is not a space; expected parameters by name, such as"
                " 'dropout: {low: 0.0, high: 0.5}'.",
                key="space",
            )
        return cls({name: parse_parameter(name, entry) for name, entry in section.items()})

    @classmethod
    def from_json(cls, section: Mapping[str, Any]) -> Space:
        """Read what ``to_json`` gave; the long form is also valid in a campaign file."""
        return cls.parse(section)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON from which ``from_json`` makes an equal space."""
        return {name: parameter.to_json() for name, parameter in self.parameters.items()}

    def active(self, parameter: Parameter, params: Mapping[str, Any]) -> bool:
        """Whether a parameter counts, given the values of those that come before it."""
        return all(
            name in params and identity(params[name]) in map(identity, values)
            for name, values in parameter.when.items()
        )

    def sample(self, rng: random.Random) -> dict[str, Any]:
        """Draw a value for every active parameter."""
        params: dict[str, Any] = {}
        for parameter in self.order:
            if self.active(parameter, params):
                params[parameter.name] = parameter.draw(rng)
        return params

    def check(self, params: Mapping[str, Any]) -> None:
        """Make sure that these are values for exactly the active parameters.

        Raises
        ------
        ConfigError
            Names the first parameter that is unknown, inactive, missing or out of range.
        """
        for name in params:
            if name not in self.parameters:
                raise ConfigError(
                    f"the space has no parameter '{name}'.{nearest(str(name), self.parameters)}",
                    key=f"space.{name}",
                )
        for parameter in self.order:
            self._check_value(parameter, params)

    def _check_value(self, parameter: Parameter, params: Mapping[str, Any]) -> None:
        name, key = parameter.name, f"space.{parameter.name}"
        if not self.active(parameter, params):
            if name in params:
                raise ConfigError(f"it has a value, but needs {dict(parameter.when)}.", key=key)
        elif name not in params:
            raise ConfigError(f"the value is missing; expected {parameter}.", key=key)
        elif not parameter.contains(params[name]):
            raise ConfigError(f"{params[name]!r} is not {parameter}.", key=key)

    def discrete(self, points: int) -> Space:
        """Replace each continuous range by ``points`` values, both ends among them."""
        return Space({name: _discrete(p, points) for name, p in self.parameters.items()})

    def grid(self) -> Iterator[dict[str, Any]]:
        """Enumerate every combination of active parameters, the last one varying fastest.

        Raises
        ------
        ConfigError
            A range is continuous; raised by the call itself, not by the first point.
        """
        for parameter in self.order:
            if parameter.count is None:
                raise ConfigError(
                    f"a grid cannot have all numbers from {parameter.low} to {parameter.high};"
                    " give the range a step, or the planner 'points'.",
                    key=f"space.{parameter.name}",
                )
        return self._points({}, 0)

    def _points(self, params: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        while depth < len(self.order) and not self.active(self.order[depth], params):
            depth += 1
        if depth == len(self.order):
            yield params
            return
        parameter = self.order[depth]
        for index in range(parameter.count or 0):
            yield from self._points(params | {parameter.name: parameter.at(index)}, depth + 1)

    def size(self) -> int | None:
        """Count the grid's points without making them; None if a range is continuous."""
        if any(parameter.count is None for parameter in self.order):
            return None
        return self._count({}, 0)

    def _count(self, params: dict[str, Any], depth: int) -> int:
        """Count by cases: only values that a condition names make a difference."""
        if depth == len(self.order):
            return 1
        parameter = self.order[depth]
        if not self.active(parameter, params):
            return self._count(params, depth + 1)
        count = parameter.count or 0
        named = _named_values(parameter.name, self.order)
        cases = [self._count(params | {parameter.name: value}, depth + 1) for value in named]
        if len(named) == count:
            return sum(cases)
        others = self._count(params | {parameter.name: _OTHER}, depth + 1)
        return sum(cases) + (count - len(named)) * others


_OTHER = object()  # stands for all values of a parameter that no condition names


def _named_values(name: str, parameters: Iterable[Parameter]) -> list[Any]:
    named = {identity(v): v for p in parameters for v in p.when.get(name, ())}
    return list(named.values())


def _discrete(parameter: Parameter, points: int) -> Parameter:
    if not isinstance(parameter, Float) or parameter.count is not None:
        return parameter
    return Choice(parameter.name, parameter.points(points), parameter.when)


def _check_condition(parameter: Parameter, parameters: Mapping[str, Parameter]) -> None:
    for name, values in parameter.when.items():
        key = f"space.{parameter.name}.when.{name}"
        other = parameters.get(name)
        if other is None:
            raise ConfigError(
                f"the space has no parameter '{name}'.{nearest(str(name), parameters)}", key=key
            )
        if isinstance(other, Float):
            raise ConfigError(
                f"'{name}' is a range of floats; a condition needs a choice or integers.",
                key=key,
            )
        for value in values:
            if not other.contains(value):
                hint = nearest(str(value), other.choices) if isinstance(other, Choice) else ""
                raise ConfigError(f"{value!r} is not {other}.{hint}", key=key)


def _ordered(parameters: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
    """Sort so that each parameter stands behind those that it depends on, else by name."""
    left = dict(sorted(parameters.items()))
    order: list[Parameter] = []
    while left:
        ready = [
            name for name, parameter in left.items() if not left.keys() & parameter.when.keys()
        ]
        if not ready:
            raise ConfigError(
                f"the conditions of {', '.join(left)} go in a circle.",
                key=f"space.{next(iter(left))}.when",
            )
        order += [left.pop(name) for name in ready]
    return tuple(order)
