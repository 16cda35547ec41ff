"""From a journal's new records to the rows that change: the store's only way to learn.

``Fold`` knows no database. It is given what the store has of a campaign and its touched
trials, folds records with ``replay.apply`` and says which rows to write.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from candle_workflow.folder import CampaignFolder
from candle_workflow.journal import Reading, Record, read
from candle_workflow.model import Cause, State
from candle_workflow.replay import Trial, apply

Row = dict[str, Any]

dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

CHUNK = 50_000  # records a transaction; other viewers wait about a second for it

# What a campaign is before its first record.
BLANK: Row = {
    "kind": "hpo",
    "metric": "",
    "mode": "min",
    "at": "best",
    "mean_of": 1,
    "state": "running",
    "message": "",
    "begun": 0.0,
    "updated": 0.0,
    "counts": {},
    "spec": {},
    "origins": {},
    "provenance": {},
    "changes": [],
    "sessions": [],
}
JSON_COLUMNS = ("counts", "spec", "origins", "provenance", "changes", "sessions")


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Hold the collector off while many small values are made; that saves a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def head_of(folder: CampaignFolder) -> Record | None:
    """Give the record that says which campaign this is; None before it was written."""
    first = islice(read(folder.journal).records, 10)
    return next((record for record in first if record["k"] == "campaign"), None)


def next_groups(reading: Reading) -> list[Record]:
    """Take about CHUNK records, whole groups of them, so that the cursor is at their end."""
    records: list[Record] = []
    for record in reading.records:
        if len(records) >= CHUNK and reading.cursor and reading.cursor["seq"] == record["s"]:
            break
        records.append(record)
    return records


class Fold:
    """Takes records in order; then ``campaign`` and the three ``*_rows`` are what to write."""

    def __init__(self, campaign: Row, trials: dict[int, Trial]) -> None:
        self.campaign = campaign
        self._id = campaign["id"]
        self._trials = trials
        self._before = {number: trial.state for number, trial in trials.items()}
        # keyed, because a step reported twice counts once: the last time
        self._measurements: dict[tuple[int, int, int, str], tuple[float | None, float]] = {}
        self._retried: list[tuple[Any, ...]] = []

    def take(self, records: Iterable[Record]) -> None:
        """Fold records; the trials that they speak of are given or asked for in them."""
        time = self.campaign["updated"]
        for record in records:
            kind = record["k"]
            time = record["t"]
            if kind == "measured":
                self._measured(record)
            elif kind in _CAMPAIGN:
                _CAMPAIGN[kind](self.campaign, record)
            else:
                apply(self._trials, record)
                if kind == "retry":
                    self._retried.append(self._retry_row(record))
        self.campaign["updated"] = time
        self._count()

    def trial_rows(self) -> list[tuple[Any, ...]]:
        """Give the touched trials in the order of the table's columns."""
        return [trial_row(self._id, trial) for trial in self._trials.values()]

    def measurement_rows(self) -> list[tuple[Any, ...]]:
        """Give the new measurements in the order of the table's columns."""
        return [(self._id, *key, *value) for key, value in self._measurements.items()]

    def retried_rows(self) -> list[tuple[Any, ...]]:
        """Give the attempts that were given up, in the order of the table's columns."""
        return self._retried

    def _measured(self, record: Record) -> None:
        trial, attempt, step, time = record["trial"], record["attempt"], record["step"], record["t"]
        for metric, value in record["values"].items():
            number = value if value == value else None
            self._measurements[trial, attempt, step, metric] = (number, time)

    def _retry_row(self, record: Record) -> tuple[Any, ...]:
        return (
            self._id,
            record["trial"],
            record["attempt"],
            record.get("cause"),
            _text(record.get("message", "")),
            record.get("node"),
            record.get("started"),
            record["t"],
        )

    def _count(self) -> None:
        counts: Counter[str] = Counter(self.campaign["counts"])
        counts.update(str(trial.state) for trial in self._trials.values())
        counts.subtract(str(state) for state in self._before.values())
        self.campaign["counts"] = {state: n for state, n in sorted(counts.items()) if n}


def trial_row(campaign: int, trial: Trial) -> tuple[Any, ...]:
    """Write a trial in the order of its table's columns."""
    objective = trial.objective
    is_nan = objective is not None and objective != objective
    return (
        campaign,
        trial.number,
        trial.state.value,
        trial.attempts,
        trial.open,
        None if is_nan else objective,
        is_nan,
        trial.cause and trial.cause.value,
        _text(trial.message),
        trial.label,
        dumps(trial.params),
        dumps(trial.metrics),
        trial.asked,
        trial.started,
        trial.finished,
        trial.node,
        trial.checkpoint,
        trial.checkpoint_step,
        dumps(trial.ended_by) if trial.ended_by else "{}",
    )


def read_trial(row: Any) -> Trial:
    """Read a trial from its table's columns, in order."""
    (_, number, state, attempts, is_open, objective, is_nan, cause, message, label,
     params, metrics, asked, started, finished, node, checkpoint, step, ended_by) = row  # fmt: skip
    return Trial(
        number=number,
        params=json.loads(params),
        asked=asked,
        label=label,
        state=State(state),
        attempts=attempts,
        open=bool(is_open),
        cause=Cause(cause) if cause else None,
        message=message,
        objective=float("nan") if is_nan else objective,
        metrics=json.loads(metrics),
        started=started,
        finished=finished,
        node=node,
        checkpoint=checkpoint,
        checkpoint_step=step,
        ended_by=json.loads(ended_by),
    )


def touched(records: Iterable[Record]) -> set[int]:
    """Name the trials that a Fold over these records needs from the store."""
    asked: set[int] = set()
    needed: set[int] = set()
    for record in records:
        kind = record["k"]
        if kind == "asked":
            asked.add(record["trial"])
        elif kind != "measured" and "trial" in record and record["trial"] not in asked:
            needed.add(record["trial"])
    return needed


def _text(message: str) -> str:
    # PostgreSQL's text cannot hold a zero byte
    return message.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _begin_campaign(row: Row, record: Record) -> None:
    row["spec"] = record["spec"]
    row["origins"] = record.get("origins", {})
    row["provenance"] = record.get("provenance", {})
    row["begun"] = record["t"]
    row["kind"] = record["spec"].get("kind") or row["kind"]
    _read_objective(row)


def _changed(row: Row, record: Record) -> None:
    row["changes"].append({"t": record["t"], "changes": record["changes"]})
    for section, (_, new) in record["changes"].items():
        row["spec"][section] = new
    _read_objective(row)


def _read_objective(row: Row) -> None:
    objective = row["spec"].get("objective") or {}
    row["metric"] = objective.get("metric", "")
    row["mode"] = objective.get("mode", "min")
    at = objective.get("at", "best")
    row["at"], row["mean_of"] = ("mean", at["mean"]) if isinstance(at, dict) else (at, 1)


def _opened(row: Row, record: Record) -> None:
    session = {"opened": record["t"], "epoch": record["epoch"]}
    session |= {key: record[key] for key in ("host", "version") if key in record}
    row["sessions"].append(session)
    row["state"], row["message"] = "running", ""


def _closed(row: Row, record: Record) -> None:
    row["state"], row["message"] = record["status"], _text(record.get("message", ""))
    if row["sessions"]:
        row["sessions"][-1].update(closed=record["t"], status=record["status"])


_CAMPAIGN: dict[str, Callable[[Row, Record], None]] = {
    "campaign": _begin_campaign,
    "changed": _changed,
    "opened": _opened,
    "closed": _closed,
}
