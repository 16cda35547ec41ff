"""Choose and scale features, with what is learned from the training samples alone.

The formulas are those of scikit-learn's StandardScaler, MinMaxScaler and MaxAbsScaler, to
which the tests hold them. Importing scikit-learn for them would take each trial a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from candle_workflow.data.arrays import Column, Floats, Rows
from candle_workflow.errors import ConfigError

SCALINGS = ("none", "std", "minmax", "maxabs")


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """How a model's inputs are made of raw features: ``(x[:, columns] - offset) / scale``."""

    columns: Rows
    offset: Floats
    scale: Floats

    @classmethod
    def fit(cls, x: Floats, *, scaling: str, features: int | None = None) -> Inputs:
        """Learn from training samples.

        Parameters
        ----------
        scaling : str
            none, std (mean 0, deviation 1), minmax (0 to 1) or maxabs (-1 to 1, zero stays).
        features : int, optional
            Keep this many with the largest variance, in their own order; all if None.

        Raises
        ------
        ConfigError
            There are fewer features than that.
        """
        columns = _most_varied(x, features)
        offset, scale = _SCALERS[scaling](x[:, columns])
        scale = np.where(scale == 0, 1, scale)  # a constant feature becomes 0, not nan
        return cls(columns, offset.astype(np.float32), scale.astype(np.float32))

    def apply(self, x: Floats) -> Floats:
        """Make inputs of raw samples."""
        chosen = x[:, self.columns]
        chosen -= self.offset
        chosen /= self.scale
        return chosen

    def save(self, path: Path, *, names: Column | None, classes: tuple[str, ...]) -> None:
        """Write what a saved model needs to be used: arrays ``columns, offset, scale, ...``."""
        known = {} if names is None else {"names": names[self.columns]}
        np.savez(
            path,
            columns=self.columns,
            offset=self.offset,
            scale=self.scale,
            classes=np.array(classes),
            **known,  # type: ignore[arg-type]  # numpy's stub takes a flag of it
        )


def _most_varied(x: Floats, features: int | None) -> Rows:
    width = x.shape[1]
    if features is None or features == width:
        return np.arange(width)
    if features > width:
        raise ConfigError(
            f"is {features}, but the data have {width} features; leave it out to take all",
            key="params.features",
        )
    variance = x.var(axis=0, dtype=np.float64)
    # stable: of equally varied features the first ones, on every machine
    return np.sort(np.argsort(-variance, kind="stable")[:features])


def _none(x: Floats) -> tuple[Column, Column]:
    return np.zeros(x.shape[1]), np.ones(x.shape[1])


def _std(x: Floats) -> tuple[Column, Column]:
    return x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)


def _minmax(x: Floats) -> tuple[Column, Column]:
    low = x.min(axis=0)
    return low, x.max(axis=0) - low


def _maxabs(x: Floats) -> tuple[Column, Column]:
    return np.zeros(x.shape[1]), np.abs(x).max(axis=0)


_SCALERS = {"none": _none, "std": _std, "minmax": _minmax, "maxabs": _maxabs}
