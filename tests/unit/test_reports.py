"""Tables, curves, importance and the HTML page, from journals through a real store."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Cause, Objective, State
from candle_workflow.replay import Trial
from candle_workflow.reports import payload as limits
from candle_workflow.reports.curves import best_so_far, learning_curves, thin
from candle_workflow.reports.html import duration, embedded, render
from candle_workflow.reports.importance import importance
from candle_workflow.reports.table import frame, rows, to_csv, to_json, to_parquet
from candle_workflow.rows import Measurement, Point
from candle_workflow.store import Store
from candle_workflow.testing.journals import add, begin, eventful


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(str(tmp_path / "store.db")) as store:
        yield store


def trial(number: int, objective: float | None, **params: Any) -> Trial:
    return Trial(number, params, asked=0.0, state=State.COMPLETE, objective=objective)


TRIALS = [
    Trial(
        0, {"lr": 1e-4, "layers": [10, 5], "units": 8}, asked=1.0, state=State.COMPLETE,
        attempts=2, objective=0.5, metrics={"loss": 0.5, "acc": math.nan}, label="a,b",
        started=1790000000.25, finished=1790000012.75, node="node1",
    ),
    Trial(
        1, {"lr": 0.1, "momentum": 0.9}, asked=1.0, state=State.FAILED, attempts=1,
        cause=Cause.OOM, message='used "9 GB"\nof 8', metrics={"loss": math.inf},
    ),
]  # fmt: skip


# ------------------------------------------------------------------ tables


def test_rows_have_the_promised_keys_in_order() -> None:
    assert rows(TRIALS)[0] == {
        "number": 0, "state": "complete", "cause": None, "attempts": 2, "label": "a,b",
        "params": {"lr": 1e-4, "layers": [10, 5], "units": 8}, "objective": 0.5,
        "metrics": TRIALS[0].metrics, "started": "2026-09-21T14:13:20.250Z",
        "finished": "2026-09-21T14:13:32.750Z", "duration_s": 12.5, "node": "node1",
        "message": "",
    }  # fmt: skip
    assert list(rows(TRIALS)[1]) == list(rows(TRIALS)[0])


def test_json_is_strict() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    first, second = json.loads(to_json(TRIALS), parse_constant=refuse)
    assert first["metrics"] == {"loss": 0.5, "acc": None}
    assert second["metrics"] == {"loss": None}
    assert (second["state"], second["cause"], second["started"]) == ("failed", "oom", None)


def test_csv_round_trips() -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(TRIALS), newline=""))
    assert list(first) == [
        "number", "state", "cause", "attempts", "label", "params.lr", "params.layers",
        "params.units", "params.momentum", "objective", "metrics.loss", "metrics.acc", "started",
        "finished", "duration_s", "node", "message",
    ]  # fmt: skip
    assert (first["label"], first["params.layers"], first["params.momentum"]) == (
        "a,b", "[10, 5]", "",
    )  # fmt: skip
    assert (first["metrics.acc"], second["metrics.loss"]) == ("nan", "inf")
    assert float(first["params.lr"]) == 1e-4
    assert second["message"] == 'used "9 GB"\nof 8'


def test_frame() -> None:
    table = frame(TRIALS)
    assert list(table.columns) == to_csv(TRIALS).splitlines()[0].split(",")
    assert str(table["params.units"].dtype) == "Int64"
    assert str(table["started"].dtype).endswith("UTC]")
    assert table["duration_s"][0] == 12.5
    assert math.isnan(table["params.momentum"][0])
    assert list(frame([]).columns)[:2] == ["number", "state"]


def test_parquet_round_trips_mixed_columns(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    mixed = [trial(0, 1.0, x=1, on=True), trial(1, 2.0, x="auto", on=False), *TRIALS]
    to_parquet(mixed, tmp_path / "t.parquet")
    table = pandas.read_parquet(tmp_path / "t.parquet")
    assert list(table["params.x"][:2]) == ["1", "auto"]
    assert table["params.layers"][2] == "[10, 5]"
    assert list(table["number"]) == [0, 1, 0, 1]


# ------------------------------------------------------------------ curves


def test_best_so_far() -> None:
    values = [3.0, math.inf, 2.0, 2.0, 5.0, 1.0]
    points = [Point(10 + i, float(i), value) for i, value in enumerate(values)]
    low = best_so_far(points, Objective("m", "min"))
    assert [(place, p.number) for place, p in low] == [(1, 10), (3, 12), (6, 15)]
    high = best_so_far(points, Objective("m", "max"))
    assert [(place, p.number) for place, p in high] == [(1, 10), (2, 11)]


def test_learning_curves_of_repeated_attempts() -> None:
    again = Trial(0, {}, asked=0.0, attempts=2)
    continued = Trial(1, {}, asked=0.0, attempts=2, checkpoint="/c")
    measured = [
        Measurement(n, attempt, step, "loss", attempt + step / 10, 0.0)
        for n in (0, 1)
        for attempt, steps in ((2, (2, 3)), (1, (1, 2)))
        for step in steps
    ]
    assert learning_curves([again, continued], measured) == {
        "loss": {0: [(2, 2.2), (3, 2.3)], 1: [(1, 1.1), (2, 2.2), (3, 2.3)]}
    }


def test_thin_keeps_the_end() -> None:
    curve = [(step, 0.0) for step in range(100)]
    assert [step for step, _ in thin(curve, 10)] == list(range(9, 100, 10))
    assert thin(curve[:5], 10) == curve[:5]


# ------------------------------------------------------------------ importance


def test_importance_finds_what_matters() -> None:
    pytest.importorskip("sklearn")
    generator = random.Random(1)
    trials = []
    for number in range(120):
        params: dict[str, Any] = {
            "lr": 10 ** generator.uniform(-5, 0), "kind": generator.choice(["a", "b", "c"]),
            "noise": generator.random(), "fixed": 3,
        }  # fmt: skip
        if params["kind"] == "a":
            params["only_a"] = generator.random()
        objective = abs(math.log10(params["lr"]) + 3) + (params["kind"] == "b") * 0.5
        trials.append(trial(number, objective, **params))
    trials.append(trial(120, math.nan, lr=1.0, kind="a", noise=0.0))
    found = importance(trials)
    assert list(found.shares)[:2] == ["lr", "kind"]
    assert "fixed" not in found.shares
    assert math.isclose(sum(found.shares.values()), 1)
    assert found.shares["noise"] + found.shares["only_a"] < 0.1
    assert found.explained is not None and found.explained > 0.8
    assert found == importance(trials)


@pytest.mark.parametrize(
    ("trials", "note"),
    [
        ([trial(n, float(n), x=n) for n in range(9)], "needs at least 10 .* there are 9"),
        ([trial(n, 1.0, x=n) for n in range(20)], "the objective did not vary"),
        ([trial(n, float(n), x=1) for n in range(20)], "the parameters did not vary"),
        ([trial(n, float(n * 7919 % 31), x=n * 104729 % 37) for n in range(30)], "no dependence"),
    ],
)
def test_importance_says_why_there_is_none(trials: list[Trial], note: str) -> None:
    pytest.importorskip("sklearn")
    found = importance(trials)
    assert found.shares == {}
    assert re.search(note, found.note)


# ------------------------------------------------------------------ the page


class Page(HTMLParser):
    """Collects what would run or be fetched, and checks that elements are closed."""

    VOID = ("meta", "input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_page_of_a_campaign(store: Store, tmp_path: Path) -> None:
    folder, journal = begin(tmp_path / "nt3", space={"x": {"low": 1, "high": 2, "log": True}})
    for number in range(12):
        add(journal, number, 1 / (number + 1))
    add(journal, 12, None, state="failed", cause="oom", message="Trace\nMemoryError: no room")
    journal.append("closed", status="done", message="the planner is done")
    journal.commit()
    store.sync(folder)
    page = render(store, "nt3")
    data = data_of(page)
    assert [row[0] for row in data["rows"]] == list(range(13))
    assert data["params"] == [{"name": "x", "log": True}, {"name": "how", "log": False}]
    assert [dot[0] for dot in data["progress"]["best"]] == list(range(1, 13))
    assert data["curves"]["order"][:3] == [11, 10, 9]
    assert data["curves"]["metrics"]["loss"]["0"] == [[1, 1.0]]
    for text in (
        "<title>nt3</title>", "done: the planner is done", "12 complete, 1 failed",
        "Best trial: 11", "MemoryError: no room", "file.yaml:3", "smaller is better",
    ):  # fmt: skip
        assert text in page


def test_page_fetches_nothing(store: Store, tmp_path: Path) -> None:
    folder, journal = begin(tmp_path / "a")
    for write in eventful(journal):
        write(journal)
    store.sync(folder)
    page = Page(render(store, "a"))
    assert page.open == []
    for tag, attributes in page.seen:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base")
        assert not {"src", "href", "style"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in page.seen].count("script") == 2


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028{{7*7}}"


def test_hostile_names_stay_text(store: Store, tmp_path: Path) -> None:
    folder, journal = begin(
        tmp_path / HOSTILE.replace("/", "\\"), space={HOSTILE: ["a"]},
        objective={"metric": HOSTILE, "mode": "min", "at": "best"},
    )  # fmt: skip
    one = {"trial": 0, "attempt": 1}
    journal.append("asked", trial=0, params={HOSTILE: HOSTILE}, label=HOSTILE, seen=-1)
    journal.append("dispatched", **one)
    journal.append("measured", **one, step=1, values={HOSTILE: 1.0})
    journal.append(
        "ended", **one, state="failed", cause="error", message=HOSTILE, node=HOSTILE,
        metrics={HOSTILE: 1.0}, started=1.0,
    )  # fmt: skip
    journal.append("changed", changes={HOSTILE: [HOSTILE, HOSTILE]})
    journal.append("closed", status="failed", message=HOSTILE)
    journal.commit()
    store.sync(folder)
    text = render(store, folder.path)
    page = Page(text)
    assert [tag for tag, _ in page.seen].count("script") == 2
    assert "img" not in [tag for tag, _ in page.seen]
    assert not [a for _, attributes in page.seen for a in attributes if a.startswith("on")]
    assert data_of(text)["rows"][0][10] == HOSTILE


def test_secret_variables_are_masked(store: Store, tmp_path: Path) -> None:
    variables = {"WANDB_API_KEY": "concealed1", "DB_PASSWORD": "concealed2", "SEED": "shown"}
    folder, _ = begin(tmp_path / "a", trainer_env={"variables": variables})
    store.sync(folder)
    page = render(store, "a")
    assert "concealed" not in page
    assert page.count("***") == 2
    assert "shown" in page


def test_page_without_trials(store: Store, tmp_path: Path) -> None:
    folder, _ = begin(tmp_path / "a")
    store.sync(folder)
    page = render(store, "a")
    assert data_of(page)["rows"] == []
    assert 'id="learning-curves"' not in page
    with pytest.raises(ConfigError, match="no campaign 'b'"):
        render(store, "b")


def test_many_trials_are_limited(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS", 30)
    monkeypatch.setattr(limits, "OTHERS", 5)
    folder, journal = begin(tmp_path / "a")
    for number in range(100):
        add(journal, number, float(number), **({"state": "failed"} if number % 10 == 9 else {}))
    journal.commit()
    store.sync(folder)
    page = render(store, "a")
    data = data_of(page)
    assert [row[0] for row in data["rows"] if row[1] == "failed"] == [9, 29, 49, 69, 89]
    complete = [row[0] for row in data["rows"] if row[1] == "complete"]
    assert complete == [n for n in range(28) if n % 10 != 9][:25]
    assert "Of 100 trials, the best 25 complete ones and 5 of the 10 others" in page


def test_what_it_embeds_has_no_markup() -> None:
    assert embedded({"<": [math.nan, "&>"]}) == '{"\\u003c":[null,"\\u0026\\u003e"]}'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (90061, "1 d 1 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_same_store_gives_the_same_page(store: Store, tmp_path: Path) -> None:
    folder, journal = begin(tmp_path / "one" / "a")
    for write in eventful(journal):
        write(journal)
    store.sync(folder)
    first = render(store, folder.path)
    with Store(str(tmp_path / "again.db")) as again:
        again.sync(CampaignFolder(folder.path))
        assert render(again, folder.path) == first
