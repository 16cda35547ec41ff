"""Runs command lines for the tests: in this process, or as a user's shell would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from candle_workflow.cli.entry import run

TRAINER = """
import time

def train(params, context):
    print("hello from", context.number)
    for step in (1, 2):
        time.sleep(params.get("sleep", 0))
        context.report(step=step, val_loss=(params["x"] - 0.3) ** 2 / step)
    if params["x"] > params.get("limit", 1):
        raise ValueError("x is too large")
"""
CAMPAIGN = """\
name: tiny
trainer: {function: "train.py:train"}
params: {sleep: 0}
space: {x: {low: 0.0, high: 1.0}}
objective: {metric: val_loss, mode: min}
planner: {name: random, trials: 6, seed: 1}
launcher: inline
"""


class Shell:
    """A folder with a campaign, and a way to type commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "train.py").write_text(TRAINER)
        (folder / "tiny.yaml").write_text(CAMPAIGN)
        self.environment = {
            # a Python without buffers loses the rest of a write that was cut short
            **{k: v for k, v in os.environ.items() if not k.startswith(("CANDLE_", "PYTHONUNB"))},
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "120",
        }

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Make this process run as if it were started here."""
        patch.chdir(self.folder)
        for name in [name for name in os.environ if name.startswith("CANDLE_")]:
            patch.delenv(name)
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "COLUMNS"):
            patch.setenv(name, self.environment[name])

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "candle_workflow.cli", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command; output and errors come together."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )


class Here:
    """Runs commands in this process, and gives what they print."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capture.readouterr()
        got = run(arguments)
        out, self.err = self._capture.readouterr()
        assert got == code, f"exit {got}, expected {code}\n{out}\n{self.err}"
        return out

    def json(self, *arguments: str):
        return json.loads(self(*arguments, "--format", "json"))
