"""The Makefile in a fresh copy, in a folder with a space: install, run, and what it says when not.

Slow: it installs everything again.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
IGNORED = (".venv*", ".git", ".*_cache", "__pycache__", "*.egg-info", "build", "dist", "campaigns")
PYTHON_WITHOUT_ENSUREPIP = f"""#!/bin/sh
case "$1 $2 $3" in
    "-m venv --without-pip") ;;
    "-m venv "*|"-m virtualenv "*|"-m pip "*) echo "No module named ensurepip" >&2; exit 1 ;;
esac
exec "{sys.executable}" "$@"
"""


def make(folder, target, **variables):
    keep = ("PATH", "HOME", "TMPDIR", "LANG")
    environment = {k: v for k, v in os.environ.items() if k in keep or k.startswith("PIP_")}
    # what module systems leave behind must not matter
    environment |= {"PYTHON": sys.executable, "PYTHONPATH": "/nowhere", "PIP_USER": "1"}
    return subprocess.run(
        ["make", "-C", folder, target],
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "a clone"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*IGNORED))
    return folder


def test_demo_in_a_fresh_clone(clone, tmp_path):
    data = {"XDG_DATA_HOME": str(tmp_path / "data")}
    done = make(clone, "demo", **data)
    assert done.returncode == 0, done.stdout
    campaign = clone / "campaigns" / "nt3-hpo"
    assert str(campaign) in done.stdout
    assert (campaign / "report.html").is_file()
    program = [clone / ".venv" / "bin" / "candle-workflow", "results", campaign, "--format", "json"]
    shown = subprocess.run(program, capture_output=True, env=os.environ | data, check=True)
    assert [trial["state"] for trial in json.loads(shown.stdout)] == ["complete"] * 12

    again = make(clone, "venv")
    assert again.stdout.splitlines()[1:-1] == []  # but for make's own first and last line

    moved = clone.rename(tmp_path / "moved")
    done = make(moved, "venv", PIP_NO_INDEX="0")
    assert done.returncode == 0, done.stdout
    code = "import candle_workflow as w, candle_benchmarks as b; print(w.__file__, b.__file__)"
    python = moved / ".venv" / "bin" / "python"
    where = subprocess.check_output([python, "-c", code], text=True, cwd=tmp_path)
    ours = [moved / "candle_workflow" / "__init__.py", moved / "benchmarks" / "__init__.py"]
    assert where == "{} {}\n".format(*ours)


def test_pip_that_fails_is_tried_again(clone):
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone)}
    for _ in range(2):
        done = make(clone, "demo", **nothing)
        assert done.returncode != 0
        assert "pip failed" in done.stdout
        assert list((clone / ".venv").glob(".installed*")) == []


def test_a_python_that_cannot_make_environments(clone, tmp_path):
    python = tmp_path / "python without ensurepip"
    python.write_text(PYTHON_WITHOUT_ENSUREPIP)
    python.chmod(0o755)
    # an empty folder for PATH's own virtualenv, if there is one
    done = make(clone, "demo", PYTHON=str(python), PATH="/usr/bin:/bin")
    assert done.returncode != 0
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt install python{version}-venv" in done.stdout
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there(clone):
    done = make(clone, "demo", PYTHON="python3.1")
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stdout
    assert "Looked for: python3.1." in done.stdout
