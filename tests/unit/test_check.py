"""What a campaign asks for, met with what is there: trainers, planners, launchers, sites."""

import subprocess
import sys
from pathlib import Path

import pytest

from candle_workflow import plugins
from candle_workflow.check import build_planner, check
from candle_workflow.config import load_campaign
from candle_workflow.errors import ConfigError
from candle_workflow.model import Suggestion

TOY = Path(__file__).parent.parent / "golden" / "bad_input" / "site-packages"

HEAD = "name: a\nobjective: {metric: loss, mode: min}\nplanner: {name: random, trials: 3}\n"
SPACE = "space: {lr: [0.1, 0.2]}\n"
TOY_HEAD = "name: a\nbenchmark: toy\nobjective: {metric: val_auc, mode: max}\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Read a campaign whose file lies beside train.py."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def load(text):
        (tmp_path / "campaign.yaml").write_text(text)
        return load_campaign(tmp_path / "campaign.yaml")

    return load


@pytest.fixture
def toy(monkeypatch):
    """The toy benchmark, installed."""
    monkeypatch.syspath_prepend(str(TOY))
    plugins._points.cache_clear()
    yield
    plugins._points.cache_clear()


def function(load, tmp_path, source, name="train.py:train"):
    """Check a campaign whose trainer is in a file of this source."""
    (tmp_path / "train.py").write_text(source)
    return check(load(HEAD + SPACE + f'trainer: {{function: "{name}"}}\n'))


