"""Data sets that come with the package: ``NAME.npz`` with ``NAME.json`` beside it.

The JSON file says where the data are from and how to read the arrays; its checksum is
verified each time. A new data set is two files more, and nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from candle_workflow.data.arrays import Arrays, Column, labels, sha256
from candle_workflow.errors import ConfigError, DataError, nearest


def folder() -> Path:
    """Where the embedded data sets are."""
    return Path(str(files("candle_benchmarks"))) / "data"


def sources() -> list[str]:
    """List the embedded data sets: what ``data.source`` may be."""
    return sorted(path.stem for path in folder().glob("*.json"))


def describe(name: str) -> dict[str, Any]:
    """Give what is known about a data set: title, provenance, licence, citation, checksum.

    Raises
    ------
    ConfigError
        There is no such data set.
    """
    if name not in sources():
        raise ConfigError(
            f"there is no embedded data set '{name}'.{nearest(name, sources())}", key="data.source"
        )
    about: dict[str, Any] = json.loads((folder() / f"{name}.json").read_text())
    return about


def read(name: str, *, by: str | None = None) -> Arrays:
    """Read a data set; samples of none of its classes are left out.

    Raises
    ------
    ConfigError
        There is no such data set, or it has no column ``by``.
    DataError
        The file is not the one that the checksum is of.
    """
    about, path = describe(name), folder() / f"{name}.npz"
    checksum = sha256(path) if path.exists() else "missing"
    if checksum != about["sha256"]:
        raise DataError(
            f"{path}: its SHA-256 is {checksum}, expected {about['sha256']}: the file is missing,"
            " damaged or changed; install the package again"
        )
    with np.load(path, allow_pickle=False) as arrays:
        return _select({key: arrays[key] for key in arrays.files}, about, by, checksum)


def _select(
    arrays: Mapping[str, Column], about: Mapping[str, Any], by: str | None, checksum: str
) -> Arrays:
    label = about["label"]
    values = arrays[label["array"]]
    rows = np.flatnonzero(np.isin(values, label["classes"]))
    y, classes = labels(values[rows], classes=label["classes"])
    x = arrays[about["x"]["array"]][rows] / np.float32(about["x"]["divisor"])
    columns = [key for key, array in arrays.items() if array.shape == values.shape]
    if by is not None and by not in columns:
        raise ConfigError(f"there is no column '{by}'.{nearest(by, columns)}", key="data.split.by")
    return Arrays(
        x=x.astype(np.float32, copy=False),
        y=y,
        classes=classes,
        names=arrays[about["x"]["names"]],
        groups=None if by is None else arrays[by][rows],
        given=None,
        checksum=checksum,
    )
