"""Scores of predicted class probabilities, exact and without any framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def accuracy(y: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> float:
    """Give the share of samples (y: class numbers) whose most probable class is right."""
    return float(np.mean(probabilities.argmax(axis=1) == y))


def auc(y: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> float:
    """Give the area under the ROC curve, exactly, from ranks; ties count one half.

    With two classes, how well the second one's probability tells them apart; with more, the
    mean over the classes, each against the rest. Classes without samples are left out; nan
    if there is nothing to tell apart, or a probability is nan.
    """
    if np.isnan(probabilities).any():
        return float("nan")
    classes = probabilities.shape[1]
    numbers = (1,) if classes == 2 else range(classes)
    areas = [_area(y == number, probabilities[:, number]) for number in numbers]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else float("nan")


def _area(positive: npt.NDArray[Any], score: npt.NDArray[Any]) -> float | None:
    """Give the probability that a positive sample scores above a negative one (Mann-Whitney U)."""
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return None
    _, place, ties = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    ranks = (last - (ties - 1) / 2)[place]  # from 1; equal scores share their mean rank
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))
