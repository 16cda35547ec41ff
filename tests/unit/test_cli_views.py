"""The views of a finished campaign: what they print, as text and as data."""

import csv
import io
import json
import logging

import pytest

from .cli_kit import Here, Shell


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A folder in which a campaign of six trials ended; two of them failed."""
    shell = Shell(tmp_path_factory.mktemp("views"))
    done = shell.call("run", "hpo", "tiny.yaml", "--set", "params.limit=0.74")
    assert done.returncode == 0, done.stderr
    return shell


@pytest.fixture
def here(ended, monkeypatch, capsys):
    ended.enter(monkeypatch)
    return Here(capsys)


def test_results_as_json(here):
    trials = here.json("results", "tiny")
    assert [trial["number"] for trial in trials] == [0, 1, 2, 3, 4, 5]
    assert {*trials[0]} >= {
        "number", "state", "cause", "attempts", "params", "objective", "metrics", "started",
        "finished", "duration_s", "node",
    }  # fmt: skip
    failed = [trial for trial in trials if trial["state"] == "failed"]
    assert failed
    assert {trial["cause"] for trial in failed} == {"error"}
    assert all(trial["params"]["x"] > 0.74 for trial in failed)
    for trial in trials:
        if trial["state"] == "complete":
            assert trial["objective"] == (trial["params"]["x"] - 0.3) ** 2 / 2


def test_the_best_come_first(here):
    objectives = [trial["objective"] for trial in here.json("results", "tiny")]
    best = [trial["objective"] for trial in here.json("results", "tiny", "--best", "3")]
    assert best == sorted(value for value in objectives if value is not None)[:3]


def test_results_as_a_table_have_a_row_for_each_trial(here):
    lines = here("results", "tiny").splitlines()
    assert lines[0].split() == ["trial", "state", "val_loss", "x", "time", "cause"]
    assert [line.split()[0] for line in lines[2:]] == ["0", "1", "2", "3", "4", "5"]


def test_a_long_table_ends_with_a_note(here, monkeypatch):
    monkeypatch.setattr("candle_workflow.cli.results.SHOWN", 2)
    assert len(here("results", "tiny").splitlines()) == 4
    assert here.err == "4 more trials: --best N shows the best, --format csv all\n"


def test_results_as_csv_into_a_file_and_to_standard_output(here, ended):
    text = here("results", "tiny", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["number"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert here("results", "tiny", "--format", "csv", "-o", "out.csv") == ""
    assert (ended.folder / "out.csv").read_text() == text


def test_results_as_parquet(here):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    here("results", "tiny", "--format", "parquet", "-o", "out.parquet")
    assert list(pandas.read_parquet("out.parquet")["number"]) == [0, 1, 2, 3, 4, 5]


def test_saving_without_a_model_says_why(here):
    assert "best/params.yaml" in here("results", "tiny", "--best", "1", "--save", "best")
    assert "saved none" in here.err


def test_status_as_json(here, ended):
    status = here.json("status", "tiny")
    best = here.json("results", "tiny", "--best", "1")
    assert status["state"] == "done"
    assert status["holder"] is None
    assert status["planned"] == 6
    assert sum(status["counts"].values()) == 6
    assert status["best"] == best[0]
    assert status["running"] == []
    assert status["folder"] == str(ended.folder / "campaigns" / "tiny")
    (failure,) = status["failures"]
    assert failure["cause"] == "error"
    assert failure["message"].startswith("ValueError: x is too large")
    assert failure["count"] == status["counts"]["failed"]
    assert failure["log"].endswith(f"trials/{failure['trial']}/1/output.log")


def test_status_of_the_newest_campaign_as_text(here):
    text = here("status")
    first = dict(line.split("  ", 1) for line in text.splitlines()[:6])
    assert list(first) == ["campaign", "state", "trials", "best", "time used", "results"]
    assert first["state"].strip() == "done: the planner is done"
    assert first["trials"].strip().startswith("6 of 6 done: ")
    assert "ValueError: x is too large" in text
    assert "output.log" in text


def test_list(here):
    (row,) = here.json("list")
    assert (row["name"], row["state"], row["trials"]) == ("tiny", "done", 6)
    columns, _, line = here("list").splitlines()
    assert columns.split() == [
        "campaign", "state", "done", "failed", "trials", "best", "begun", "folder",
    ]  # fmt: skip
    assert line.split()[:3] == ["tiny", "done", "6"]


def test_list_is_not_hidden_by_a_damaged_campaign(here, ended):
    broken = ended.folder / "campaigns" / "broken" / "journal"
    broken.mkdir(parents=True)
    source = ended.folder / "campaigns" / "tiny" / "journal"
    for path in source.iterdir():
        content = path.read_bytes()
        if path.suffix == ".jsonl":
            content = content.replace(b'"asked"', b'"asqed"', 1)
        (broken / path.name).write_bytes(content)
    try:
        assert [row["name"] for row in here.json("list") if row["name"] == "tiny"] == ["tiny"]
        assert here.err.startswith("warning: broken: ")
        here("status", "broken", code=3)
        assert here.err.startswith("error: ")
    finally:
        for path in (*broken.iterdir(), broken, broken.parent):
            path.rmdir() if path.is_dir() else path.unlink()


def test_an_empty_list_says_how_to_begin(here, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert here("list").startswith("There are no campaigns yet. To begin one: ")
    assert here.json("list") == []
    here("status", code=2)
    assert "there are no campaigns" in here.err


def test_logs(here):
    assert here("logs", "tiny", "0") == "hello from 0\n"
    assert here("logs", "tiny", "0", "--attempt", "1", "--follow") == "hello from 0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["logs", "tiny", "99"], "campaign 'tiny' has no trial 99; there are: 0 to 5"),
        (["logs", "tiny", "0", "--attempt", "2"], "trial 0 has no attempt 2; there were 1"),
        (["logs", "tinny", "0"], "there is no campaign 'tinny'"),
        (["results", "tinny"], "Did you mean 'tiny'?"),
        (["resume", "tinny"], "Did you mean 'tiny'?"),
        (["cancel", "tinny"], "Did you mean 'tiny'?"),
        (["watch", "tinny"], "Did you mean 'tiny'?"),
        (["sites", "show", "locel"], "Did you mean 'local'?"),
        (["benchmarks", "describe", "nt33"], "Did you mean 'nt3'?"),
        (["run", "hpo", "tyny.yaml"], "Did you mean 'tiny.yaml'?"),
        (["plan", "tiny.yaml", "--set", "planner.trials"], "is not key=value"),
        (["plan", "tiny.yaml", "--set", "planer.trials=3"], "Did you mean 'planner'?"),
        (["plan", "tiny.yaml", "--launcher", "inlin"], "Did you mean 'inline'?"),
    ],
)
def test_wrong_names_are_refused_with_the_nearest(here, arguments, message):
    assert here(*arguments, code=2) == ""
    assert message in here.err
    assert "Traceback" not in here.err


def test_a_log_of_a_trial_that_printed_nothing_says_what_is_known(here, ended):
    log = ended.folder / "campaigns/tiny/trials/4/1/output.log"
    content = log.read_bytes()
    log.unlink()
    try:
        here("logs", "tiny", "4")
    finally:
        log.write_bytes(content)
    assert "attempt 1 of trial 4 printed nothing. It ended with error: ValueError:" in here.err


def test_a_campaign_is_found_by_its_path_from_anywhere(here, ended, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = str(ended.folder / "campaigns" / "tiny")
    assert here.json("status", path)["name"] == "tiny"
    assert here("watch", path).splitlines()[-6].startswith("ended    done")
    # and by its name, because the store has seen it
    assert here.json("status", "tiny")["folder"] == path


def test_report(here, ended):
    path = ended.folder / "campaigns" / "tiny" / "report.html"
    path.unlink()
    assert here("report", "tiny") == f"{path}\n"
    assert "<html" in path.read_text()
    assert here("report", "tiny", "-o", "own.html") == f"{ended.folder / 'own.html'}\n"


def test_plan_as_json_and_the_same_by_dry_run(here):
    plan = here.json("plan", "tiny.yaml", "--set", "planner.trials=30", "--set", "name=other")
    assert (plan["trials"], plan["slots"], plan["continues"]) == (30, 1, False)
    assert [one["number"] for one in plan["suggestions"]] == list(range(10))
    assert plan["origins"]["planner.trials"] == "--set"
    assert plan["origins"]["objective.metric"].startswith("tiny.yaml:")
    again = here.json(
        "run", "hpo", "tiny.yaml", "--dry-run", "--set", "planner.trials=30", "--set", "name=other"
    )
    assert again == plan


def test_plan_as_text_runs_nothing(here, ended):
    text = here("plan", "hpo", "tiny.yaml", "--set", "name=other")
    assert "trials     6\n" in text
    assert "Nothing was run." in text
    assert not (ended.folder / "campaigns" / "other").exists()


def test_sites(here):
    assert "local" in [site["name"] for site in here.json("sites", "list")]
    site = here.json("sites", "show", "local")
    assert (site["name"], site["scheduler"]) == ("local", "local")
    assert "scheduler  local" in here("sites", "show", "local")


def test_benchmarks(here):
    names = [one["name"] for one in here.json("benchmarks", "list")]
    assert "nt3" in names
    found = here.json("benchmarks", "describe", "nt3")
    assert found["name"] == "nt3"
    assert found["parameters"] == 154_922_918
    assert {"trainable", "input_shape", "metrics"} <= {*found}
    assert found["settings"]["dropout"]["high"] == 0.95
    small = here.json("benchmarks", "describe", "nt3", "--set", "features=1000")
    assert small["parameters"] < found["parameters"]
    assert small["settings"]["features"]["value"] == 1000
    assert "parameters    154,922,918" in here("benchmarks", "describe", "nt3")


def test_a_wrong_setting_of_a_benchmark_is_refused(here):
    here("benchmarks", "describe", "nt3", "--set", "dropuot=0.1", code=2)
    assert "nt3 has no parameter 'dropuot'. Did you mean 'dropout'?" in here.err


def test_logging_is_left_as_it_was(here):
    before = list(logging.getLogger("candle_workflow").handlers)
    here("list")
    assert logging.getLogger("candle_workflow").handlers == before
    assert json.loads(here("list", "--format", "json"))
