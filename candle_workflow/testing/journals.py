"""Journals of made-up campaigns, written by the real writer, for tests of what reads them."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from candle_workflow.folder import CampaignFolder
from candle_workflow.journal import Journal, Reading, read
from candle_workflow.replay import Trial, apply

SPEC = {
    "kind": "hpo",
    "objective": {"metric": "loss", "mode": "min", "at": "best"},
    "space": {"x": {"low": 0.0, "high": 1.0}, "how": ["a", "b"]},
}
Write = Callable[[Journal], None]


def begin(path: Path, **spec: Any) -> tuple[CampaignFolder, Journal]:
    """Begin a campaign in a new folder."""
    folder = CampaignFolder(path)
    journal = continued(folder)
    journal.append_at(
        1000.0, "campaign", {
            "id": uuid.uuid4().hex, "spec": SPEC | {"name": path.name} | spec,
            "origins": {"space": "file.yaml:3"}, "provenance": {"host": "here"},
        },
    )  # fmt: skip
    journal.commit()
    return folder, journal


def continued(folder: CampaignFolder, reading: Reading | None = None) -> Journal:
    """Begin another controller's segment, as if the one before was gone."""
    if reading is None:
        reading = read_all(folder)
    journal = Journal.claim(folder.journal, take_over=True)
    journal.begin(reading, host="node1", version="1.0")
    return journal


def read_all(folder: CampaignFolder) -> Reading:
    """Read a journal to its end."""
    reading = read(folder.journal)
    for _ in reading.records:
        pass
    return reading


def add(journal: Journal, number: int, objective: float | None = 0.5, **end: Any) -> None:
    """Record a trial from beginning to end; not yet committed."""
    at = {"trial": number, "attempt": 1}
    time = 1000.0 + number
    params = {"x": number / 7, "how": "a" if number % 2 else "b"}
    journal.append_at(time, "asked", {"trial": number, "params": params, "seen": -1})
    journal.append_at(time, "dispatched", at)
    journal.append_at(time, "started", {**at, "node": "node1"})
    journal.append_at(time + 0.5, "measured", {**at, "step": 1, "values": {"loss": objective}})
    result = {} if objective is None else {"objective": objective, "metrics": {"loss": objective}}
    outcome = {"state": "complete", "metrics": {}, "node": "node1", "started": time + 0.25}
    journal.append_at(time + 1, "ended", {**at, **outcome, **result, **end})


def eventful(journal: Journal) -> list[Write]:
    """Give the steps of a campaign in which everything happens; each ends with a commit."""
    one, two = {"trial": 0, "attempt": 1}, {"trial": 0, "attempt": 2}
    steps: list[list[tuple[str, dict[str, Any]]]] = [
        [
            ("asked", {"trial": 0, "params": {"x": 1e-300, "list": [1, None]}, "label": "a'b",
                       "seen": -1}),
            ("asked", {"trial": 1, "params": {"x": math.inf, "how": "ü\u2028"}, "seen": -1}),
            ("asked", {"trial": 2, "params": {}, "seen": -1}),
            ("dispatched", one),
        ],
        [("started", {**one, "node": "node1"})],
        [("measured", {**one, "step": 1, "values": {"loss": math.nan, "acc": -math.inf}})],
        [("checkpoint", {**one, "step": 1, "path": "/c/1", "bytes": 12})],
        [("retry", {**one, "cause": "lost", "message": "node\0gone", "node": "node1",
                    "started": 1.5})],
        [("dispatched", two), ("dispatched", {"trial": 1, "attempt": 1})],
        [
            ("measured", {**two, "step": 1, "values": {"loss": 0.5}}),
            ("measured", {**two, "step": 1, "values": {"loss": 0.25}}),
            ("ended", {**two, "state": "complete", "objective": 0.25, "metrics": {"loss": 0.25},
                       "node": "node2", "started": 2.5}),
        ],
        [("changed", {"changes": {"limits": [None, {"time": "1h"}]}})],
        [
            ("ended", {"trial": 1, "attempt": 1, "state": "failed", "cause": "error",
                       "message": "Traceback", "metrics": {"loss": math.nan}, "node": "node1",
                       "started": 3.0}),
            ("ended", {"trial": 2, "attempt": 0, "state": "pruned", "objective": math.nan,
                       "metrics": {}, "node": None, "started": None}),
        ],
        [("closed", {"status": "limit", "message": "time is up"})],
    ]  # fmt: skip

    def write(records: list[tuple[str, dict[str, Any]]]) -> Write:
        def into(journal: Journal) -> None:
            for kind, body in records:
                journal.append_at(2000.0 + journal.next_seq, kind, body)
            journal.commit()

        return into

    return [write(records) for records in steps]


def folded(folder: CampaignFolder) -> list[Trial]:
    """Give the trials as the journal has them, by the fold that the engine uses."""
    trials: dict[int, Trial] = {}
    for record in read(folder.journal).records:
        apply(trials, record)
    return [trials[number] for number in sorted(trials)]
