"""Ctrl-C, SIGTERM and a terminal that goes away, as a shell's user meets them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from candle_workflow.folder import CampaignFolder
from candle_workflow.journal import read
from tests.unit.cli_kit import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def records(shell: Shell) -> list[dict]:
    return list(read(CampaignFolder(shell.folder / "campaigns" / "tiny").journal).records)


def dispatched(shell: Shell) -> int:
    return sum(record["k"] == "dispatched" for record in records(shell))


def start(shell: Shell, *arguments: str, trials: int = 1) -> subprocess.Popen[str]:
    """Start a campaign; return when so many trials were begun."""
    process = shell.start("run", "hpo", "tiny.yaml", *arguments)
    wait_until(lambda: dispatched(shell) >= trials or process.poll() is not None)
    return process


def test_the_second_ctrl_c_leaves_a_long_inline_trial_at_once(shell: Shell) -> None:
    process = start(shell, "--set", "params.sleep=300")
    time.sleep(0.5)  # into the trainer
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    last = records(shell)[-1]
    assert (last["k"], last["status"]) == ("closed", "interrupted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_it_after_the_trial_that_runs(shell: Shell, number: int) -> None:
    process = start(shell, "--set", "params.sleep=0.3")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    last = records(shell)[-1]
    assert (last["k"], last["status"]) == ("closed", "interrupted")
    done = shell.call("run", "hpo", "tiny.yaml", "--set", "params.sleep=0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    ends = [record for record in records(shell) if record["k"] == "ended"]
    assert sorted(record["trial"] for record in ends) == list(range(6))


def test_a_reader_that_goes_away_leaves_a_campaign_that_continues(shell: Shell) -> None:
    process = start(shell, "--set", "params.sleep=0.2")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=60)
    last = records(shell)[-1]
    assert last["k"] == "closed"
    done = shell.call("run", "hpo", "tiny.yaml", "--set", "params.sleep=0.2")
    assert done.returncode == 0, done.stdout + done.stderr
