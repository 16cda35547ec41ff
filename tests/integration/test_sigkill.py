"""Controllers killed at random moments: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from candle_workflow.journal import read

CONTROLLER = Path(__file__).with_name("sigkill_controller.py")
TRAINER = """
def train(params, context):
    context.report(value=1.0)
    return {"value": params["x"]}
"""


class Campaign:
    """One campaign whose controllers are killed; remembers what they acknowledged."""

    def __init__(self, root: Path, launcher: str) -> None:
        self.root, self.launcher = root, launcher
        self.directory = root / "campaigns" / "killed" / "journal"
        self.ended: dict[int, dict] = {}
        (root / "train.py").write_text(TRAINER)

    def begin(self, trials: int) -> subprocess.Popen[bytes]:
        argv = [sys.executable, str(CONTROLLER), str(self.root), self.launcher, str(trials)]
        environment = {**os.environ, "CANDLE_CAMPAIGNS": str(self.root / "campaigns")}
        return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE)

    def kill_after(self, delay_s: float, *, working: bool) -> int:
        """Run a controller, kill it; give how many results it said were acknowledged.

        ``working`` counts the delay from its first result, else from its first record.
        """
        controller = self.begin(10**6)
        assert controller.stdout is not None
        assert controller.stdout.readline() == b"begun\n"
        first = controller.stdout.readline() if working else b""
        time.sleep(delay_s)
        controller.send_signal(signal.SIGKILL)
        said = (first + controller.stdout.read()).split()
        assert controller.wait() == -signal.SIGKILL
        return int(said[-1]) if said else 0

    def check(self, acknowledged: int) -> None:
        """What is recorded as ended is at least what was said, and what was there before."""
        ended: dict[int, dict] = {}
        for record in read(self.directory).records:
            if record["k"] == "ended":
                assert record["trial"] not in ended, "a trial ended twice"
                ended[record["trial"]] = record
        assert len(ended) >= acknowledged
        assert {number: ended[number] for number in self.ended} == self.ended
        self.ended = ended

    def finish(self) -> None:
        asked = sum(record["k"] == "asked" for record in read(self.directory).records)
        controller = self.begin(asked + 20)
        output, _ = controller.communicate(timeout=300)
        assert output.split()[-1] == b"done"
        self.check(asked + 20)
        assert sorted(self.ended) == list(range(asked + 20))
        assert {record["state"] for record in self.ended.values()} == {"complete"}


def run_and_kill(root: Path, launcher: str, kills: int) -> None:
    campaign = Campaign(root, launcher)
    moments = random.Random(17)
    for number in range(kills):
        # every third while it starts, the others while trials run
        working = number % 3 != 2
        delay_s = moments.uniform(0.0, 0.25 if working or launcher == "inline" else 5.0)
        campaign.check(campaign.kill_after(delay_s, working=working))
    assert len(campaign.ended) > kills, "the kills came before anything ran"
    campaign.finish()


def test_inline_controllers_killed_20_times(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "inline", 20)


@pytest.mark.xdist_group("ray")
def test_ray_controllers_killed_3_times(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "ray", 3)


@pytest.mark.slow
def test_inline_controllers_killed_450_times(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "inline", 450)


@pytest.mark.slow
def test_ray_controllers_killed_50_times(tmp_path: Path) -> None:
    run_and_kill(tmp_path, "ray", 50)


def test_a_frozen_controller_stops_when_it_wakes_and_damages_nothing(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, "inline")
    frozen = campaign.begin(10**6)
    assert frozen.stdout is not None
    while frozen.stdout.readline() in (b"begun\n", b""):
        pass
    frozen.send_signal(signal.SIGSTOP)

    refused = campaign.begin(10**6)
    output, _ = refused.communicate(timeout=60)
    assert refused.returncode != 0 and output == b"", "the second controller is refused"

    script = CONTROLLER.read_text().replace("on_begin=tell", "take_over=True, on_begin=tell")
    (tmp_path / "taker.py").write_text(script)
    asked = sum(record["k"] == "asked" for record in read(campaign.directory).records)
    taker = subprocess.run(
        [sys.executable, str(tmp_path / "taker.py"), str(tmp_path), "inline", str(asked + 30)],
        env={**os.environ, "CANDLE_CAMPAIGNS": str(tmp_path / "campaigns")},
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert taker.stdout.split()[-1] == b"done", taker.stderr
    before = list(read(campaign.directory).records)

    frozen.send_signal(signal.SIGCONT)
    frozen.communicate(timeout=60)
    assert frozen.returncode == 1  # Python's own for an exception: EpochHeld
    reading = read(campaign.directory)
    assert list(reading.records) == before
    campaign.check(asked + 30)
    assert sorted(campaign.ended) == list(range(asked + 30))
