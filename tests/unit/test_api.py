"""The Python API: mappings, functions and overrides in, results out."""

import functools
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import candle_workflow
from candle_workflow.api import load
from candle_workflow.testing import trainers

SPEC = {
    "name": "parabola",
    "trainer": {"function": "candle_workflow.testing.trainers:ok"},
    "params": {"small": 1e-7, "text": "é 🙂", "switch": "on"},
    "space": {"x": {"low": -1.0, "high": 1.0}},
    "objective": {"metric": "score", "mode": "max"},
    "planner": {"name": "random", "trials": 5, "seed": 1},
    "launcher": "inline",
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLE_STORE", str(tmp_path / "store.db"))
    monkeypatch.delenv("CANDLE_CAMPAIGNS", raising=False)


def test_a_mapping_is_read_as_it_is():
    spec = load(SPEC)
    assert spec.params == SPEC["params"]
    assert spec.planner.trials == 5
    assert spec.root == Path.cwd()


def test_overrides_are_those_of_the_command_line():
    spec = load(SPEC, set={"planner.trials": 7, "limits.time": "2m", "params.many": [1, None]})
    assert (spec.planner.trials, spec.limits.time_s) == (7, 120)
    assert spec.params["many"] == [1, None]
    assert spec.origins["planner.trials"] == "--set"
    spec = load(SPEC, launcher="simulated", site="local")
    assert (spec.launcher.name, spec.site.name) == ("simulated", "local")


def test_a_function_is_named_by_its_file_or_its_package(tmp_path, monkeypatch):
    (tmp_path / "their_trainer.py").write_text("def train(params, context):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("their_trainer").train
    spec = load(SPEC | {"trainer": {"function": function}})
    assert spec.trainer.function == f"{tmp_path / 'their_trainer.py'}:train"
    spec = load(SPEC | {"trainer": {"function": trainers.ok}})
    assert spec.trainer.function == "candle_workflow.testing.trainers:ok"


def local():
    def inner(params, context):
        return 1.0

    return inner


@pytest.mark.parametrize(
    "function", [local(), lambda params, context: 1.0, functools.partial(trainers.ok), Path.home]
)
def test_a_function_that_nobody_else_finds_is_refused(function):
    with pytest.raises(candle_workflow.ConfigError, match="top level of a file") as caught:
        load(SPEC | {"trainer": {"function": function}})
    assert caught.value.key == "trainer.function"


def test_what_no_file_can_hold_is_refused():
    with pytest.raises(candle_workflow.ConfigError, match="not JSON serializable"):
        load(SPEC | {"params": {"x": object()}})
    with pytest.raises(candle_workflow.ConfigError, match="finite"):
        load(SPEC, set={"params.y": float("nan")})


def test_run_and_results():
    result = candle_workflow.run(SPEC)
    assert result.status == "done"
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3, 4]
    assert result.best.objective == max(trial.objective for trial in result.trials)
    assert list(result.frame()["number"]) == [0, 1, 2, 3, 4]
    more = candle_workflow.run(load(SPEC, set={"planner.trials": 6}))
    assert [trial.params for trial in more.trials[:5]] == [trial.params for trial in result.trials]
    table = candle_workflow.results("parabola")
    assert list(table["objective"]) == [trial.objective for trial in more.trials]
    with pytest.raises(candle_workflow.ConfigError, match="load"):
        candle_workflow.run(load(SPEC), set={"planner.trials": 7})


SCRIPT = """
import sys
import candle_workflow

def train(params, context):
    return {"score": params["x"]}

SPEC = {
    "name": "script",
    "trainer": {"function": train},
    "space": {"x": [1, 2, 3]},
    "objective": {"metric": "score", "mode": "max"},
    "planner": "grid",
    "launcher": "inline",
}
"""


def script(tmp_path, text):
    file = tmp_path / "a script.py"
    file.write_text(text)
    argv = [sys.executable, str(file)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)


def test_a_script_with_its_own_trainer(tmp_path):
    text = 'if __name__ == "__main__":\n    print(candle_workflow.run(SPEC).best.params)\n'
    done = script(tmp_path, SCRIPT + text)
    assert (done.stdout, done.returncode) == ("{'x': 3}\n", 0), done.stderr


def test_a_script_that_would_run_itself_again_is_told_so(tmp_path):
    done = script(tmp_path, SCRIPT + "print(candle_workflow.run(SPEC).trials[0].message)\n")
    assert "if __name__ == '__main__':" in done.stdout + done.stderr


def test_a_notebook_is_told_the_way_out():
    done = subprocess.run(
        [sys.executable, "-"],
        input=SCRIPT + "candle_workflow.run(SPEC)",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "%%writefile train.py" in done.stderr
