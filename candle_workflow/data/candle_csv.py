"""CANDLE's own layout: ``*train*.csv`` and ``*test*.csv``, no header, the label first."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from candle_workflow.data.arrays import Arrays, Floats, labels, refuse_gaps, sha256
from candle_workflow.errors import ConfigError, DataError

LAYOUT = "comma-separated numbers without a header, the label first"


def read_folder(folder: Path) -> Arrays:
    """Read the training and the test file; the test samples are those to validate on.

    Raises
    ------
    DataError
        The folder does not hold exactly one file of each, or they do not fit together.
    """
    train, test = _one(folder, "train"), _one(folder, "test")
    parts = [_table(train), _table(test)]
    widths = [part.shape[1] for part in parts]
    if widths[0] != widths[1]:
        raise DataError(
            f"{test}: it has {widths[1]} columns, {train.name} has {widths[0]}; expected the same"
            " features in the same order in both"
        )
    given = np.arange(len(parts[0]), len(parts[0]) + len(parts[1]))
    return _arrays(np.concatenate(parts), given=given, checksum=sha256(train, test))


def read_file(path: Path, *, by: str | None = None) -> Arrays:
    """Read one file, to be split."""
    if by is not None:
        raise ConfigError(
            f"is '{by}', but {path.name} has no named columns; put the data and a column '{by}'"
            " into an .npz file",
            key="data.split.by",
        )
    return _arrays(_table(path), given=None, checksum=sha256(path))


def _arrays(table: Floats, *, given: np.ndarray | None, checksum: str) -> Arrays:
    y, classes = labels(table[:, 0])
    return Arrays(table[:, 1:], y, classes, None, None, given, checksum)


def _one(folder: Path, part: str) -> Path:
    found = sorted(path for path in folder.glob("*.csv") if part in path.stem)
    if len(found) == 1:
        return found[0]
    seen = ", ".join(path.name for path in found) or "none"
    raise DataError(
        f"{folder}: expected one file *{part}*.csv (such as nt_{part}2.csv), found {seen}"
    )


def _table(path: Path) -> Floats:
    import pandas as pd

    try:
        table = pd.read_csv(path, header=None, dtype=np.float32).to_numpy()
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(_blame(path) or f"{path}: {error}; expected {LAYOUT}") from error
    if table.shape[1] < 2:
        raise DataError(f"{path}: it has {table.shape[1]} column, expected {LAYOUT}")
    refuse_gaps(table, str(path), first_row=1, first_column=1)
    return table


def _blame(path: Path) -> str | None:
    """Read a file again, slowly, for the row and column that is wrong."""
    with path.open(newline="", errors="replace") as file:
        width = None
        for number, row in enumerate(csv.reader(file), start=1):
            width = width or len(row)
            if len(row) != width:
                return f"{path}: row {number} has {len(row)} columns, row 1 has {width}"
            for column, cell in enumerate(row, start=1):
                if not _is_number(cell):
                    return (
                        f"{path}: row {number}, column {column} is {cell[:40]!r}, expected"
                        f" a number ({LAYOUT})"
                    )
    return f"{path}: it is empty, expected {LAYOUT}" if width is None else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
