"""The kinds of single values in user files: how each is read, refused and documented."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from candle_workflow.config.yaml12 import describe
from candle_workflow.errors import ConfigError, nearest

Json = dict[str, Any]


class Kind(Protocol):
    """A kind of value. ``name`` completes "expected ...", ``read`` is total or raises."""

    @property
    def name(self) -> str: ...

    def fits(self, value: Any) -> bool:
        """Whether the value is of the YAML type that this kind is written in."""
        ...

    def read(self, value: Any, key: str) -> Any:
        """Give the value in canonical form, which reads as itself; ConfigError with key."""
        ...

    def schema(self) -> Json:
        """The JSON Schema of what a file may hold."""
        ...


def wrong(value: Any, kind: Kind, key: str, hint: str = "") -> ConfigError:
    """The refusal of a value of another kind."""
    return ConfigError(f"is {describe(value)}, expected {kind.name}.{hint}", key=key)


def closest(word: str, known: Iterable[str]) -> str:
    """The hint of ``nearest`` without its list, where that was said before."""
    return nearest(word, known).partition(" Known:")[0]


@dataclass(frozen=True, slots=True)
class Text:
    """Text, perhaps one of a few words."""

    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " or ".join(self.choices) if self.choices else "text"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def read(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            hint = "" if value is None or isinstance(value, dict | list) else " Quote it."
            raise wrong(value, self, key, "" if self.choices else hint)
        if self.choices and value not in self.choices:
            raise wrong(value, self, key, closest(value, self.choices))
        if not value.strip():
            raise ConfigError("is empty text, expected something.", key=key)
        return value

    def schema(self) -> Json:
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is safe as a folder, a job's name and a URL's part."""

    PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    name: str = "a name of letters, digits, '.', '_' and '-' (at most 64, no leading '.' or '-')"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def read(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise wrong(value, self, key, "" if value is None else " Quote it.")
        if not re.fullmatch(self.PATTERN, value):
            safe = re.sub(r"[^A-Za-z0-9._-]+", "-", value).lstrip("._-").rstrip("-")[:64]
            raise wrong(value, self, key, f" Did you mean '{safe}'?" if safe else "")
        return value

    def schema(self) -> Json:
        return {"type": "string", "pattern": f"^{self.PATTERN}$"}


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of a command: text, or a number as it is printed."""

    name: str = "text or a number"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str | int | float) and not isinstance(value, bool)

    def read(self, value: Any, key: str) -> str:
        if not self.fits(value):
            hint = "" if value is None or isinstance(value, dict | list) else " Quote it."
            raise wrong(value, self, key, hint)
        return str(value)

    def schema(self) -> Json:
        return {"type": ["string", "number"]}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value; a plug-in or the trainer reads it."""

    name: str = "any value"

    def fits(self, value: Any) -> bool:
        return True

    def read(self, value: Any, key: str) -> Any:
        return value

    def schema(self) -> Json:
        return {}


@dataclass(frozen=True, slots=True)
class Number:
    """A number between bounds; ``whole`` ones only, if so."""

    low: float | None = None  # included, unless above
    high: float | None = None  # included, unless above
    whole: bool = False
    open: bool = False  # the bounds themselves are excluded

    @property
    def name(self) -> str:
        words = "a whole number" if self.whole else "a number"
        low, high = ("above", "below") if self.open else ("of at least", "of at most")
        if self.low is not None:
            words += f" {low} {self.low}"
        if self.high is not None:
            words += (" and" if self.low is not None else "") + f" {high} {self.high}"
        return words

    def fits(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    def read(self, value: Any, key: str) -> int | float:
        if not self.fits(value):
            quoted = isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", value)
            raise wrong(value, self, key, " Write it without quotes." if quoted else "")
        if self.whole and not float(value).is_integer():
            raise wrong(value, self, key)
        if not self._inside(value):
            raise wrong(value, self, key)
        return int(value) if self.whole else value

    def _inside(self, value: float) -> bool:
        low = self.low is None or (value > self.low if self.open else value >= self.low)
        return low and (
            self.high is None or (value < self.high if self.open else value <= self.high)
        )

    def schema(self) -> Json:
        prefix = "exclusiveM" if self.open else "m"
        bounds = {f"{prefix}inimum": self.low, f"{prefix}aximum": self.high}
        kind = {"type": "integer" if self.whole else "number"}
        return kind | {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: read as a number of the base unit; a plain number is one already."""

    noun: str
    units: Mapping[str, float]
    base: str  # the unit of a plain number, in words
    examples: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.noun} such as {', '.join(self.examples)} (a plain number is in {self.base})"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str | int | float) and not isinstance(value, bool)

    def read(self, value: Any, key: str) -> float:
        if not self.fits(value):
            raise wrong(value, self, key)
        amount = self._parse(value) if isinstance(value, str) else float(value)
        if amount is None:
            raise wrong(value, self, key, self._hint(value))
        if amount <= 0:
            raise ConfigError(f"is {describe(value)}, expected more than 0.", key=key)
        return amount

    def _parts(self) -> str:
        unit = "|".join(sorted(self.units, key=len, reverse=True))
        return rf"(\d+(?:\.\d+)?)\s*({unit})"

    def _parse(self, text: str) -> float | None:
        text = text.strip()
        if not re.fullmatch(rf"(?:{self._parts()}\s*)+", text):
            return None
        return sum(float(n) * self.units[unit] for n, unit in re.findall(self._parts(), text))

    def _hint(self, text: str) -> str:
        """Guess the unit from its first letter: 20 minutes -> 20m."""
        seen = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
        if not seen:
            return ""
        letter = seen[2][0].lower()
        close = [unit for unit in self.units if unit.lower().startswith(letter)]
        return f" Did you mean '{seen[1]}{close[0]}'?" if close else nearest("", self.units)

    def schema(self) -> Json:
        text = {"type": "string", "pattern": rf"^\s*({self._parts()}\s*)+$"}
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, text]}


DURATION = Quantity(
    "a duration",
    {"s": 1, "m": 60, "h": 3600, "d": 86400},
    "seconds",
    ("90s", "20m", "1h30m", "2d"),
)
SIZE = Quantity(
    "a size",
    {"GB": 1, "MB": 1e-3, "TB": 1e3, "GiB": 2**30 / 1e9, "MiB": 2**20 / 1e9},
    "GB",
    ("500MB", "2GB", "16GiB"),
)
