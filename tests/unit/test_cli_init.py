"""init: what it writes loads, checks and runs."""

import json
import sys

import pytest
import yaml

from candle_workflow.cli.init_guessing import FIXED, LEFT, SEARCHED, SEED, best_metric, guess
from candle_workflow.cli.init_reading import Option, parse, read_command, read_function, trainer_of
from candle_workflow.cli.init_writing import value
from candle_workflow.config import load_campaign
from candle_workflow.config.yaml12 import parse_value

from .cli_kit import Here, Shell

INLINE = ("--launcher", "inline", "--set", "planner.trials=3", "--set", "limits.failures=1")

ARGPARSE = '''
"""A script of a user's."""
import argparse, json

EPOCHS = 2

parser = argparse.ArgumentParser()
parser.add_argument("data", help="the 5%% sample: where it is")
parser.add_argument("--learning-rate", "-l", type=float, default=1e-3, help="step # size")
parser.add_argument("-b", "--batch-size", type=int, default=32)
parser.add_argument("--dropout", type=float, default=0.25)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--on", choices=["on", "off", "1e3"], default="on")
parser.add_argument("--augment", action="store_true")
parser.add_argument("--bias", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--layers", type=int, default=0)
parser.add_argument("--weight-decay", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=EPOCHS)
parser.add_argument("--folds", type=int, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--data-dir", default="./data")
parser.add_argument("--log-interval", type=int, default=10)
parser.add_argument("--no-cuda", action="store_true")
parser.add_argument("--units", type=int, nargs="+", default=[8, 8])
parser.add_argument("--version", action="version", version="1")
args = parser.parse_args()
print(json.dumps({"args": vars(args)}))
print(json.dumps({"val_accuracy": args.dropout, "loss": args.learning_rate}))
'''

FUNCTION = """
def train(config, trial):
    lr = config.get("learning_rate", 0.01)
    depth = int(config["depth"])
    batch = config["batch_size"]
    for epoch in range(config["epochs"]):
        trial.report(step=epoch, val_loss=lr * depth, accuracy=1.0)
    flag = config.get("augment", False)
    name = config.get("kind", "plain")
    return {"train_loss": batch * config["extra"]}
"""

KERAS = """
import argparse
import keras
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
model.compile("adam", loss="mse", metrics=["mae", "accuracy"])
model.fit(x, y, validation_split=0.2, callbacks=[keras.callbacks.CSVLogger("training.log")])
"""


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    Shell(tmp_path).enter(monkeypatch)
    return Here(capsys)


