"""How much each parameter matters for the objective, by permutation importance.

A random forest learns the objective from the parameters; a parameter matters as much as the
forest's error on held-out trials grows when the parameter's values are shuffled among them
(L. Breiman, Random Forests, Machine Learning 45, 2001; held-out parts instead of out-of-bag
samples). Only values of trials in which a conditional parameter is active are shuffled, so
that it does not inherit the importance of its condition.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from candle_workflow.plugins import require
from candle_workflow.replay import Trial

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

FEWEST = 10  # complete trials; below, any ranking is noise
MOST = 1000  # trials that the forest learns from
FOLDS = 5
SHUFFLES = 5


@dataclass(frozen=True, slots=True)
class Importance:
    """Shares of the parameters, the largest first, summing to 1; or why there are none.

    Attributes
    ----------
    shares : mapping
        Parameter -> share of the growth in error.
    explained : float or None
        R2 of the forest on held-out trials: how far to trust the shares.
    trials : int
        How many trials it learned from.
    note : str
        Why ``shares`` is empty.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    explained: float | None = None
    trials: int = 0
    note: str = ""


def importance(trials: Sequence[Trial], *, seed: int = 0) -> Importance:
    """Estimate the importance of each parameter from the complete trials.

    Raises
    ------
    PluginError
        scikit-learn is not installed.
    """
    usable = [t for t in trials if t.objective is not None and math.isfinite(t.objective)]
    usable = usable[:: max(1, math.ceil(len(usable) / MOST))]
    varied = _varied(usable)
    if len(usable) < FEWEST:
        return Importance(
            trials=len(usable),
            note=f"needs at least {FEWEST} complete trials; there are {len(usable)}",
        )
    if not varied or len({t.objective for t in usable}) == 1:
        what = "objective" if varied else "parameters"
        return Importance(trials=len(usable), note=f"the {what} did not vary")
    return _estimate(usable, varied, seed)


def _estimate(trials: Sequence[Trial], varied: Sequence[str], seed: int) -> Importance:
    import numpy as np

    ensemble = require("sklearn.ensemble", "report")
    columns = [_encode(trials, name) for name in varied]
    x = np.hstack([values for values, _ in columns])
    # ranks: one objective of 1e8 must not be all that there is to explain
    y = _ranks(np.array([trial.objective for trial in trials]))
    random = np.random.default_rng(seed)
    folds = np.arange(len(y)) % FOLDS
    random.shuffle(folds)
    error, growth = 0.0, np.zeros(len(varied))
    for fold in range(FOLDS):
        forest = ensemble.RandomForestRegressor(100, random_state=seed)
        forest.fit(x[folds != fold], y[folds != fold])
        held_out, truth = x[folds == fold], y[folds == fold]
        base = float(np.sum((forest.predict(held_out) - truth) ** 2))
        error += base
        active = [active[folds == fold] for _, active in columns]
        for index, shuffled in enumerate(_shuffles(held_out, columns, active, random)):
            errors = [np.sum((forest.predict(version) - truth) ** 2) for version in shuffled]
            growth[index] += float(np.mean(errors)) - base
    explained = 1 - error / float(np.sum((y - y.mean()) ** 2))
    growth = np.maximum(growth, 0)
    if explained <= 0 or growth.sum() == 0:
        note = f"{len(y)} trials show no dependence on the parameters that could be learned"
        return Importance(explained=explained, trials=len(y), note=note)
    shares = dict(zip(varied, (growth / growth.sum()).tolist(), strict=True))
    ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return Importance(ordered, explained, len(y))


def _shuffles(
    x: Floats, columns: Sequence[tuple[Floats, Floats]], active: Sequence[Floats], random: Any
) -> Any:
    """Yield, for each parameter, versions of x with that parameter's values shuffled."""
    begin = 0
    for (values, _), rows in zip(columns, active, strict=True):
        end = begin + values.shape[1]
        versions = []
        for _ in range(SHUFFLES):
            version = x.copy()
            where = rows.nonzero()[0]
            version[where, begin:end] = x[random.permutation(where), begin:end]
            versions.append(version)
        yield versions
        begin = end


def _varied(trials: Sequence[Trial]) -> list[str]:
    """Name the parameters that had more than one value, in order first seen."""
    seen: dict[str, set[str]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            seen.setdefault(name, set()).add(json.dumps(value))
    return [name for name, values in seen.items() if len(values) > 1]


def _encode(trials: Sequence[Trial], name: str) -> tuple[Floats, Floats]:
    """Give a parameter's columns, and in which trials it is active.

    Numbers are one column, of ranks, below all where inactive; anything else is a column for
    each value.
    """
    import numpy as np

    active = np.array([name in trial.params for trial in trials])
    values = [trial.params.get(name) for trial in trials]
    if all(_is_number(value) for value, known in zip(values, active, strict=True) if known):
        numbers = np.array([-math.inf if value is None else float(value) for value in values])
        return _ranks(numbers)[:, None], active
    texts = [
        json.dumps(value) if known else "" for value, known in zip(values, active, strict=True)
    ]
    kinds = sorted(set(texts))
    return np.array([[float(text == kind) for kind in kinds] for text in texts]), active


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _ranks(values: Floats) -> Floats:
    """Give each value's rank, equal values sharing theirs."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[inverse]
    return ranks
