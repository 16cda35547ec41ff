"""Share samples out between training and validation.

The permutations are those of NumPy's RandomState, whose stream is frozen: the same seed
gives the same split with every version of every package.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from candle_workflow.data.arrays import Arrays, Column, Rows
from candle_workflow.data.section import SplitSection
from candle_workflow.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of the two sides, ascending."""

    train: Rows
    valid: Rows

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each side's row numbers (64-bit little-endian), for provenance."""
        return {
            side: hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
            for side, rows in (("train", self.train), ("valid", self.valid))
        }


def split(arrays: Arrays, section: SplitSection) -> Split:
    """Split as the section says, or as the data come.

    Groups stay whole: groups in random order go to the validation side until it has its
    share of the samples. Without groups each class is split in proportion, with at least
    one sample on either side.

    Raises
    ------
    DataError
        A class or a side would be empty, or a group would be on both sides.
    """
    if arrays.given is not None:
        valid = arrays.given
    elif arrays.groups is not None:
        valid = _whole_groups(arrays.groups, section)
    else:
        valid = _by_class(arrays.y, section)
    train = np.setdiff1d(np.arange(len(arrays.y)), valid)
    sides = Split(train, np.sort(valid))
    _refuse_missing_classes(sides, arrays)
    if arrays.groups is not None:
        refuse_leakage(sides, arrays.groups)
    return sides


def refuse_leakage(sides: Split, groups: Column) -> None:
    """Raise DataError if a group has samples on both sides, or a sample is on both."""
    shared = np.intersect1d(sides.train, sides.valid)
    if len(shared):
        raise DataError(
            f"{len(shared)} samples are on both sides of the split, the first is row {shared[0]}"
        )
    leaks = np.intersect1d(groups[sides.train], groups[sides.valid])
    if len(leaks):
        raise DataError(
            f"{len(leaks)} groups are on both sides of the split, the first is {leaks[0]};"
            " what is learned of a group would be tested on the same group"
        )


def _by_class(y: Rows, section: SplitSection) -> Rows:
    random = np.random.RandomState(section.seed)
    taken = []
    for number in range(y.max() + 1):
        rows = random.permutation(np.flatnonzero(y == number))
        count = min(max(1, round(section.valid * len(rows))), len(rows) - 1)
        taken.append(rows[: max(count, 0)])
    return np.concatenate(taken)


def _whole_groups(groups: Column, section: SplitSection) -> Rows:
    random = np.random.RandomState(section.seed)
    values, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(values) < 2:
        raise DataError(
            f"all samples are of one group, {values[0]}; expected at least two to split by"
        )
    order = random.permutation(len(values))
    reached = np.cumsum(sizes[order])
    count = 1 + int(np.argmin(np.abs(reached[:-1] - section.valid * len(groups))))
    return np.flatnonzero(np.isin(member, order[:count]))


def _refuse_missing_classes(sides: Split, arrays: Arrays) -> None:
    for side, rows in (("training", sides.train), ("validation", sides.valid)):
        missing = set(range(len(arrays.classes))) - set(arrays.y[rows].tolist())
        if missing:
            names = ", ".join(arrays.classes[number] for number in sorted(missing))
            raise DataError(
                f"the {side} side has {len(rows)} samples and none of class {names}; try another"
                " data.split.seed or data.split.valid, or add samples"
            )
