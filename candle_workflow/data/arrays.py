"""Samples as arrays: what every source gives and every split takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from candle_workflow.errors import DataError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """A labelled data set.

    Attributes
    ----------
    x : float32, (samples, features)
    y : integers, (samples,)
        Indices into ``classes``.
    classes : tuple of str
    names : (features,) text, or None
    groups : (samples,), or None
        What a split keeps together.
    given : rows, or None
        The validation samples, if the data come as training and test parts.
    checksum : str
        SHA-256 of the file; of several, of their checksums in order.
    """

    x: Floats
    y: Rows
    classes: tuple[str, ...]
    names: Column | None
    groups: Column | None
    given: Rows | None
    checksum: str


def labels(values: Column, *, classes: Sequence[str] | None = None) -> tuple[Rows, tuple[str, ...]]:
    """Number the classes: in the order given, else sorted (numbers by value)."""
    if classes is None:
        found, y = np.unique(values, return_inverse=True)
        return y.astype(np.intp), tuple(_label(value) for value in found)
    order = {name: index for index, name in enumerate(classes)}
    return np.array([order[str(value)] for value in values], dtype=np.intp), tuple(classes)


def _label(value: Any) -> str:
    number = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value)) if number else str(value)


def refuse_gaps(x: Floats, where: str, *, first_row: int = 0, first_column: int = 0) -> None:
    """Raise DataError for the first value that is missing or infinite, by row and column."""
    if np.isfinite(x.sum(dtype=np.float64)):  # one pass; a gap anywhere makes the sum one
        return
    row, column = np.argwhere(~np.isfinite(x))[0]
    raise DataError(
        f"{where}: row {row + first_row}, column {column + first_column} is {x[row, column]},"
        " expected a finite number; fill the gap or leave the sample or the feature out"
    )


def sha256(*paths: Path) -> str:
    """Hash a file; of several, their hashes in order."""
    hashes = []
    for path in paths:
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
