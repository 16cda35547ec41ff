"""One trial by itself: tried before a campaign, and saved out of one to be trained again."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from candle_workflow import campaign
from candle_workflow.api import load
from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.holding import recorded_spec
from candle_workflow.single import save, try_one

TRAINER = """
import os
from helper import double

def train(params, context):
    context.report(v=1.0)
    context.report(v=double(params["x"]), epochs=params["epochs"])
    (context.folder / "model.txt").write_text(f"x = {params['x']} seed = {context.seed}")
    if params.get("folder"):
        (context.folder / "model.tf").mkdir()
        (context.folder / "model.tf" / "weights").write_text(str(params["x"]))
    print(os.environ.get("KERAS_MAX_EPOCHS"), os.environ.get("SET_BY_CAMPAIGN"))
    return {"w": 3.0}
"""
SPEC: dict[str, Any] = {
    "name": "a",
    "trainer": {"function": "my trainers/t.py:train"},
    "params": {"epochs": 7, "folder": True},
    "space": {"x": {"low": 0.0, "high": 1.0}, "kind": ["ü", "b"]},
    "objective": {"metric": "v", "mode": "max"},
    "planner": {"name": "random", "trials": 5, "seed": 1},
    "trainer_env": {"variables": {"SET_BY_CAMPAIGN": "yes"}},
    "launcher": "inline",
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "hard 'name\" ü"
    (root / "my trainers").mkdir(parents=True)
    (root / "my trainers" / "t.py").write_text(TRAINER)
    (root / "my trainers" / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("CANDLE_STORE", str(root / "store.db"))
    monkeypatch.delenv("CANDLE_CAMPAIGNS", raising=False)
    return root


# ------------------------------------------------------------------ try


def test_trying_runs_the_first_trial_once_and_leaves_nothing(
    somewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {name: os.environ.get(name) for name in ("KERAS_MAX_EPOCHS", "CANDLE_EPOCHS")}
    ended = try_one(load(SPEC))
    first = campaign.run(load(SPEC)).trials[0]
    assert (ended.cause, ended.number) == (None, 0)
    assert ended.metrics == {"v": 2 * first.params["x"], "epochs": 1.0, "w": 3.0}
    assert capfd.readouterr().out.splitlines()[0] == "1 yes"
    assert {name: os.environ.get(name) for name in before} == before
    assert "SET_BY_CAMPAIGN" not in os.environ
    assert not (somewhere / "trials").exists()


def test_trying_can_leave_the_epochs_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    assert try_one(load(SPEC), epochs=None).metrics["epochs"] == 7.0
    assert capfd.readouterr().out == "None yes\n"


def test_trying_a_wrong_campaign_is_refused_as_running_it_is() -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        try_one(load(SPEC, set={"trainer.function": "none.py:train"}))


def test_what_fails_says_why(somewhere: Path) -> None:
    (somewhere / "my trainers" / "t.py").write_text(
        "def train(p, c):\n    raise ValueError('no')\n"
    )
    ended = try_one(load(SPEC))
    assert ended.message == "ValueError: no (t.py:2 in train)"


# ------------------------------------------------------------------ save


def saved(into: Path, **changes: Any) -> tuple[campaign.Result, list[Path]]:
    result = campaign.run(load(SPEC, set=changes))
    assert result.best is not None
    spec = recorded_spec(result.folder).resolved()
    return result, save(result.folder, spec, result.best, into)


def test_the_best_is_saved_with_what_made_it(tmp_path: Path) -> None:
    into = tmp_path / "best of 'all'"
    result, files = saved(into)
    assert sorted(path.name for path in files) == [
        "again.jsonl", "again.sh", "again.yaml", "model.tf", "model.txt", "params.yaml",
    ]  # fmt: skip
    assert result.best is not None
    x = result.best.params["x"]
    assert (into / "model.txt").read_text().startswith(f"x = {x} seed")
    assert (into / "model.tf" / "weights").read_text() == str(x)
    params = yaml.safe_load((into / "params.yaml").read_text())
    assert params == {"epochs": 7, "folder": True, **result.best.params}
    assert json.loads((into / "again.jsonl").read_text()) == result.best.params
    assert (into / "again.sh").stat().st_mode & stat.S_IXUSR
    first = (into / "params.yaml").read_text().splitlines()[0]
    assert first == f"# trial {result.best.number} of {result.folder.path}: v {2 * x}"


def test_saving_again_replaces(tmp_path: Path) -> None:
    saved(tmp_path / "best")
    saved(tmp_path / "best")


def test_the_saved_trial_trains_again_as_it_was(somewhere: Path, tmp_path: Path) -> None:
    into = tmp_path / "best of 'all'"
    result, _ = saved(into)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CANDLE_CAMPAIGNS": str(tmp_path / "again"),
    }
    done = subprocess.run(
        [str(into / "again.sh")], env=environment, cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert result.best is not None
    (path,) = (tmp_path / "again").iterdir()
    assert path.name == f"a-trial-{result.best.number}"
    again = CampaignFolder(path)
    (trial,) = campaign.resume(str(again.path)).trials
    assert (trial.params, trial.objective) == (result.best.params, result.best.objective)


def test_a_trial_without_a_model_gives_the_rest_and_says_so(
    somewhere: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (somewhere / "my trainers" / "t.py").write_text("def train(p, c):\n    return {'v': 1.0}\n")
    saved(tmp_path / "best")
    names = sorted(path.name for path in (tmp_path / "best").iterdir())
    assert names == ["again.jsonl", "again.sh", "again.yaml", "params.yaml"]
    assert "saved none there (context.folder)" in caplog.text
