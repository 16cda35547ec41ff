"""Where each value of a campaign came from: a line of its file, ``--set``, or a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.config.schema import Section
from candle_workflow.config.yaml12 import describe, parse_value
from candle_workflow.errors import ConfigError

SET = "--set"


@dataclass(slots=True)
class Places:
    """The lines of one file's keys, and which of them the command line set."""

    file: str | None = None  # as the user named it
    lines: dict[str, int] = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)

    def located(self, error: ConfigError) -> ConfigError:
        """Give the error with the file and line of its key, or of the nearest one above."""
        if error.file is not None:
            return error
        file, line = self.find(error.key or "")
        return ConfigError(error.message, key=error.key, file=file, line=line)

    def find(self, key: str) -> tuple[str | None, int | None]:
        """Look a dotted key up, else the longest part of it that is known."""
        for prefix in _prefixes(key):
            if prefix in self.sets:
                return SET, None
            if prefix in self.lines:
                return self.file, self.lines[prefix]
        made = any(other.startswith(f"{key}.") for other in self.sets)
        return (SET if made else self.file), None

    def take(self, key: str) -> None:
        """Note that the command line replaced a key and all below it."""
        for known in [*self.lines]:
            if known == key or known.startswith(f"{key}."):
                del self.lines[known]
        self.sets.add(key)

    def renamed(self, old: str, new: str) -> None:
        """Carry places over from one key, and all below it, to another name."""
        for known in [*self.lines]:
            if known == old or known.startswith(f"{old}."):
                self.lines[new + known[len(old) :]] = self.lines.pop(known)
        moved = {key for key in self.sets if key == old or key.startswith(f"{old}.")}
        self.sets = (self.sets - moved) | {new + key[len(old) :] for key in moved}

    def origins(self, given: Any, resolved: Mapping[str, Any], name: str) -> dict[str, str]:
        """Say of every resolved value where it came from.

        Parameters
        ----------
        given : mapping
            What the user wrote, with short forms written out.
        resolved : mapping
            Every value.
        name : str
            How the file is called, such as ``nt3.yaml``.
        """
        return {key: self._origin(key, given, name) for key in _leaves(resolved)}

    def _origin(self, key: str, given: Any, name: str) -> str:
        if not _is_given(key, given):
            return "default"
        file, line = self.find(key)
        return SET if file == SET else f"{name}:{line}"


def apply(
    tree: dict[str, Any], overrides: Mapping[str, str], places: Places, layout: Section
) -> None:
    """Write ``--set`` values into what a file held, making sections where there are none.

    A text for a section that has a short form sets its name. Naming another plug-in drops
    the options that the file has for the former one, which could not fit.

    Raises
    ------
    ConfigError
        A key is malformed, or leads through a value that is no section.
    """
    for key, text in overrides.items():
        if not all(part.strip() == part and part for part in key.split(".")):
            raise ConfigError(f"'{key}' is no key; expected one such as planner.trials.", file=SET)
        value = parse_value(text, key=key, file=SET)
        section = layout.section(key)
        if section is not None and section.short and isinstance(value, str):
            key = f"{key}.{section.short}"
        above, _, name = key.rpartition(".")
        target = _walk(tree, above)
        owner = layout.section(above)
        if owner is not None and owner.open and name == owner.short and target.get(name) != value:
            for option in target.keys() - owner.known().keys():
                del target[option]
        target[name] = value
        places.take(key)


def _walk(tree: dict[str, Any], key: str) -> dict[str, Any]:
    section = tree
    for prefix in reversed([*_prefixes(key)]):
        name = prefix.rpartition(".")[2]
        if section.get(name) is None:
            section[name] = {}
        value = section[name]
        if not isinstance(value, dict):
            raise ConfigError(
                f"is {describe(value)} in the file, so nothing below it can be set;"
                f" set the whole of it: {SET} {prefix}={{...}} or [...].",
                key=prefix,
            )
        section = value
    return section


def parse_set(items: list[str]) -> dict[str, str]:
    """Read ``--set`` arguments, ``key=value`` each.

    Raises
    ------
    ConfigError
        One has no '=', or no key.
    """
    overrides: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"'{item}' is not key=value; expected one such as planner.trials=50.", file=SET
            )
        overrides[key.strip()] = value
    return overrides


def _prefixes(key: str) -> Iterator[str]:
    while key:
        yield key
        key = key.rpartition(".")[0]


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else name)
    elif key:
        yield key


def _is_given(key: str, given: Any) -> bool:
    """Whether the user wrote this value, perhaps as a list for a choice."""
    for part in key.split("."):
        if isinstance(given, list):
            return True
        if not isinstance(given, Mapping) or given.get(part) is None:
            return False
        given = given[part]
    return True