@pytest.mark.parametrize(
    "source",
    [
        "def train(params, context): ...",
        "def train(params, context=None, *, more=1): ...",
        "def train(*args): ...",
        "def train(params, context, /, **more): ...",
        "from other import train",
        "from other import something as train",
        "from other import *",
        "train = lambda params, context: 1.0",
        "class train:\n    def __new__(cls, params, context): ...",
        "if True:\n    def train(params, context): ...",
        "try:\n    import x\nexcept ImportError:\n    def train(params, context): ...",
    ],
)
def test_a_function_can_come_about_in_many_ways(load, tmp_path, source):
    assert function(load, tmp_path, source) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def train(params): ...", r"takes \(params\), expected a function that can be called"),
        ("def train(a, b, c): ...", r"takes \(a, b, c\)"),
        ("def train(a, b, *, c): ...", r"takes \(a, b, \*, c\)"),
        ("def train(): ...", r"takes \(\)"),
        ("def trian(a, b): ...", r"no function 'train'\. Did you mean 'trian'\?"),
        ("class A:\n    def train(self, b): ...", r"no function 'train'\."),
        ("import os\n\ndef train(a, b:\n", r"train\.py:3 is not Python: '\(' was never closed\."),
        ("a = 1\0", r"train\.py(:1)? is not Python"),
    ],
)
def test_a_function_that_cannot_work_is_refused(load, tmp_path, source, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        function(load, tmp_path, source)
    assert (refusal.value.key, refusal.value.line) == ("trainer.function", 5)


def test_a_trainers_source_is_not_run(load, tmp_path):
    source = "open('run', 'w')\nimport no_such_package\ndef train(params, context): ...\n"
    assert function(load, tmp_path, source) == []
    assert not (tmp_path / "run").exists()
    assert not Path("run").exists()


def test_a_module_is_found_beside_the_file_without_importing_it(load, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "module.py").write_text("def train(params, context): ...\n")
    assert check(load(HEAD + SPACE + 'trainer: {function: "package.module:train"}\n')) == []
    with pytest.raises(ConfigError, match=r"package\.module has no function 'trian'"):
        check(load(HEAD + SPACE + 'trainer: {function: "package.module:trian"}\n'))


def test_a_module_of_another_python_is_not_looked_for(load):
    text = HEAD + SPACE + 'trainer: {function: "elsewhere:train"}\n'
    assert check(load(text + f"trainer_env: {{python: {sys.executable}}}\n")) == []


def test_a_command_that_leaves_a_parameter_out_is_noticed(load, tmp_path):
    (tmp_path / "train.py").touch()
    text = HEAD + "space: {lr: [1, 2], batch: [3, 4]}\n"
    notices = check(load(text + 'trainer: {command: [python, train.py, "--lr={lr}"]}\n'))
    assert notices == [
        "the command does not take batch; it only finds them in params.json in its folder"
    ]


def test_a_command_may_name_what_belongs_to_a_trial(load):
    command = '[sh, -c, "echo {lr} {trial} {attempt} {seed} {dir} {checkpoint} {root} {{x}}"]'
    assert check(load(HEAD + SPACE + f"trainer: {{command: {command}}}\n")) == []


def test_a_program_beside_the_file_is_found(load, tmp_path):
    (tmp_path / "go").write_text("#!/bin/sh\n")
    text = HEAD + SPACE + 'trainer: {command: [go, "{lr}"]}\n'
    with pytest.raises(ConfigError, match="no program 'go'"):
        check(load(text))
    (tmp_path / "go").chmod(0o755)
    assert check(load(text)) == []


def test_programs_of_modules_are_only_known_on_a_node(load):
    text = HEAD + SPACE + 'trainer: {command: [only-there, "{lr}"]}\ntrainer_env: {modules: [m]}\n'
    assert check(load(text)) == []


def test_old_names_are_read_as_present_ones_and_noticed(load, toy):
    spec = load(
        TOY_HEAD
        + "planner: {name: random, trials: 3}\nparams: {epochs: 2}\n"
        + "space:\n  lr: {low: 0.1, high: 0.5}\n"
        + "  drop: {low: 0.0, high: 0.5, when: {optimizer: sgd}}\n  optimizer: [sgd, adam]\n"
    )
    assert list(spec.space.parameters) == ["learning_rate", "dropout", "optimizer"]
    assert list(spec.resolved()["space"]) == ["learning_rate", "dropout", "optimizer"]
    assert spec.origins["space.learning_rate.low"] == "campaign.yaml:7"
    assert check(spec) == [
        "space.lr is called 'learning_rate' here; it is read as that",
        "space.drop is called 'dropout' here; it is read as that",
    ]


def test_an_odd_mode_is_noticed(load, toy):
    text = TOY_HEAD.replace("max", "min") + "planner: {name: random, trials: 3}\n"
    assert check(load(text + "space: {dropout: [0.1, 0.2]}\n")) == [
        "objective.mode is min, but val_auc is usually maximized: the best trial will be the worst"
    ]


@pytest.mark.parametrize(
    "values",
    [
        "dense: [100]",
        "residual: true",
        "learning_rate: 1",
        "dropout: 1.0",
        "optimizer: adam",
        "batch_size: 1",
    ],
)
def test_values_that_a_benchmark_takes(load, toy, values):
    text = TOY_HEAD + f"planner: {{name: random, trials: 3}}\nparams: {{{values}}}\n"
    assert check(load(text)) == ["the space is empty: all trials have the same parameters"]


def test_a_job_means_nothing_without_a_batch_system(load, tmp_path):
    (tmp_path / "train.py").write_text("def train(params, context): ...")
    text = HEAD + SPACE + 'trainer: {function: "train.py:train"}\n'
    assert check(load(text + "site: {account: me, nodes: 2}\n")) == [
        "site.account means nothing on 'local', which has no batch system",
        "site.nodes means nothing on 'local', which has no batch system",
    ]


def test_a_grid_ends_by_itself(load, tmp_path):
    (tmp_path / "train.py").write_text("def train(params, context): ...")
    text = HEAD.replace("{name: random, trials: 3}", "grid") + SPACE
    spec = load(text + 'trainer: {function: "train.py:train"}\n')
    assert check(spec) == []
    assert build_planner(spec).ask(9) == [Suggestion(0, {"lr": 0.1}), Suggestion(1, {"lr": 0.2})]


@pytest.mark.parametrize("limit", ["time: 1h", "node_hours: 1", "target: 0.1"])
def test_a_limit_ends_a_planner_without_end(load, tmp_path, limit):
    (tmp_path / "train.py").write_text("def train(params, context): ...")
    text = HEAD.replace(", trials: 3", "") + SPACE + 'trainer: {function: "train.py:train"}\n'
    assert check(load(f"{text}limits: {{{limit}}}\n")) == []
    with pytest.raises(ConfigError, match=r"planner\.trials: is missing"):
        check(load(text))


def test_a_planners_files_are_relative_to_the_campaign_file(load, tmp_path):
    (tmp_path / "settings.csv").write_text("lr\n0.2\n0.1\n")
    text = HEAD.replace("{name: random, trials: 3}", "{name: listed, file: settings.csv}") + SPACE
    spec = load(text + 'trainer: {function: "train.py:train"}\n')
    assert [suggestion.params for suggestion in build_planner(spec).ask(9)] == [
        {"lr": 0.2},
        {"lr": 0.1},
    ]


def test_a_planners_refusal_is_located(load):
    spec = load(HEAD.replace("trials: 3", "trails: 3") + SPACE + "trainer: {command: [echo]}\n")
    with pytest.raises(ConfigError, match=r"campaign\.yaml:3: planner\.trails: unknown key\. Did"):
        build_planner(spec)


def test_checking_imports_no_framework(tmp_path):
    (tmp_path / "train.py").write_text("import keras\ndef train(params, context): ...")
    (tmp_path / "a.yaml").write_text(HEAD + SPACE + 'trainer: {function: "train.py:train"}\n')
    code = (
        "import sys\n"
        "from candle_workflow.config import load_campaign\n"
        "from candle_workflow.check import check\n"
        "for path in sys.argv[1:]: check(load_campaign(path))\n"
        "heavy = {'keras', 'tensorflow', 'torch', 'ray', 'pandas', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.yaml"), "nt3.yaml"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr
