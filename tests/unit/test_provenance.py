"""A campaign's record of where it comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from candle_workflow.provenance import collect


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_the_users_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    assert collect(tmp_path)["git"] is None
    git(tmp_path, "init")
    (tmp_path / "train.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    clean = collect(tmp_path)["git"]
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    (tmp_path / "train.py").write_text("x = 2\n")
    dirty = collect(tmp_path)["git"]
    assert dirty == {"commit": clean["commit"], "dirty": True, "changed": [" M train.py"]}


def test_a_password_on_the_command_line_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["candle-workflow", "--store", "postgresql://ann:se:cr@t@host/db", "run"]
    monkeypatch.setattr(sys, "argv", argv)
    command = collect(tmp_path)["command"]
    assert command == ["candle-workflow", "--store", "postgresql://ann:***@host/db", "run"]


def test_versions_and_host_are_there(tmp_path: Path) -> None:
    about = collect(tmp_path)
    assert about["packages"]["candle-workflow"] and about["packages"]["numpy"]
    assert about["python"] == ".".join(map(str, sys.version_info[:3]))
    assert about["host"] and about["cores"] >= 1
