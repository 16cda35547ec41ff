"""Reads files with one set of parameters a line: CSV, JSON lines, CANDLE's UPF."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from candle_workflow.errors import ConfigError, nearest
from candle_workflow.space import Space
from candle_workflow.space.parameters import Choice

_LABEL = "id"
_INTEGER = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".upf", ".txt", ".json")
_SUFFIXES = (".csv", *_JSON_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Line:
    """One line's parameters, the label that it gives them, and where it stands (from 1)."""

    number: int
    params: dict[str, Any]
    label: str | None


def read_lines(path: Path, space: Space) -> list[Line]:
    """Read all lines; those parameters that the space has must be within it.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line is wrong: then its number is named. The key is
        ``file``, the option that names the file.
    """
    rows = _csv_rows(path, space) if path.suffix.lower() == ".csv" else _json_rows(path)
    lines = [_line(path, number, row, space) for number, row in rows]
    if not lines:
        raise ConfigError(f"{path} holds no lines of parameters.", key="file")
    _refuse_twins(path, lines)
    return lines


def _text(path: Path) -> list[str]:
    try:
        # a spreadsheet's CSV begins with a byte-order mark
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8: {error}.", key="file") from error
    except OSError as error:
        folder = path.parent
        files = folder.iterdir() if folder.is_dir() else ()
        beside = [each.name for each in files if each.suffix.lower() in _SUFFIXES]
        hint = nearest(path.name, beside)
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot read {path}: {reason}.{hint}", key="file") from error


def _refuse(path: Path, number: int, message: str) -> NoReturn:
    raise ConfigError(f"{path}:{number}: {message}", key="file")


# ------------------------------------------------------------------------- JSON


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(_text(path), start=1):
        if text.strip():
            yield number, _json_object(path, number, text)


def _json_object(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError as error:
        known = path.suffix.lower() in _JSON_SUFFIXES
        hint = "" if known else " A file of comma-separated values must be named *.csv."
        _refuse(path, number, f"this line is not a JSON object: {error}.{hint}")
    if not isinstance(row, dict):
        _refuse(path, number, f"{text.strip()[:60]} is not a JSON object, one a line, as {{...}}.")
    return row


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    for name in row:
        if sum(name == other for other, _ in pairs) > 1:
            raise ValueError(f"'{name}' is there twice")
    return row


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number that JSON has")


# -------------------------------------------------------------------------- CSV


def _csv_rows(path: Path, space: Space) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(_text(path), strict=True, skipinitialspace=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_header(path, names)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                message = f"{len(cells)} values under a header of {len(names)} names."
                _refuse(path, reader.line_num, message)
            # an empty cell leaves the parameter out, as an inactive one must be
            filled = [(n, c.strip()) for n, c in zip(names, cells, strict=True) if c.strip()]
            yield reader.line_num, {n: _cell(n, c, space) for n, c in filled}
    except csv.Error as error:
        _refuse(path, reader.line_num, f"this line is not CSV: {error}.")


def _check_header(path: Path, names: list[str]) -> None:
    for index, name in enumerate(names):
        if not name:
            _refuse(path, 1, f"column {index + 1} of the header has no name.")
        if name in names[:index]:
            _refuse(path, 1, f"the header names '{name}' twice.")


def _cell(name: str, text: str, space: Space) -> Any:
    """Read a cell as YAML would: numbers, true, false, null, a JSON list, else text."""
    parameter = space.parameters.get(name)
    if name == _LABEL or (isinstance(parameter, Choice) and text in parameter.choices):
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
        return _WORDS[text.lower()]
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


# ----------------------------------------------------------------------- checks


def _line(path: Path, number: int, row: dict[str, Any], space: Space) -> Line:
    label = row.pop(_LABEL, None)
    if isinstance(label, bool) or not isinstance(label, (str, int, float, type(None))):
        _refuse(path, number, f"the id {label!r} is neither text nor a number.")
    for name, value in row.items():
        parameter = space.parameters.get(name)
        if parameter is None:
            continue
        if not parameter.contains(value):
            _refuse(path, number, f"'{name}' is {value!r}, which is not {parameter}.")
        if not space.active(parameter, row):
            _refuse(path, number, f"'{name}' is given, but needs {dict(parameter.when)}.")
    return Line(number, row, None if label is None else str(label))


def _refuse_twins(path: Path, lines: Iterable[Line]) -> None:
    seen: dict[str, int] = {}
    for line in lines:
        if line.label is None:
            continue
        if line.label in seen:
            _refuse(
                path, line.number, f"the id '{line.label}' is also that of line {seen[line.label]}."
            )
        seen[line.label] = line.number
