"""The layout of user files: sections of keys, each with its kind, default and meaning.

Reading, the JSON Schema and the reference page all come from one table of these. Nothing
here knows what a campaign or a site is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.config.kinds import Json, Kind, Text, closest, wrong
from candle_workflow.errors import ConfigError, nearest


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind."""

    item: Kind
    filled: bool = False  # at least one item

    @property
    def name(self) -> str:
        return f"a list, each item {self.item.name}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, list)

    def read(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list):
            hint = f" Write [{', '.join(_words(value))}]." if isinstance(value, str) else ""
            raise wrong(value, self, key, hint)
        if self.filled and not value:
            raise ConfigError("is an empty list, expected at least one item.", key=key)
        return [self.item.read(item, f"{key}.{index}") for index, item in enumerate(value)]

    def schema(self) -> Json:
        some = {"minItems": 1} if self.filled else {}
        return {"type": "array", "items": self.item.schema(), **some}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an unclosed quote
        return text.split()


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping of the user's own names, or of some of a few, to one kind."""

    item: Kind
    words: Mapping[str, Any] = field(default_factory=dict)  # the only keys -> their defaults

    @property
    def name(self) -> str:
        return f"a mapping of names to {self.item.name}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict)

    def read(self, value: Any, key: str) -> dict[str, Any]:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise wrong(value, self, key)
        for name in value:
            if self.words and name not in self.words:
                raise ConfigError(f"unknown key.{nearest(name, self.words)}", key=f"{key}.{name}")
        return {
            name: self.item.read(item, f"{key}.{name}")
            for name, item in ({**self.words, **value}).items()
        }

    def schema(self) -> Json:
        if not self.words:
            return {"type": ["object", "null"], "additionalProperties": self.item.schema()}
        properties = {
            name: self.item.schema() | {"default": default} for name, default in self.words.items()
        }
        return {
            "type": ["object", "null"],
            "properties": properties,
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds: words, or the first other that fits the YAML type."""

    kinds: tuple[Kind, ...]

    @property
    def name(self) -> str:
        return " or ".join(kind.name for kind in self.kinds)

    def fits(self, value: Any) -> bool:
        return any(kind.fits(value) for kind in self.kinds)

    def read(self, value: Any, key: str) -> Any:
        fitting = [kind for kind in self.kinds if kind.fits(value)]
        words = [word for kind in fitting if isinstance(kind, Text) for word in kind.choices]
        for kind in fitting:
            if not isinstance(kind, Text):
                return kind.read(value, key)
            if value in words:
                return value
        raise wrong(value, self, key, closest(value, words) if words else "")

    def schema(self) -> Json:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section: its kind, default, meaning, and an example in YAML."""

    name: str
    kind: Kind
    default: Any
    doc: str
    example: str = ""

    def read(self, section: Mapping[str, Any], key: str) -> Any:
        value = section.get(self.name)
        if value is None:
            if self.default is REQUIRED:
                raise ConfigError(f"is missing; expected {self.kind.name}.", key=key)
            if self.default is None:
                return None
            value = self.default
        return self.kind.read(value, key)

    def schema(self) -> Json:
        schema = self.kind.schema()
        if self.default is None:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if self.default is not REQUIRED:
            schema = schema | {"default": self.default}
        return schema | {"description": self.doc}


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with known keys.

    ``short`` is the key that a text in the mapping's place stands for; ``open`` sections
    keep other keys as they are, for a plug-in to read.
    """

    keys: tuple[Key, ...]
    short: str | None = None
    open: bool = False

    @property
    def name(self) -> str:
        names = ", ".join(key.name for key in self.keys)
        return ("text or " if self.short else "") + f"a mapping with the keys {names}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict) or (self.short is not None and isinstance(value, str))

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def known(self) -> dict[str, Key]:
        """The keys by name."""
        return {key.name: key for key in self.keys}

    def section(self, name: str) -> Section | None:
        """The section that a key of this one is, if it is one."""
        key = self.known().get(name)
        return key.kind if key is not None and isinstance(key.kind, Section) else None

    def expand(self, value: Any) -> Any:
        """Write the short form out, here and in the sections right below."""
        if self.short and isinstance(value, str):
            return {self.short: value}
        if not isinstance(value, dict):
            return value
        return {
            name: section.expand(item) if (section := self.section(name)) else item
            for name, item in value.items()
        }

    def read(self, value: Any, key: str) -> dict[str, Any]:
        value = {} if value is None else self.expand(value)
        if not isinstance(value, dict):
            raise wrong(value, self, key)
        known = self.known()
        for name in value:
            if name not in known and not self.open:
                raise ConfigError(f"unknown key.{self.place(name)}", key=_join(key, name))
        result = {item.name: item.read(value, _join(key, item.name)) for item in self.keys}
        return result | {name: value[name] for name in value if name not in known}

    def place(self, name: str) -> str:
        """Say what an unknown key may be meant for: a key of a section below, or the nearest."""
        for key in self.keys:
            if isinstance(key.kind, Section) and name in key.kind.known():
                return f" Did you mean '{key.name}.{name}'?" + nearest("", self.known())
        return nearest(name, self.known())

    def schema(self) -> Json:
        result: Json = {
            "type": "object",
            "properties": {key.name: key.schema() for key in self.keys},
            "additionalProperties": self.open,
        }
        required = [key.name for key in self.keys if key.default is REQUIRED]
        if required:
            result["required"] = required
        if self.short:
            return {"anyOf": [{"type": "string"}, result]}
        return result


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
