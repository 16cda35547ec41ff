"""A user's ``.npz`` file: x (samples, features), y (samples,), and columns to split by."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from candle_workflow.data.arrays import Arrays, Column, labels, refuse_gaps, sha256
from candle_workflow.errors import ConfigError, DataError, nearest

NAMES = ("names", "gene", "feature", "probe")  # arrays that may hold the features' names


def read_npz(path: Path, *, by: str | None = None) -> Arrays:
    """Read a file.

    Raises
    ------
    DataError
        It is no such file, x or y is missing, or their shapes do not fit together.
    ConfigError
        It has no column ``by``.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: {error}; expected a file from numpy.savez with arrays of numbers or text"
            " (Python objects are not read)"
        ) from error
    x, y = _named(arrays, "x", path), _named(arrays, "y", path)
    _check(x, y, path)
    x = np.ascontiguousarray(x, dtype=np.float32)
    refuse_gaps(x, f"{path}: x")
    names = next((arrays[name] for name in NAMES if _fits(arrays, name, x.shape[1])), None)
    numbers, classes = labels(y)
    return Arrays(x, numbers, classes, names, _column(arrays, by, len(y)), None, sha256(path))


def _named(arrays: Mapping[str, Column], name: str, path: Path) -> Column:
    if name not in arrays:
        raise DataError(f"{path}: there is no array '{name}'.{nearest(name, arrays)}")
    return arrays[name]


def _check(x: Column, y: Column, path: Path) -> None:
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.number):
        raise DataError(
            f"{path}: x is {x.dtype} of shape {x.shape}, expected numbers (samples, features)"
        )
    if y.shape != x.shape[:1]:
        raise DataError(
            f"{path}: y has shape {y.shape}, x has {len(x)} samples; expected ({len(x)},)"
        )
    if np.issubdtype(y.dtype, np.floating) and not np.isfinite(y).all():
        row = np.flatnonzero(~np.isfinite(y))[0]
        raise DataError(f"{path}: y of row {row} is {y[row]}, expected a class")


def _column(arrays: Mapping[str, Column], by: str | None, samples: int) -> Column | None:
    if by is None:
        return None
    columns = [name for name in arrays if name not in ("x", "y") and _fits(arrays, name, samples)]
    if by not in columns:
        raise ConfigError(
            f"there is no array '{by}' with one value per sample.{nearest(by, columns)}",
            key="data.split.by",
        )
    return arrays[by]


def _fits(arrays: Mapping[str, Column], name: str, length: int) -> bool:
    return name in arrays and arrays[name].shape == (length,)
