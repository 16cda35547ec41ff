"""The data that a report's charts and table are drawn from, small enough for one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from candle_workflow.errors import PluginError
from candle_workflow.model import State
from candle_workflow.replay import Trial
from candle_workflow.reports.curves import best_so_far, learning_curves, thin
from candle_workflow.reports.importance import importance
from candle_workflow.reports.table import names
from candle_workflow.rows import CampaignRow, Index, Point

ROWS = 2000  # trials in the table and the charts of parameters
OTHERS = 200  # of these, not complete ones, where there are more trials than ROWS
POINTS = 2000  # dots beside the best-so-far curve
CURVES = 100  # trials with a learning curve
CURVE_VALUES = 60_000  # numbers in all learning curves together
TEXT = 300  # characters of a message or a list in the table


def payload(store: Index, row: CampaignRow) -> dict[str, Any]:
    """Collect what the page's scripts draw; plain JSON but for nan and infinities."""
    trials, note = _chosen(store, row)
    points = store.points(row)
    # a launcher's clock may be a virtual one, so the campaign's own beginning is no reference
    begun = min((trial.asked for trial in trials), default=row.begun)
    params = names(trial.params for trial in trials)
    metrics = names(trial.metrics for trial in trials)
    return {
        "metric": row.objective.metric,
        "mode": row.objective.mode,
        "params": [_axis(name, row.spec) for name in params],
        "metrics": metrics,
        "rows": [_row(trial, params, metrics) for trial in trials],
        "rows_note": note,
        "progress": _progress(points, row, begun),
        "curves": _curves(store, row, trials),
        "importance": _importance(store.trials(row, sample=ROWS)),
        "lanes": _lanes(trials, begun) if row.total <= ROWS else [],
    }


def _chosen(store: Index, row: CampaignRow) -> tuple[list[Trial], str]:
    """Take all trials, or the best and some of the others where there are too many."""
    if row.total <= ROWS:
        return store.trials(row), ""
    others = {state for state in State if state is not State.COMPLETE}
    rest = store.trials(row, states=others)
    shown = rest[:: max(1, -(-len(rest) // OTHERS))]
    best = store.trials(row, best=ROWS - len(shown))
    note = (
        f"Of {row.total:,} trials, the best {len(best):,} complete ones and {len(shown):,} of"
        f" the {len(rest):,} others. All are in: candle-workflow results {row.name} --format csv"
    )
    return sorted([*best, *shown], key=lambda trial: trial.number), note


def _row(trial: Trial, params: Sequence[str], metrics: Sequence[str]) -> list[Any]:
    return [
        trial.number,
        trial.state.value,
        trial.objective,
        [_short(trial.params[name]) if name in trial.params else None for name in params],
        [trial.metrics.get(name) for name in metrics],
        trial.duration_s,
        trial.attempts,
        trial.node,
        trial.cause.value if trial.cause else None,
        trial.message[-TEXT:],
        trial.label,
    ]


def _short(value: Any) -> Any:
    if value is None or isinstance(value, (list, dict)):
        value = json.dumps(value)
    return value[:TEXT] if isinstance(value, str) else value


def _axis(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    domain = (spec.get("space") or {}).get(name)
    log = isinstance(domain, Mapping) and bool(domain.get("log"))
    return {"name": name, "log": log}


def _progress(points: Sequence[Point], row: CampaignRow, begun: float) -> dict[str, Any]:
    """Give (place, seconds, objective, trial) of the improvements and of some of the others."""
    places = list(enumerate(points, 1))
    dots = places[:: max(1, -(-len(places) // POINTS))]
    return {
        "total": len(points),
        "last_s": points[-1].finished - begun if points else 0,
        "best": [_dot(place, point, begun) for place, point in best_so_far(points, row.objective)],
        "dots": [_dot(place, point, begun) for place, point in dots],
    }


def _dot(place: int, point: Point, begun: float) -> list[float]:
    return [place, round(point.finished - begun, 3), point.objective, point.number]


def _curves(store: Index, row: CampaignRow, shown: Sequence[Trial]) -> dict[str, Any]:
    """Give learning curves of the best trials, and of others among the shown, by metric."""
    best = store.trials(row, best=CURVES)
    known = {trial.number for trial in best}
    others = [trial for trial in shown if trial.number not in known][: CURVES - len(best)]
    trials = [*best, *others]
    measured = store.measurements(row, [trial.number for trial in trials])
    found = learning_curves(trials, measured)
    count = sum(len(by_trial) for by_trial in found.values())
    limit = max(20, CURVE_VALUES // max(1, count))
    return {
        "order": [trial.number for trial in trials],
        "best": len(best),
        "total": row.total,
        "metrics": {
            metric: {str(n): thin(curve, limit) for n, curve in by_trial.items()}
            for metric, by_trial in found.items()
        },
    }


def _importance(trials: Sequence[Trial]) -> dict[str, Any]:
    try:
        found = importance([trial for trial in trials if trial.state is State.COMPLETE])
    except PluginError as error:
        return {"shares": [], "note": str(error), "explained": None, "trials": 0}
    return {
        "shares": list(found.shares.items()),
        "note": found.note,
        "explained": found.explained,
        "trials": found.trials,
    }


def _lanes(trials: Sequence[Trial], begun: float) -> list[list[Any]]:
    """Place each trial's last attempt in a lane of its node, as its slots may have been.

    Gives (node, lane of the node, start, end, trial, state), in the order of the starts.
    """
    free: dict[str, list[float]] = {}
    placed: list[list[Any]] = []
    timed = [t for t in trials if t.started is not None and t.finished is not None]
    for trial in sorted(timed, key=lambda t: (t.started or 0.0, t.number)):
        start, end = max(0.0, (trial.started or 0.0) - begun), (trial.finished or 0.0) - begun
        lanes = free.setdefault(trial.node or "", [])
        lane = next((i for i, until in enumerate(lanes) if until <= start), len(lanes))
        lanes[lane : lane + 1] = [end]
        placed.append([trial.node or "", lane, round(start, 3), round(end, 3), trial.number,
                       trial.state.value])  # fmt: skip
    return placed
