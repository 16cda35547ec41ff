"""A campaign as a folder: begun, gone on with, changed, cancelled, held by one at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from candle_workflow import campaign, holding
from candle_workflow.api import load
from candle_workflow.check import build_planner
from candle_workflow.config import CampaignSpec
from candle_workflow.epochs import claim_path, holder_of
from candle_workflow.errors import ConfigError, EpochHeld, StateConflict, StoreError
from candle_workflow.folder import CampaignFolder, find_campaign
from candle_workflow.history import rebuild
from candle_workflow.journal import Journal, read
from candle_workflow.model import Cause, State

SPEC: dict[str, Any] = {
    "name": "a",
    "trainer": {"function": "t.py:train"},
    "params": {"fixed": 1},
    "space": {"x": {"low": 0.0, "high": 1.0}},
    "objective": {"metric": "v", "mode": "max"},
    "planner": {"name": "random", "trials": 4, "seed": 1},
    "launcher": "inline",
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "hard 'name\" ü"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("CANDLE_STORE", str(root / "store.db"))
    monkeypatch.delenv("CANDLE_CAMPAIGNS", raising=False)
    (root / "t.py").write_text("def train(params, context):\n    return {'v': params['x']}\n")
    return root


def spec(**changes: Any) -> CampaignSpec:
    """The campaign with dotted keys changed (``__`` for the dot)."""
    return load(SPEC, set={key.replace("__", "."): value for key, value in changes.items()})


def kinds(folder: CampaignFolder) -> list[str]:
    return [record["k"] for record in read(folder.journal).records]


def here(name: str = "a") -> CampaignFolder:
    return CampaignFolder(Path("campaigns") / name)


# ------------------------------------------------------------------ going on


def test_a_finished_campaign_is_done_again_without_another_trial() -> None:
    first = campaign.run(spec())
    again = campaign.run(spec())
    resumed = campaign.resume("a")
    assert [r.status for r in (first, again, resumed)] == ["done"] * 3
    assert [len(r.trials) for r in (first, again, resumed)] == [4] * 3
    assert kinds(here()).count("asked") == 4
    assert kinds(here()).count("campaign") == 1


def test_more_trials_go_on_and_are_recorded_as_a_change() -> None:
    first = campaign.run(spec())
    more = campaign.run(spec(planner__trials=6))
    assert [t.params for t in more.trials[:4]] == [t.params for t in first.trials]
    (change,) = [r["changes"] for r in read(here().journal).records if r["k"] == "changed"]
    assert [section["trials"] for section in change["planner"]] == [4, 6]
    assert campaign.resume("a").status == "done"
    assert len(campaign.resume("a").trials) == 6


def test_fewer_trials_than_there_are_change_nothing() -> None:
    campaign.run(spec())
    assert len(campaign.run(spec(planner__trials=2)).trials) == 4


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("params.fixed", 2),
        ("space.x.high", 2.0),
        ("objective.mode", "min"),
        ("planner.seed", 2),
        ("planner.name", "tpe"),
        ("trainer.function", "u.py:train"),
    ],
)
def test_what_makes_it_another_campaign_is_refused(somewhere: Path, key: str, value: Any) -> None:
    (somewhere / "u.py").write_text("def train(params, context):\n    return 1.0\n")
    campaign.run(spec())
    before = kinds(here())
    with pytest.raises(ConfigError, match="--new") as caught:
        campaign.run(load(SPEC, set={key: value}))
    assert caught.value.key is not None
    assert key.startswith(caught.value.key)
    assert kinds(here()) == before


@pytest.mark.parametrize(
    ("key", "value"), [("limits.time", "1h"), ("retries.error", 2), ("keep.models", 1)]
)
def test_what_may_change_is_recorded(key: str, value: Any) -> None:
    campaign.run(spec())
    campaign.run(load(SPEC, set={key: value}))
    (change,) = [r["changes"] for r in read(here().journal).records if r["k"] == "changed"]
    assert list(change) == [key.partition(".")[0]]


def test_compare_names_sections_with_both_values() -> None:
    old = {"name": "a", "limits": {"time": None}, "planner": {"name": "grid", "trials": 1}}
    assert holding.compare(old, old) == {}
    new = {**old, "planner": {"name": "grid", "trials": 2}, "site": "x"}
    assert holding.compare(old, new) == {
        "planner": [{"name": "grid", "trials": 1}, {"name": "grid", "trials": 2}],
        "site": [None, "x"],
    }
    with pytest.raises(ConfigError) as caught:
        holding.compare(old, {**old, "planner": {"name": "grid", "trials": 1, "base": 3}})
    assert caught.value.key == "planner.base"


# ------------------------------------------------------------------ which folder


def test_new_campaigns_of_one_name_stand_side_by_side() -> None:
    for expected in ("a", "a-2", "a-3"):
        result = campaign.run(spec(), new=True)
        assert (result.folder.name, len(result.trials)) == (expected, 4)
    assert campaign.run(spec()).folder.name == "a"


def test_the_campaign_that_is_named_is_the_one_that_is_resumed() -> None:
    campaign.run(spec())
    campaign.run(spec(planner__trials=2), new=True)
    before = kinds(here("a"))
    result = campaign.resume("a-2")
    assert (result.folder.name, len(result.trials)) == ("a-2", 2)
    assert kinds(here("a")) == before


def test_a_campaign_elsewhere_is_resumed_where_it_is(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.run(spec())
    folder = here()
    monkeypatch.setenv("CANDLE_CAMPAIGNS", str(somewhere / "others"))
    result = campaign.resume(str(folder.path))
    assert result.folder.path == folder.path
    assert len(result.trials) == 4
    assert not (somewhere / "others").exists()
    with pytest.raises(ConfigError, match="no campaign 'a'"):
        campaign.resume("a")


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    campaign.run(spec(name="bladder-hpo"))
    with pytest.raises(ConfigError, match="Did you mean 'bladder-hpo'"):
        find_campaign("bladder-hop")
    with pytest.raises(ConfigError, match="no campaign"):
        find_campaign("x" * 5000)


def test_a_folder_that_is_none_or_cannot_be_made_is_named(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (somewhere / "file").write_text("")
    monkeypatch.setenv("CANDLE_CAMPAIGNS", str(somewhere / "file"))
    with pytest.raises(StoreError, match="Not a directory"):
        campaign.run(spec())


# ------------------------------------------------------------------ cancel


def test_a_cancelled_campaign_runs_again_only_by_resume() -> None:
    campaign.run(spec())
    campaign.cancel("a")
    more = spec(planner__trials=6)
    with pytest.raises(StateConflict, match="candle-workflow resume a"):
        campaign.run(more)
    assert campaign.resume("a").status == "done"
    assert not here().stop.exists()
    assert len(campaign.run(more).trials) == 6


def test_a_cancel_ends_the_campaign_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candle_workflow.control.LOOK_S", -1.0)

    def cancel(progress: campaign.Progress) -> None:
        if progress.finished == 1:
            campaign.cancel("a")

    result = campaign.run(spec(), on_change=cancel)
    assert (result.status, result.exit_code) == ("cancelled", 130)
    assert result.counts[State.COMPLETE] >= 1
    assert {t.state for t in result.trials} <= {State.COMPLETE, State.CANCELLED}
    assert here().stop.exists()


def test_a_refused_resume_does_not_undo_the_cancel() -> None:
    def cancel(held: holding.Campaign) -> None:
        campaign.cancel("a")
        with pytest.raises(EpochHeld):
            campaign.resume("a")
        assert here().stop.exists()

    campaign.run(spec(), on_begin=cancel)


# ------------------------------------------------------------------ one controller at a time


def test_a_held_campaign_is_refused_and_free_afterwards() -> None:
    def run_again(held: holding.Campaign) -> None:
        with pytest.raises(EpochHeld, match="--take-over"):
            campaign.run(spec())

    assert campaign.run(spec(), on_begin=run_again).status == "done"
    assert campaign.run(spec()).status == "done"


def test_who_was_replaced_stops() -> None:
    with pytest.raises(EpochHeld), holding.hold(spec(), here()) as first:
        assert campaign.run(spec(), take_over=True).status == "done"
        first.journal.append("asked", trial=0, params={})
        first.journal.commit()
    assert campaign.run(spec()).status == "done"
    assert len(campaign.run(spec()).trials) == 4


def test_what_another_controller_did_meanwhile_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Journal.claim

    def claim_late(directory: Path, **options: bool) -> Journal:
        monkeypatch.setattr(Journal, "claim", original)
        campaign.run(spec())  # between our look at the journal and our claim
        return original(directory, **options)

    monkeypatch.setattr(Journal, "claim", claim_late)
    result = campaign.run(spec())
    assert len(result.trials) == 4
    assert kinds(here()).count("campaign") == 1
    assert kinds(here()).count("asked") == 4


def test_a_campaign_that_could_not_be_replayed_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign.run(spec())

    def differs(*arguments: object, **options: object) -> None:
        raise StateConflict("trial 0 was suggested as something else")

    with monkeypatch.context() as patch, pytest.raises(StateConflict, match="something else"):
        patch.setattr(holding, "rebuild", differs)
        campaign.run(spec())
    holder = holder_of(claim_path(here().journal, 2))
    assert holder is not None
    assert holder.is_gone()
    assert campaign.run(spec()).status == "done"


ENDS: dict[str, Callable[[], BaseException]] = {
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(3),
    "fault": lambda: ZeroDivisionError("ours"),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_controller_ends_the_journal_says_so(end: str) -> None:
    error = ENDS[end]()

    def fail(progress: campaign.Progress) -> None:
        raise error

    with pytest.raises(type(error)):
        campaign.run(spec(), on_change=fail)
    records = list(read(here().journal).records)
    assert (records[-1]["k"], records[-1]["status"]) == ("closed", "interrupted")
    assert type(error).__name__ in records[-1]["message"]
    assert len(campaign.run(spec()).trials) == 4


def test_a_full_disk_is_what_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with (
        monkeypatch.context() as patch,
        pytest.raises(StoreError, match="No space left"),
        holding.hold(spec(), here()) as held,
    ):
        patch.setattr("os.write", full)
        held.journal.append("note")
        held.journal.commit()
    assert campaign.run(spec()).status == "done"
    assert kinds(here()).count("asked") == 4


def test_two_campaigns_in_two_threads() -> None:
    results: dict[str, campaign.Result] = {}

    def work(name: str) -> None:
        results[name] = campaign.run(spec(name=name, launcher="simulated", planner__trials=20))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(results[n].status, results[n].folder.name) for n in "ab"] == [
        ("done", "a"), ("done", "b"),
    ]  # fmt: skip
    assert [len(results[n].trials) for n in "ab"] == [20, 20]


# ------------------------------------------------------------------ the end


def test_results_that_cannot_be_shown_are_still_results(
    somewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = campaign.run(spec(), store=str(somewhere / "t.py" / "store.db"))
    assert (result.status, len(result.trials), result.report) == ("done", 4, None)
    assert "candle-workflow report" in caplog.text


def test_an_existing_report_is_replaced() -> None:
    first = campaign.run(spec()).report
    assert first is not None
    before = first.read_text()
    campaign.run(spec(planner__trials=6))
    assert first.read_text() != before


# ------------------------------------------------------------------ trials in this process


@pytest.mark.parametrize(
    "body", ["sys.stdout.close()\n    sys.stderr.close()", "sys.stdout = sys.stderr = None"]
)
def test_an_inline_trial_that_closes_its_output_harms_no_other(somewhere: Path, body: str) -> None:
    (somewhere / "t.py").write_text(
        "import sys\n"
        "def train(params, context):\n"
        "    print('trial', context.number)\n"
        f"    {body}\n"
        "    return {'v': 1.0}\n"
    )
    result = campaign.run(spec())
    assert result.counts == {State.COMPLETE: 4}
    texts = [result.folder.output(n, 1).read_text() for n in range(4)]
    assert texts == [f"trial {n}\n" for n in range(4)]


def test_a_child_that_an_inline_trial_forks_does_not_become_a_controller(somewhere: Path) -> None:
    (somewhere / "t.py").write_text(
        "import os\n"
        "def train(params, context):\n"
        "    pid = os.fork()\n"
        "    if pid:\n"
        "        os.waitpid(pid, 0)\n"
        "    return {'v': float(bool(pid))}\n"
    )
    result = campaign.run(spec())
    assert [t.objective for t in result.trials] == [1.0] * 4
    assert result.report is not None
    assert kinds(here()).count("ended") == 4


# ------------------------------------------------------------------ a controller that dies


def test_a_trial_that_takes_the_controller_with_it_is_given_up(somewhere: Path) -> None:
    (somewhere / "t.py").write_text(
        "import os\n"
        "def train(params, context):\n"
        "    if context.number == 1:\n"
        "        os._exit(7)\n"
        "    return {'v': params['x']}\n"
    )
    script = f"from candle_workflow import api\nprint(api.run({SPEC!r}).status)\n"
    ends = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        ends.append(done.stdout.strip() or done.returncode)
    assert ends == [7, 7, 7, 7, "done"]  # retries.lost is 3
    trials = campaign.resume("a").trials
    assert [(t.state, t.attempts) for t in trials] == [
        (State.COMPLETE, 1), (State.FAILED, 4), (State.COMPLETE, 1), (State.COMPLETE, 1),
    ]  # fmt: skip
    assert trials[1].cause is Cause.LOST
    assert "controller ended" in trials[1].message
    reading = read(here().journal)
    planner = build_planner(spec())
    rebuild(reading.records, planner, spec().objective, verify=True)
