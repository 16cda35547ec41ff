"""From a ``data:`` section to the arrays that a model trains on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_workflow.data.arrays import Arrays, Floats, Rows
from candle_workflow.data.scaling import Inputs
from candle_workflow.data.section import DataSection, SplitSection
from candle_workflow.data.sources import read
from candle_workflow.data.splits import Split, split


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Inputs and classes of both sides, and how they came about."""

    train_x: Floats
    train_y: Rows
    valid_x: Floats
    valid_y: Rows
    arrays: Arrays
    sides: Split
    inputs: Inputs


def prepare(
    section: Mapping[str, Any], root: Path, *, scaling: str = "none", features: int | None = None
) -> Dataset:
    """Load, split, choose features and scale them; the latter two see the training side only.

    Raises
    ------
    ConfigError, DataError
        The section or the data are wrong.
    """
    arrays, sides = _load(section, root)
    train = arrays.x[sides.train]
    inputs = Inputs.fit(train, scaling=scaling, features=features)
    return Dataset(
        train_x=inputs.apply(train),
        train_y=arrays.y[sides.train],
        valid_x=inputs.apply(arrays.x[sides.valid]),
        valid_y=arrays.y[sides.valid],
        arrays=arrays,
        sides=sides,
        inputs=inputs,
    )


def record(section: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Describe a campaign's data for its provenance: checksum, sizes, the split's hashes."""
    arrays, sides = _load(section, root)
    names = arrays.classes
    return {
        "sha256": arrays.checksum,
        "samples": len(arrays.y),
        "features": arrays.x.shape[1],
        "classes": {
            side: {name: int((arrays.y[rows] == n).sum()) for n, name in enumerate(names)}
            for side, rows in (("train", sides.train), ("valid", sides.valid))
        },
        "split": sides.hashes(),
    }


def _load(section: Mapping[str, Any], root: Path) -> tuple[Arrays, Split]:
    parsed = DataSection.parse(section, root)
    arrays = read(parsed)
    return arrays, split(arrays, parsed.split or SplitSection())