@pytest.fixture
def write(tmp_path):
    def write(text, name="script.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


# ------------------------------------------------------------------ what is written runs


def run_all(here, name, campaign):
    """Check and run a campaign, and give its trials."""
    here("plan", name)
    here("run", "hpo", name, *INLINE)
    trials = here.json("results", campaign)
    assert [trial["state"] for trial in trials] == ["complete"] * 3, trials
    return trials


def test_the_example_runs_in_an_empty_folder(here, monkeypatch, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert here("init").splitlines() == [
        "wrote train.py",
        "wrote campaign.yaml",
        "next: candle-workflow try campaign.yaml",
        "      candle-workflow run hpo campaign.yaml",
    ]
    trials = run_all(here, "campaign.yaml", "campaign-search")
    assert all(0.5 <= trial["objective"] <= 1 for trial in trials)
    assert "works" in here("try", "campaign.yaml")
    here("init", code=2)
    assert here.err.startswith("error: train.py is there already.")
    here("init", "--force")


def test_a_script_with_options(here, write, tmp_path):
    write(ARGPARSE)
    said = here("init", "script.py")
    assert [line for line in said.splitlines() if line.startswith("note: ")] == [
        "note: look at params.data: 'CHANGE-ME' is a guess",
        "note: look at params.folds: 1 is a guess",
        "note: left at their own defaults: data_dir, log_interval, no_cuda, units",
    ]
    spec = load_campaign(tmp_path / "script.yaml")
    values = spec.resolved()
    assert values["params"] == {"data": "CHANGE-ME", "epochs": 2, "folds": 1}
    assert {name: one.get("choices") or (one["low"], one["high"], one.get("log", False))
            for name, one in values["space"].items()} == {
        "learning_rate": (1e-4, 1e-2, True),
        "batch_size": [16, 32, 64],
        "dropout": (0.0, 0.6, False),
        "optimizer": ["sgd", "adam"],
        "on": ["on", "off", "1e3"],
        "augment": [None, "--augment"],
        "bias": ["--bias", "--no-bias"],
        "layers": (0, 4, False),
        "weight_decay": (1e-6, 1e-2, True),
    }  # fmt: skip
    assert (spec.objective.metric, spec.objective.mode) == ("val_accuracy", "max")
    trials = run_all(here, "script.yaml", "script-search")
    for trial in trials:
        log = here("logs", "script-search", str(trial["number"]))
        seen = json.loads(log.splitlines()[0])["args"]
        params = trial["params"]
        assert {key: seen[key] for key in params if key not in ("augment", "bias")} == {
            key: params[key] for key in params if key not in ("augment", "bias")
        }
        assert seen["augment"] == (params["augment"] is not None)
        assert seen["bias"] == (params["bias"] == "--bias")
        assert (seen["epochs"], seen["data"], seen["units"]) == (2, "CHANGE-ME", [8, 8])
        assert trial["objective"] == params["dropout"]
    assert len({json.loads(here("logs", "script-search", str(n)).splitlines()[0])["args"]["seed"]
                for n in range(3)}) == 3  # fmt: skip


def test_a_function(here, write, tmp_path):
    write(FUNCTION)
    said = here("init", "script.py")
    assert [line for line in said.splitlines() if line.startswith("note: ")] == [
        "note: look at params.depth: 1 is a guess",
        "note: look at params.epochs: 5 is a guess",
        "note: look at params.extra: 1 is a guess",
        "note: left at their own defaults: kind",
    ]
    spec = load_campaign(tmp_path / "script.yaml")
    assert spec.trainer.function == "script.py:train"
    assert list(spec.space.parameters) == ["learning_rate", "batch_size", "augment"]
    assert (spec.objective.metric, spec.objective.mode) == ("val_loss", "min")
    run_all(here, "script.yaml", "script-search")


def test_a_campaign_in_another_folder_finds_the_script(here, write, tmp_path):
    write(FUNCTION, "code/mine.py")
    here("init", "code/mine.py", "-o", "campaigns-of-mine/search one.yaml")
    spec = load_campaign(tmp_path / "campaigns-of-mine" / "search one.yaml")
    assert spec.name == "search-one-search"
    assert spec.trainer.function == "../code/mine.py:train"
    run_all(here, "campaigns-of-mine/search one.yaml", "search-one-search")


def test_keras_csv_logger_is_read(here, write, tmp_path):
    write(KERAS)
    here("init", "script.py")
    spec = load_campaign(tmp_path / "script.yaml")
    assert spec.trainer.metrics == {"csv": "training.log"}
    assert (spec.objective.metric, spec.objective.mode) == ("val_accuracy", "max")


def test_a_benchmark(here, tmp_path):
    here("init", "--benchmark", "nt3")
    spec = load_campaign(tmp_path / "nt3.yaml")
    assert spec.benchmark.name == "nt3"
    assert list(spec.space.parameters) == ["learning_rate", "batch_size", "dropout", "optimizer"]
    here("plan", "nt3.yaml")
    # each setting in a comment is one that may be set
    text = (tmp_path / "nt3.yaml").read_text()
    lines = [line.replace("  # ", "  ", 1) if line.startswith("  # ") else line
             for line in text.splitlines()]  # fmt: skip
    (tmp_path / "all.yaml").write_text("\n".join(lines) + "\n")
    here("plan", "all.yaml")
    settings = {*load_campaign(tmp_path / "all.yaml").params} | {*spec.space.parameters}
    assert settings == {*here.json("benchmarks", "describe", "nt3")["settings"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print('hello')", "it has neither argparse options nor a function train(params, context)"),
        ("def train(params, context):\n    return {'a': 1}\n", "looks up no parameter"),
        ("def train(params):\n    return params['lr']\n", "it has neither argparse options nor"),
        ("import argparse\np.add_argument('--verbose', type=int, default=1)", "(seen: verbose)"),
        ("def train(:\n", "script.py:1: is not Python: "),
    ],
)
def test_a_script_without_anything_to_search_is_refused(here, write, text, message, tmp_path):
    write(text)
    here("init", "script.py", code=2)
    assert message in here.err
    assert not (tmp_path / "script.yaml").exists()


def test_a_missing_script(here):
    here("init", "scrpt.py", code=2)
    assert here.err == "error: there is no file scrpt.py\n"


def test_the_command_can_be_asked_for(here, write, tmp_path):
    write(ARGPARSE + FUNCTION)
    here("init", "--command", "script.py")
    assert load_campaign(tmp_path / "script.yaml").trainer.command[:2] == ["python", "script.py"]
    here("init", "--force", "script.py")
    assert load_campaign(tmp_path / "script.yaml").trainer.function == "script.py:train"


# ------------------------------------------------------------------ reading


def options(write, text):
    path = write(text)
    return {option.name: option for option in read_command(path, parse(path)).options}


def test_options_are_read_as_argparse_takes_them(write):
    found = options(write, ARGPARSE)
    assert found["learning_rate"] == Option(
        "learning_rate", ("--learning-rate",), "float", 1e-3, help="step # size"
    )
    assert found["data"].required
    assert found["data"].help == "the 5% sample: where it is"
    assert found["epochs"].default == 2  # by the name of a constant
    assert found["bias"].flags == ("--bias", "--no-bias")
    assert "version" not in found


def test_what_only_running_would_tell_is_left_out(write):
    found = options(
        write,
        "p.add_argument('--' + name, type=float)\n"
        "p.add_argument('--a', default=f(), type=float)\n"
        "p.add_argument('--b', dest='c', type=my_type, default='x')\n"
        "p.add_argument(*flags)\n",
    )
    assert {name: (one.kind, one.default) for name, one in found.items()} == {
        "a": ("float", None),
        "c": ("text", "x"),
    }


def test_parameters_of_a_function_are_those_of_its_first_argument(write):
    path = write(FUNCTION + "\ndef other(config):\n    return config['not_me']\n")
    found = read_function(path, trainer_of(parse(path)))
    assert [(one.name, one.kind, one.default) for one in found.options] == [
        ("learning_rate", "float", 0.01),
        ("depth", "int", None),
        ("batch_size", "unknown", None),
        ("epochs", "int", None),
        ("augment", "bool", False),
        ("kind", "text", "plain"),
        ("extra", "unknown", None),
    ]
    assert found.metrics == ["val_loss", "accuracy", "train_loss"]


# ------------------------------------------------------------------ guessing


@pytest.mark.parametrize(
    ("option", "place", "expected"),
    [
        (
            Option("lr", kind="float", default=0.1),
            SEARCHED,
            {"low": 0.01, "high": 1.0, "log": True},
        ),
        (Option("gamma", kind="float", default=0.7), SEARCHED, {"low": 0.35, "high": 1.0}),
        (Option("momentum", kind="float", default=0.9), SEARCHED, {"low": 0.0, "high": 0.99}),
        (Option("l2", kind="float", default=0), SEARCHED, {"low": 1e-6, "high": 1e-2, "log": True}),
        (Option("shift", kind="float", default=-1.0), LEFT, None),
        (Option("layers", kind="int", default=3), SEARCHED, {"low": 1, "high": 6}),
        (Option("batch_size", kind="int", default=1), SEARCHED, {"low": 1, "high": 2}),
        (Option("optimizer", choices=("sgd",)), LEFT, None),
        (Option("optimizer", kind="unknown", required=True), SEARCHED, ["sgd", "adam"]),
        (Option("random_state", kind="int", default=3), SEED, None),
        (Option("num_workers", kind="int", default=4), LEFT, None),
        (Option("device", choices=("cpu", "cuda"), default="cpu"), LEFT, None),
        (Option("max_steps", kind="int", default=100), FIXED, 100),
        (Option("target", required=True), FIXED, "CHANGE-ME"),
        (Option("mode", choices=("a",), required=True), FIXED, "a"),
    ],
)
def test_guesses(option, place, expected):
    found = guess(option)
    assert (found.place, found.value) == (place, expected)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([], ("val_loss", "min", False)),
        (["loss", "val_auc"], ("val_auc", "max", True)),
        (["r2"], ("r2", "max", True)),
        (["test_rmse", "acc"], ("test_rmse", "min", True)),
    ],
)
def test_the_metric(metrics, expected):
    assert best_metric(metrics) == expected


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    "item",
    [
        "adam", "on", "no", "null", "true", "1e3", "0x1", "", "a b", "a: b", "#x", "-", "--lr", "é",
        "{x}", "a,b", "~", ".nan", 'quo"te', "x\ny", True, None, 3, 0.1, 1e-5, 1e20, [1, "a, b"],
        {"low": 1e-4, "log": True},
    ],
)  # fmt: skip
def test_values_read_as_they_were(item):
    read = parse_value(value(item), key="", file="")
    assert read == item
    assert type(read) is type(item)
    assert parse_value(f"[{value(item)}, x]", key="", file="") == [item, "x"]


def test_the_files_are_plain_yaml_too(here, write, tmp_path):
    write(ARGPARSE)
    here("init", "script.py")
    assert yaml.safe_load((tmp_path / "script.yaml").read_text())["name"] == "script-search"
    assert sys.executable not in (tmp_path / "script.yaml").read_text()
