"""Read YAML 1.2 (core schema) into plain values, and remember the line of every key.

Owns the text of user files and nothing of their meaning. PyYAML scans and composes; its
YAML 1.1 rules for plain words are replaced, so ``1e-4`` is a number, ``on`` and
``2026-01-01`` are text, ``010`` is ten. Only plain values can come out: other tags are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from candle_workflow.errors import ConfigError

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 50_000  # after aliases are expanded; a file that needs more holds data, not a spec
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"
_WORDS: tuple[tuple[str, str], ...] = (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    ),
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds: its value, and dotted key -> line (from 1) for everything in it."""

    value: Any
    lines: Mapping[str, int] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """PyYAML's scanner and composer with the plain words of YAML 1.2."""

    # PyYAML's stubs declare it without ClassVar, so it cannot be one here
    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012
        None: [(_TAG + name, re.compile(f"(?:{words})$")) for name, words in _WORDS]
    }


def parse(text: str, *, file: str | None = None) -> Document:
    """Read one document.

    Parameters
    ----------
    text : str
    file : str, optional
        How errors name the text's file.

    Raises
    ------
    ConfigError
        The text is not one well-formed document of plain values with unique text keys.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"the file has {len(text)} characters, expected at most {MAX_CHARACTERS};"
            " keep data in files of their own.",
            file=file,
        )
    loader = _open(text, file)
    try:
        node = loader.get_single_node()
        return _Builder(file).build(node)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, file) from error
    except RecursionError as error:
        raise ConfigError(f"nested deeper than {MAX_DEPTH} levels.", file=file) from error
    finally:
        loader.dispose()


def parse_value(text: str, *, key: str, file: str = "--set") -> Any:
    """Read one value as it would stand in a file, such as ``0.1`` or ``[sgd, adam]``.

    Raises
    ------
    ConfigError
        As for ``parse``; names ``key``.
    """
    try:
        return parse(text, file=file).value
    except ConfigError as error:
        raise ConfigError(f"in {text!r}: {error.message}", key=key, file=file) from error


def _open(text: str, file: str | None) -> _Loader:
    try:
        return _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(
            f"the character {error.character!r} is not allowed; save the file as plain UTF-8 text.",
            file=file,
            line=line,
        ) from error


def _unreadable(error: yaml.MarkedYAMLError, file: str | None) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or error.context or "not readable"
    if "'\\t'" in problem:
        problem = "a tab in the indentation; indent with spaces"
    elif error.context == "expected a single document in the stream":
        problem = "a second document begins here ('---'); a file holds one"
    elif problem.startswith("mapping values are not allowed"):
        problem = (
            "a ':' is not expected here; check the indentation, and quote text that holds ': '"
        )
    elif "expected ',' or" in problem or "expected the node content" in problem:
        problem += "; check for an unclosed bracket"
    return ConfigError(f"this is not YAML: {problem}.", file=file, line=line)


class _Builder:
    """Turns composed nodes into plain values, counting, so that aliases cannot explode."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self.count = 0

    def build(self, root: yaml.Node | None) -> Document:
        value = None if root is None else self.value(root, "", 0)
        return Document(value, self.lines)

    def refuse(self, node: yaml.Node, key: str, message: str) -> ConfigError:
        line = node.start_mark.line + 1
        return ConfigError(message, key=key or None, file=self.file, line=line)

    def value(self, node: yaml.Node, key: str, depth: int) -> Any:
        self.count += 1
        if depth > MAX_DEPTH:
            raise self.refuse(node, "", f"nested deeper than {MAX_DEPTH} levels.")
        if self.count > MAX_VALUES:
            raise self.refuse(node, "", f"more than {MAX_VALUES} values, aliases expanded.")
        if key:
            self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, key, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [
                self.value(item, _join(key, str(index)), depth + 1)
                for index, item in enumerate(node.value)
            ]
        return self.scalar(node, key)

    def mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name_node, item in node.value:
            name = self.name(name_node, key)
            path = _join(key, name)
            if name in result:
                first = self.lines[path]
                raise self.refuse(
                    name_node, path, f"the key stands twice, first in line {first}; keep one."
                )
            self.lines[path] = name_node.start_mark.line + 1
            result[name] = self.value(item, path, depth + 1)
        return result

    def name(self, node: yaml.Node, key: str) -> str:
        value = self.scalar(node, key) if isinstance(node, yaml.ScalarNode) else None
        if value == "<<":
            raise self.refuse(
                node, key, "merge keys ('<<') are not part of YAML 1.2; write the keys out."
            )
        if not isinstance(value, str):
            raise self.refuse(
                node, key, f"a key must be text, this one is {describe(value)}; quote it."
            )
        return value

    def scalar(self, node: yaml.Node, key: str) -> Any:
        read = _SCALARS.get(node.tag.removeprefix(_TAG))
        if read is None or not isinstance(node, yaml.ScalarNode):
            tag = node.tag.replace(_TAG, "!!")
            raise self.refuse(
                node, key, f"the tag '{tag}' is not allowed; a file holds plain values only."
            )
        try:
            return read(node.value)
        except (ValueError, KeyError) as error:
            kind = node.tag.removeprefix(_TAG)
            raise self.refuse(node, key, f"'{node.value}' cannot be read as {kind}.") from error


def _whole(text: str) -> int:
    if len(text) > 20:
        raise ValueError(text)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text if base == 10 else text[2:], base)


def _number(text: str) -> float:
    # YAML writes .inf and .nan, Python inf and nan
    return float(re.sub(r"\.(?=[iInN])", "", text))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _whole,
    "float": _number,
    "str": str,
}


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def describe(value: Any) -> str:
    """Say what a value is, in a user's words: "the text 'abc'", "the number 3", "a list"."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value}'"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a mapping"
