"""What a command says of its trial: lines of JSON, rows of a CSV file, result lines of output.

Numbers are read exactly as written, with exponents, nan and infinities. A line that means
nothing is named in the trial's log and left out.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from candle_workflow.model import Metrics
from candle_workflow.trainers.context import Context

STEP_NAMES = ("step", "epoch")
_BARE = re.compile(r"(?<=[:\s])([+-]?)(nan|inf|infinity)(?=\s*[,}])", re.IGNORECASE)
_LONGEST = 1 << 16  # of an unfinished line of output


class Tail:
    """Gives a growing file's complete lines, each once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._rest = b""

    def lines(self, *, final: bool = False) -> list[str]:
        """Read on; ``final`` takes an unfinished last line too. No file, no lines."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            data = b""
        self._read += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = b"" if final else lines.pop()
        return [line.decode(errors="replace") for line in lines if line.strip()]


class JsonLines:
    """Reports the objects appended to ``$CANDLE_METRICS``."""

    def __init__(self, path: Path, context: Context) -> None:
        self._tail = Tail(path)
        self._context = context

    def report(self, *, final: bool = False) -> None:
        """Report what was appended since."""
        for line in self._tail.lines(final=final):
            found = as_object(line)
            if found is None:
                _complain(f"{self._tail.path.name}: not a JSON object: {line[:200]}")
                continue
            self._take(found)

    def _take(self, found: dict[str, Any]) -> None:
        step = _step(found)
        values = numbers(found)
        if values:
            self._context.report(step, **values)
        if isinstance(found.get("checkpoint"), str):
            path = self._context.folder / found["checkpoint"]
            if path.exists():
                self._context.checkpointed(path, step or 0)
            else:
                _complain(f"{self._tail.path.name}: there is no checkpoint {path}")


class CsvRows:
    """Reports the rows of a CSV file with a header, such as Keras' CSVLogger writes."""

    def __init__(self, path: Path, context: Context) -> None:
        self._tail = Tail(path)
        self._context = context
        self._header: list[str] = []

    def report(self, *, final: bool = False) -> None:
        """Report the rows written since."""
        for row in csv.reader(self._tail.lines(final=final)):
            if not self._header:
                self._header = [name.strip() for name in row]
            elif len(row) != len(self._header):
                _complain(
                    f"{self._tail.path.name}: {len(row)} values in a row, expected"
                    f" {len(self._header)}: {','.join(row)[:200]}"
                )
            else:
                self._take(row)
        if final and not self._header:
            _complain(f"{self._tail.path.name} was not written, or is empty: no metrics from it")

    def _take(self, row: list[str]) -> None:
        cells = {name: _number(text) for name, text in zip(self._header, row, strict=True)}
        found = {name: value for name, value in cells.items() if value is not None}
        values = numbers(found)
        if values:
            self._context.report(_step(found), **values)


class OutputScan:
    """Remembers from a command's output the last line and the last line that is a result."""

    def __init__(self, objective: str) -> None:
        self.last = ""  # the last line that is not blank
        self._objective = objective
        self._rest = b""
        self._result = ""

    def feed(self, data: bytes) -> None:
        """Take output as it comes."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_LONGEST:]
        for line in lines:
            self._look(line)

    def result(self) -> Metrics:
        """Give what the last result line says; nothing if there was none."""
        self._look(self._rest)
        self._rest = b""
        if not self._result.startswith("{"):
            return self._improve_result()
        return numbers(as_object(self._result) or {})

    def _look(self, raw: bytes) -> None:
        # a progress bar may stand before the result on the same line
        line = raw.rstrip().rpartition(b"\r")[2].strip().decode(errors="replace")
        if not line:
            return
        self.last = line
        braces = line.startswith("{") and line.endswith("}")
        if "IMPROVE_RESULT" in line or (braces and numbers(as_object(line) or {})):
            self._result = line

    def _improve_result(self) -> Metrics:
        """Read CANDLE's ``IMPROVE_RESULT [label] number``: the last word is the number."""
        if not self._result:
            return {}
        value = _number(self._result.split()[-1])
        if value is None:
            _complain(f"the last word is not a number: {self._result[:200]}")
            return {}
        return {self._objective: value}


def as_object(line: str) -> dict[str, Any] | None:
    """Parse a JSON object; bare ``nan`` and ``inf``, as Python prints them, are taken too."""
    for text in (line, _BARE.sub(_as_json, line)):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def numbers(found: dict[str, Any]) -> Metrics:
    """Give the metrics of an object: its numbers, without the step."""
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in STEP_NAMES
    }


def _step(found: dict[str, Any]) -> int | None:
    for name in STEP_NAMES:
        value = found.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
            return int(value)
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _as_json(match: re.Match[str]) -> str:
    sign, word = match.groups()
    return "NaN" if word.lower() == "nan" else f"{sign.replace('+', '')}Infinity"


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
