"""Curves of a campaign: the best objective so far, and what trials measured step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from candle_workflow.model import Objective
from candle_workflow.replay import Trial
from candle_workflow.rows import Measurement, Point

Curve = list[tuple[int, float]]


def best_so_far(points: Iterable[Point], objective: Objective) -> list[tuple[int, Point]]:
    """Give the trials that were the best when they ended, each with its place in that order.

    Places count from 1. Points come in the order of their ends, as the store gives them.
    """
    best: list[tuple[int, Point]] = []
    for place, point in enumerate(points, 1):
        if not best or objective.better(point.objective, best[-1][1].objective):
            best.append((place, point))
    return best


def learning_curves(
    trials: Iterable[Trial], measurements: Iterable[Measurement]
) -> dict[str, dict[int, Curve]]:
    """Give (step, value) by metric and trial, in the order of the steps.

    A trial that continued from a checkpoint has the steps of all its attempts, the newest
    one's where they overlap; otherwise only the last attempt counts.
    """
    last = {trial.number: trial.attempts for trial in trials if trial.checkpoint is None}
    steps: dict[str, dict[int, dict[int, float]]] = {}
    for one in sorted(measurements, key=lambda m: m.attempt):
        if one.attempt == last.get(one.trial, one.attempt):
            steps.setdefault(one.metric, {}).setdefault(one.trial, {})[one.step] = one.value
    return {
        metric: {trial: sorted(curve.items()) for trial, curve in sorted(curves.items())}
        for metric, curves in sorted(steps.items())
    }


def thin(curve: Sequence[tuple[int, float]], limit: int) -> Curve:
    """Keep about ``limit`` points of a curve, evenly spaced, its last one among them."""
    stride = max(1, math.ceil(len(curve) / limit))
    return list(curve[::-stride])[::-1]
