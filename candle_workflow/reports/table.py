"""Trials as a table: for ``results`` in JSON, CSV and Parquet, and as a pandas DataFrame.

Columns: number, state, cause, attempts, label, ``params.<name>``, objective,
``metrics.<name>``, started, finished, duration_s, node, message. Times are UTC, in ISO 8601
where they are text. JSON has params and metrics as objects and is strict: it has no word for
nan and the infinities, which are null there; CSV, Parquet and DataFrames keep them.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_workflow.plugins import require
from candle_workflow.replay import Trial

if TYPE_CHECKING:
    import pandas

TIMES = ("started", "finished")


def rows(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """Give one object a trial, as ``results --format json`` writes it."""
    return [_row(trial) for trial in trials]


def to_json(trials: Iterable[Trial]) -> str:
    """Write trials as a JSON list of objects."""
    return json.dumps(strict(rows(trials)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(trials: Sequence[Trial]) -> str:
    """Write trials as comma-separated values; lists are JSON text, what is absent is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(trials), lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        writer.writerow({key: _cell(value) for key, value in _flat(trial).items()})
    return text.getvalue()


def to_parquet(trials: Sequence[Trial], path: Path) -> None:
    """Write trials as a Parquet file; a column of mixed types becomes JSON text.

    Raises
    ------
    PluginError
        pyarrow is not installed.
    """
    require("pyarrow", "parquet")
    table = frame(trials)
    for name in table.columns:
        if str(table[name].dtype) == "object":
            table[name] = table[name].map(_as_text)
    table.to_parquet(path, index=False)


def frame(trials: Sequence[Trial]) -> pandas.DataFrame:
    """Give trials as a DataFrame, one row a trial; times are pandas timestamps in UTC."""
    import pandas

    table = pandas.DataFrame([_flat(trial) for trial in trials], columns=_columns(trials))
    for name in TIMES:
        table[name] = pandas.to_datetime(table[name], utc=True, format="ISO8601")
    whole = [name for name in table.columns if _is_whole(name, trials)]
    # with something missing a column of integers would become one of floats
    return table.astype(dict.fromkeys(whole, "Int64"))


def strict(value: Any) -> Any:
    """Replace what strict JSON cannot say, nan and the infinities, by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    return [strict(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def iso(time_s: float | None) -> str | None:
    """Write a time in seconds since the epoch as ISO 8601 in UTC."""
    if time_s is None:
        return None
    text = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def names(dicts: Iterable[dict[str, Any]]) -> list[str]:
    """Give all keys, in the order first seen."""
    return list(dict.fromkeys(key for keys in dicts for key in keys))


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.value,
        "cause": trial.cause.value if trial.cause else None,
        "attempts": trial.attempts,
        "label": trial.label,
        "params": dict(trial.params),
        "objective": trial.objective,
        "metrics": dict(trial.metrics),
        "started": iso(trial.started),
        "finished": iso(trial.finished),
        "duration_s": None if trial.duration_s is None else round(trial.duration_s, 6),
        "node": trial.node,
        "message": trial.message,
    }


def _flat(trial: Trial) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in _row(trial).items():
        if key in ("params", "metrics"):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            flat[key] = value
    return flat


def _columns(trials: Sequence[Trial]) -> list[str]:
    inner = {
        "params": names(trial.params for trial in trials),
        "metrics": names(trial.metrics for trial in trials),
    }
    columns: list[str] = []
    for key in _row(Trial(0, {}, asked=0.0)):
        columns += [f"{key}.{name}" for name in inner[key]] if key in inner else [key]
    return columns


def _is_whole(column: str, trials: Sequence[Trial]) -> bool:
    section, _, name = column.partition(".")
    if section != "params":
        return False
    values = [trial.params[name] for trial in trials if trial.params.get(name) is not None]
    return all(type(value) is int and abs(value) < 2**63 for value in values)


def _cell(value: Any) -> Any:
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value)
    return value


def _as_text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else json.dumps(value)
