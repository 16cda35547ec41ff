"""Reads the entries of a campaign's ``space:`` and says what is wrong with them.

What depends on several parameters at once (conditions) is checked by ``space``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from candle_workflow.errors import ConfigError, nearest
from candle_workflow.space.parameters import Choice, Float, Integer, Parameter, When, identity

_KEYS = {
    "choice": ("type", "choices", "when"),
    "int": ("type", "low", "high", "log", "step", "when"),
    "float": ("type", "low", "high", "log", "step", "when"),
}
_NAME = re.compile(r"[^\W\d][\w-]*")
_BOUNDS = ("low", "high")
_LARGEST = 2**53  # from here on neighbouring integers are the same float


def parse_parameter(name: Any, section: Any) -> Parameter:
    """Read one entry of a campaign's ``space:``.

    Raises
    ------
    ConfigError
        With the key of what is wrong, such as ``space.dropout.low``.
    """
    key = f"space.{name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a parameter; use letters, digits, '_' and '-',"
            " beginning with a letter.",
            key=key,
        )
    if isinstance(section, (list, tuple)):
        section = {"choices": section}
    if not isinstance(section, Mapping):
        raise ConfigError(
            f"{section!r} is neither a list of choices nor a range {{low: ..., high: ...}}."
            " A fixed value belongs under 'params'.",
            key=key,
        )
    kind = _kind(section, key)
    when = _parse_when(section.get("when", {}), f"{key}.when")
    return _PARSERS[kind](name, section, when)


def _kind(section: Mapping[Any, Any], key: str) -> str:
    known = dict.fromkeys(word for words in _KEYS.values() for word in words)
    for word in section:
        if word not in known:
            raise ConfigError(
                f"a parameter has no '{word}'.{nearest(str(word), known)}", key=f"{key}.{word}"
            )
    kind = section.get("type", "choice" if "choices" in section else None)
    if kind is None:
        whole = all(type(section.get(bound)) is int for bound in ("low", "high"))
        kind = "int" if whole else "float"
    if not isinstance(kind, str) or kind not in _KEYS:
        raise ConfigError(
            f"{kind!r} is not a type of parameter.{nearest(str(kind), _KEYS)}", key=f"{key}.type"
        )
    for word in section:
        if word not in _KEYS[kind]:
            raise ConfigError(
                f"'{word}' does not go with type {kind}.{nearest(str(word), _KEYS[kind])}",
                key=f"{key}.{word}",
            )
    return kind


def _parse_when(section: Any, key: str) -> When:
    if not isinstance(section, Mapping):
        raise ConfigError(
            f"{section!r} is not a condition; expected such as {{optimizer: sgd}} or"
            " {optimizer: [sgd, adam]}.",
            key=key,
        )
    when: dict[str, tuple[Any, ...]] = {}
    for name, values in section.items():
        when[name] = tuple(values) if isinstance(values, (list, tuple)) else (values,)
        if not when[name]:
            raise ConfigError(
                "the list of values is empty, so it never holds.", key=f"{key}.{name}"
            )
    return when


def _parse_choice(name: str, section: Mapping[str, Any], when: When) -> Choice:
    key = f"space.{name}"
    choices = section.get("choices")
    if not isinstance(choices, (list, tuple)) or not choices:
        raise ConfigError(f"{choices!r} gives nothing to choose from; list some values.", key=key)
    seen: set[Any] = set()
    for choice in choices:
        _require_plain(choice, key)
        if identity(choice) in seen:
            raise ConfigError(f"the choice {choice!r} is there twice; keep one.", key=key)
        seen.add(identity(choice))
    return Choice(name, tuple(choices), when)


def _require_plain(value: Any, key: str) -> None:
    if isinstance(value, (list, tuple)):
        for element in value:
            _require_plain(element, key)
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(
            f"the choice {value} is not a finite number; null can stand for none.", key=key
        )
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise ConfigError(
            f"the choice {value!r} is no number, text, boolean, null or list of these.", key=key
        )


def _parse_integer(name: str, section: Mapping[str, Any], when: When) -> Integer:
    key = f"space.{name}"
    low, high = (_whole(_number(section, bound, key), f"{key}.{bound}") for bound in _BOUNDS)
    log = _parse_log(section, low, key)
    step = 1
    if section.get("step") is not None:
        step = _whole(_number(section, "step", key), f"{key}.step")
    _check_range(low, high, section, key)
    return Integer(name, low, high, log, step, when)


def _parse_float(name: str, section: Mapping[str, Any], when: When) -> Float:
    key = f"space.{name}"
    low, high = (float(_number(section, bound, key)) for bound in _BOUNDS)
    log = _parse_log(section, low, key)
    step = None if section.get("step") is None else float(_number(section, "step", key))
    _check_range(low, high, section, key)
    return Float(name, low, high, log, step, when)


def _number(section: Mapping[str, Any], word: str, key: str) -> float:
    if word not in section:
        raise ConfigError(f"a range needs both low and high; '{word}' is missing.", key=key)
    value = section[word]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{value!r} is not a number.", key=f"{key}.{word}")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ConfigError(
            f"{value} is too large for a range; at most {_LARGEST}.", key=f"{key}.{word}"
        )
    if not math.isfinite(value):
        raise ConfigError(f"{value} is not a finite number.", key=f"{key}.{word}")
    return value


def _whole(value: float, key: str) -> int:
    if value != int(value):
        raise ConfigError(
            f"{value} is not an integer, but this range is one of integers; write its bounds"
            " with a decimal point (1.0) for a range of floats.",
            key=key,
        )
    return int(value)


def _parse_log(section: Mapping[str, Any], low: float, key: str) -> bool:
    log = section.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"{log!r} is neither true nor false.", key=f"{key}.log")
    if log and low <= 0:
        raise ConfigError(
            f"a logarithmic range must begin above 0, but low is {low}.", key=f"{key}.low"
        )
    return log


def _check_range(low: float, high: float, section: Mapping[str, Any], key: str) -> None:
    if low > high:
        raise ConfigError(f"low ({low}) is above high ({high}); exchange them.", key=f"{key}.low")
    if not math.isfinite(high - low):
        raise ConfigError(f"the range from {low} to {high} is too wide.", key=f"{key}.high")
    step = section.get("step")
    if step is None:
        return
    if section.get("log"):
        raise ConfigError("a logarithmic range cannot have steps; drop one.", key=f"{key}.step")
    if not 0 < step <= high - low:
        raise ConfigError(
            f"a step must be above 0 and at most the range ({high - low:g}), not {step}.",
            key=f"{key}.step",
        )


_PARSERS: dict[str, Callable[[str, Mapping[str, Any], When], Parameter]] = {
    "choice": _parse_choice,
    "int": _parse_integer,
    "float": _parse_float,
}
