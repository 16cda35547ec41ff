"""A trainer to start from: replace what is in it by your own training.

It fits a small network to two interleaved half-moons of points. ``train`` gets one trial's
parameters and a context to report to, and needs nothing else of candle-workflow.
"""

from typing import Any

import numpy as np


def train(params: dict[str, Any], context: Any) -> None:
    """Train once with these parameters; report after each epoch."""
    random = np.random.default_rng(context.seed)
    x, y = half_moons(400, np.random.default_rng(0))
    x_valid, y_valid = half_moons(400, np.random.default_rng(1))
    hidden = random.normal(0, 1, (2, params["units"]))
    bias = np.zeros(params["units"])
    out = random.normal(0, 0.1, params["units"])
    rate = params["learning_rate"]

    for epoch in range(params.get("epochs", 20)):
        for batch in np.array_split(random.permutation(len(x)), len(x) // params["batch_size"]):
            active = np.tanh(x[batch] @ hidden + bias)
            wrong = (sigmoid(active @ out) - y[batch]) / len(batch)
            back = np.outer(wrong, out) * (1 - active**2)
            out -= rate * active.T @ wrong
            hidden -= rate * x[batch].T @ back
            bias -= rate * back.sum(axis=0)
        chance = sigmoid(np.tanh(x_valid @ hidden + bias) @ out)
        accuracy = np.mean((chance > 0.5) == y_valid)
        context.report(step=epoch + 1, val_accuracy=accuracy)
        if context.should_stop():
            break


def half_moons(count: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Give points and which of the two half-moons each belongs to."""
    angle = random.uniform(0, np.pi, count)
    label = np.arange(count) % 2
    x = np.where(label, 1 - np.cos(angle), np.cos(angle))
    y = np.where(label, 0.5 - np.sin(angle), np.sin(angle))
    return np.column_stack([x, y]) + random.normal(0, 0.2, (count, 2)), label


def sigmoid(x: Any) -> Any:
    """Squash to a probability."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
