"""Where samples come from: an embedded data set, CANDLE's files, or an .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_workflow.data import candle_csv, embedded, npz
from candle_workflow.data.arrays import Arrays
from candle_workflow.data.section import DataSection
from candle_workflow.errors import ConfigError, DataError


def load(section: Mapping[str, Any], root: Path) -> Arrays:
    """Read what a campaign's ``data:`` section names.

    Parameters
    ----------
    root : Path
        The campaign file's folder, from which a relative path is taken.

    Raises
    ------
    ConfigError
        The section is wrong; the key says where.
    DataError
        The data are missing or damaged; the message says where and what to do.
    """
    return read(DataSection.parse(section, root))


def read(section: DataSection) -> Arrays:
    """Read what a parsed section names."""
    by = section.split.by if section.split else None
    if section.source is not None:
        return embedded.read(section.source, by=by)
    path = section.path
    assert path is not None
    if path.is_dir():
        if section.split is not None:
            raise ConfigError(
                f"{path} holds a training and a test part, which are kept as they are; take this"
                " out, or name one of its files as data.path to split it",
                key="data.split",
            )
        return candle_csv.read_folder(path)
    if not path.exists():
        raise DataError(
            f"{path}: there is no such file or folder; data.path is relative to the campaign file"
        )
    if path.suffix == ".npz":
        return npz.read_npz(path, by=by)
    if path.suffix == ".csv":
        return candle_csv.read_file(path, by=by)
    raise DataError(
        f"{path}: expected an .npz file, a .csv file, or a folder with a training and a test .csv"
    )
