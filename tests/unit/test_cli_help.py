"""Help, names and start-up of the command line."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from candle_workflow._version import __version__
from candle_workflow.cli.entry import run

ROOT = Path(__file__).parents[2]
HEAVY = (
    "keras", "numpy", "optuna", "pandas", "pydantic", "ray", "rich", "sqlalchemy", "tensorflow",
    "yaml",
)  # fmt: skip


def reference():
    spec = spec_from_file_location("make_cli_reference", ROOT / "scripts/make_cli_reference.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEXTS = reference().help_texts()


def test_the_commands_are_those_of_the_contract():
    assert list(TEXTS) == [
        "", "run", "plan", "try", "list", "status", "watch", "logs", "results", "report", "resume",
        "cancel", "benchmarks", "benchmarks describe", "benchmarks list", "benchmarks run", "sites",
        "sites list", "sites show", "init",
    ]  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_help(name):
    golden = ROOT / "tests/golden/help" / f"{name.replace(' ', '-') or 'candle-workflow'}.txt"
    assert TEXTS[name] == golden.read_text(), "if this is meant: scripts/make_cli_reference.py"
    assert f"  candle-workflow {name}" in TEXTS[name].partition("Example")[2]


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/make_cli_reference.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("up to date\n", 0)


def test_what_is_shown_can_be_had_as_json():
    shown = {"run", "plan", "list", "status", "results", "benchmarks describe", "benchmarks list",
             "sites list", "sites show"}  # fmt: skip
    assert {name for name, text in TEXTS.items() if "--format" in text and "json" in text} == shown


def test_asking_for_help_imports_nothing_heavy():
    code = (
        "import sys; from candle_workflow.cli.entry import run; run(['--help']);"
        f" print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "[]\n"
    assert done.stdout.startswith("Usage: candle-workflow ")


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"candle-workflow, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn"], "there is no command 'runn'. Did you mean 'run'? Known: benchmarks, cancel,"),
        (["sites", "shaw"], "No such command 'shaw'. Did you mean 'show'?"),
        (["run", "hpo"], "Missing argument 'SPEC'"),
        (["status", "--formt", "json"], "--formt"),
        (["status", "--format", "yaml"], "'yaml' is not one of 'table', 'json'"),
        (["plan", "a", "b", "c"], "expected [KIND] SPEC, got 3 arguments"),
        (["run", "hpa", "x.yaml"], "there is no kind of campaign 'hpa'. Did you mean 'hpo'?"),
        (["init", "--command"], "--command needs a script"),
        (["results", "x", "--format", "parquet"], "name a file with -o FILE"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_code_2(arguments, message, capsys):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
