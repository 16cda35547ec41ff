"""The store's contract, on any database. Subclass and define one fixture, ``url``::

    class TestSQLite(StoreContract):
        @pytest.fixture
        def url(self, tmp_path):
            return str(tmp_path / "store.db")

Journals are written by the real writer; what a store must hold is the fold of their records.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from candle_workflow.errors import ConfigError, SchemaTooOld
from candle_workflow.folder import CampaignFolder
from candle_workflow.journal import Journal
from candle_workflow.model import Cause, State
from candle_workflow.store import Store
from candle_workflow.testing.journals import add, begin, continued, eventful, folded, read_all


def content(store: Store, folder: CampaignFolder) -> str:
    """Write down all that a store gives of a campaign, but where it lies."""
    row = store.campaign(folder.path)
    trials = store.trials(row)
    numbers = [trial.number for trial in trials]
    attempts = [store.attempts(row, number) for number in numbers]
    measured = store.measurements(row, numbers)
    return repr((replace(row, id=0, path=Path()), trials, measured, attempts))


def copied(folder: CampaignFolder, to: Path) -> CampaignFolder:
    """Copy a campaign's folder into another folder, under its name."""
    return CampaignFolder(shutil.copytree(folder.path, to / folder.name))


class StoreContract:
    """What every store must do."""

    @pytest.fixture
    def url(self) -> str:
        """Give the URL of an empty database."""
        raise NotImplementedError("a subclass defines the fixture `url`")

    @pytest.fixture
    def store(self, url: str) -> Any:
        with Store(url) as store:
            yield store

    def test_gives_what_the_journal_says(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        for write in eventful(journal):
            write(journal)
        store.sync(folder)
        expected = folded(folder)
        expected[0].message = expected[0].message.replace("\0", "\ufffd")
        assert repr(store.trials(store.campaign("a"))) == repr(expected)
        assert [t.state for t in expected] == [State.COMPLETE, State.FAILED, State.PRUNED]
        assert repr(expected[2].objective) == "nan"

    def test_campaign_row(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a", objective={"metric": "m", "mode": "max",
                                                           "at": {"mean": 3}})  # fmt: skip
        store.sync(folder)
        assert store.campaign("a").state == "running"
        for write in eventful(journal):
            write(journal)
        store.sync(folder)
        row = store.campaign("a")
        assert (row.name, row.kind, row.state, row.message) == ("a", "hpo", "limit", "time is up")
        assert (row.objective.metric, row.objective.mode) == ("m", "max")
        assert (row.objective.at, row.objective.mean_of) == ("mean", 3)
        assert row.counts == {State.COMPLETE: 1, State.FAILED: 1, State.PRUNED: 1}
        assert row.spec["limits"] == {"time": "1h"}
        assert [change["changes"] for change in row.changes] == [{"limits": [None, {"time": "1h"}]}]
        assert row.provenance == {"host": "here"}
        assert row.origins == {"space": "file.yaml:3"}
        assert [(s["epoch"], s["status"], s["host"]) for s in row.sessions] == [
            (1, "limit", "node1")
        ]

    def test_measurements_attempts_failures(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        for write in eventful(journal):
            write(journal)
        store.sync(folder)
        row = store.campaign("a")
        measured = [
            (m.trial, m.attempt, m.step, m.metric, str(m.value))
            for m in store.measurements(row, [0, 1])
        ]
        assert measured == [
            (0, 1, 1, "acc", "-inf"), (0, 1, 1, "loss", "nan"), (0, 2, 1, "loss", "0.25"),
        ]  # fmt: skip
        assert [(a.attempt, a.cause, a.node) for a in store.attempts(row, 0)] == [
            (1, Cause.LOST, "node1"), (2, None, "node2"),
        ]  # fmt: skip
        assert store.failures(row) == [(Cause.ERROR, "Traceback", 1, 1)]
        assert store.retries(row) == {Cause.LOST: 1}

    def test_step_by_step_equals_at_once(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        for write in eventful(journal):
            write(journal)
            store.sync(folder)
            store.sync(folder)
        journal.close()
        journal = continued(folder)
        add(journal, 3)
        journal.commit()
        store.sync(folder)
        copy = copied(folder, tmp_path / "copies")
        store.sync(copy)
        assert content(store, copy) == content(store, folder)
        assert [t.number for t in store.trials(store.campaign(copy.path))] == [0, 1, 2, 3]

    def test_in_many_transactions_equals_in_one(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, journal = begin(tmp_path / "a")
        for number in range(20):
            add(journal, number, number / 3)
            journal.commit()
        store.sync(folder)
        copy = copied(folder, tmp_path / "copies")
        monkeypatch.setattr("candle_workflow.store.indexing.CHUNK", 7)
        store.sync(copy)
        assert content(store, copy) == content(store, folder)
        assert store.trials(store.campaign(copy.path)) == folded(folder)

    def test_records_that_a_successor_sealed_off_are_forgotten(
        self, store: Store, tmp_path: Path
    ) -> None:
        folder, journal = begin(tmp_path / "a")
        add(journal, 0)
        journal.commit()
        early = read_all(folder)
        add(journal, 1)
        journal.commit()
        store.sync(folder)
        assert [t.number for t in store.trials(store.campaign("a"))] == [0, 1]
        successor = continued(folder, early)
        add(successor, 1, 0.125)
        successor.commit()
        store.sync(folder)
        assert [t.objective for t in store.trials(store.campaign("a"))] == [0.5, 0.125]

    def test_best(self, store: Store, tmp_path: Path) -> None:
        objectives = [0.5, math.inf, -1.0, 0.25, -1.0, 3.0]
        for name, mode in (("low", "min"), ("high", "max")):
            folder, journal = begin(tmp_path / name, objective={"metric": "loss", "mode": mode})
            for number, objective in enumerate(objectives):
                add(journal, number, objective)
            add(journal, 6, None, state="failed", cause="error", message="x")
            add(journal, 7, math.nan, state="pruned")
            add(journal, 8, -9.0, state="pruned")
            journal.commit()
            store.sync(folder)
        low, high = store.campaign("low"), store.campaign("high")
        assert [t.number for t in store.trials(low, best=4)] == [2, 4, 3, 0]
        assert [t.number for t in store.trials(high, best=3)] == [1, 5, 0]
        assert [p.number for p in store.points(low)] == [0, 1, 2, 3, 4, 5]

    def test_some_trials(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        for number in range(1200):
            add(journal, number, state="failed" if number % 3 else "complete")
        journal.commit()
        store.sync(folder)
        row = store.campaign("a")
        failed = store.trials(row, states={State.FAILED})
        assert [t.number for t in failed[:4]] == [1, 2, 4, 5]
        odd = range(1, 1200, 2)
        assert [t.number for t in store.trials(row, numbers=odd)] == list(odd)
        assert [t.number for t in store.trials(row, sample=4)] == [0, 300, 600, 900]
        assert len(store.measurements(row, odd)) == 600
        assert row.counts == {State.COMPLETE: 400, State.FAILED: 800}

    def test_gives_copies(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        add(journal, 0)
        journal.commit()
        store.sync(folder)
        before = content(store, folder)
        row = store.campaign("a")
        trial = store.trials(row)[0]
        trial.params["x"] = "changed"
        trial.state = State.FAILED
        row.sessions.clear()
        assert content(store, folder) == before

    def test_moved_copied_and_replaced_folders(self, store: Store, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        add(journal, 0)
        journal.commit()
        store.sync(folder)
        identity = store.campaign("a").id
        moved = CampaignFolder(shutil.move(folder.path, tmp_path / "b"))
        store.sync(moved)
        assert [(row.id, row.name) for row in store.campaigns()] == [(identity, "b")]
        shutil.copytree(moved.path, folder.path)
        store.sync(folder)
        assert sorted(row.name for row in store.campaigns()) == ["a", "b"]
        shutil.rmtree(folder.path)
        begin(tmp_path / "a")
        store.sync(folder)
        assert store.trials(store.campaign("a")) == []
        assert len(store.trials(store.campaign("b"))) == 1

    def test_finding_a_campaign(self, store: Store, tmp_path: Path) -> None:
        for place in ("one", "two"):
            store.sync(begin(tmp_path / place / "nt3")[0])
        assert store.campaign("nt3").path == tmp_path / "two" / "nt3"
        assert store.campaign(str(tmp_path / "one" / "nt3")).path == tmp_path / "one" / "nt3"
        with pytest.raises(ConfigError, match=r"no campaign 'nt4'.*Did you mean 'nt3'"):
            store.campaign("nt4")

    def test_a_folder_without_a_campaign_yet(self, store: Store, tmp_path: Path) -> None:
        store.sync(CampaignFolder(tmp_path / "absent"))
        Journal.claim(tmp_path / "begun" / "journal")
        store.sync(CampaignFolder(tmp_path / "begun"))
        assert store.campaigns() == []

    def test_opened_again(self, store: Store, url: str, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        add(journal, 0)
        journal.commit()
        store.sync(folder)
        before = content(store, folder)
        with Store(url) as again:
            assert content(again, folder) == before

    def test_two_viewers_while_a_controller_writes(self, url: str, tmp_path: Path) -> None:
        folder, journal = begin(tmp_path / "a")
        viewer = (
            "import sys\n"
            "from candle_workflow.folder import CampaignFolder\n"
            "from candle_workflow.model import State\n"
            "from candle_workflow.store import Store\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "store, folder = Store(sys.argv[1]), CampaignFolder(sys.argv[2])\n"
            "while True:\n"
            "    store.sync(folder)\n"
            "    if store.campaign(sys.argv[2]).state == 'done': break\n"
        )
        viewers = [
            subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-c", viewer, url, str(folder.path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        for process in viewers:
            assert process.stdout is not None and process.stdin is not None
            process.stdout.readline()
        for process in viewers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for number in range(300):
            add(journal, number, number / 3)
            journal.commit()
        journal.append("closed", status="done", message="")
        journal.commit()
        assert [process.wait(60) for process in viewers] == [0, 0]
        with Store(url) as store:
            row = store.campaign("a")
            assert store.trials(row) == folded(folder)
            assert row.counts == {State.COMPLETE: 300}
            assert len(store.measurements(row, range(300))) == 300

    def test_of_another_version(self, url: str) -> None:
        from sqlalchemy import text

        from candle_workflow.store.database import open_engine, resolve

        Store(url).close()
        engine = open_engine(resolve(url))
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO migrations VALUES ('9999-future', 0)"))
        engine.dispose()
        with pytest.raises(SchemaTooOld, match="9999-future"):
            Store(url)

    def test_tables_are_what_the_migrations_make(self, url: str) -> None:
        from sqlalchemy import inspect

        from candle_workflow.store.database import open_engine, resolve
        from candle_workflow.store.tables import metadata

        Store(url).close()
        engine = open_engine(resolve(url))
        made = inspect(engine)
        for table in metadata.tables.values():
            names = [column["name"] for column in made.get_columns(table.name)]
            assert names == [column.name for column in table.columns]
            keys = made.get_pk_constraint(table.name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key]
        engine.dispose()
