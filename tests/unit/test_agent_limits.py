"""What a trial may use, and how it is ended when it uses more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from candle_workflow.model import Cause, StopReason
from tests.unit.agent_kit import Node

ISOLATIONS = ("process", "worker")


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_trial_that_eats_memory_ends_alone(tmp_path: Path, isolation: str) -> None:
    source = """
    import time
    def train(params, context):
        held = []
        while params["x"] == 0:
            held.append(bytearray(b"x" * 50_000_000))
            time.sleep(0.01)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            time.sleep(0.01)
        return 1.0
    """
    with Node(tmp_path, source, isolation=isolation, slots=2, memory_gb=0.3) as node:
        ends = node.run(3)
    assert [end.cause for end in ends] == [Cause.OOM, None, None]
    assert "resources.memory (0.3 GB)" in ends[0].message


def test_what_a_trial_starts_counts_as_its_own_memory(tmp_path: Path) -> None:
    source = """
    import subprocess, sys
    def train(params, context):
        subprocess.run([sys.executable, "-c", "x = bytearray(b'x' * 500_000_000); input()"])
    """
    with Node(tmp_path, source, memory_gb=0.3) as node:
        assert node.run()[0].cause is Cause.OOM


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_each_trial_of_a_slot_has_its_own_time(tmp_path: Path, isolation: str) -> None:
    source = """
    import time
    def train(params, context):
        until = time.monotonic() + params["x"]
        while time.monotonic() < until:
            time.sleep(0.01)
        return 1.0
    """
    with Node(tmp_path, source, isolation=isolation, grace_s=0.0, time_s=1.0) as node:
        node.start(*[0] * 4 + [60] + [0] * 4)
        node.until(lambda: len(node.ends) == 9)
    assert [end.cause for end in node.ends] == [None] * 4 + [Cause.TIMEOUT] + [None] * 4
    assert "resources.time (1 s)" in node.ends[4].message


def test_who_ignores_the_first_signal_gets_the_second(tmp_path: Path) -> None:
    source = """
    import signal, time
    def train(params, context):
        signal.signal(signal.SIGTERM, lambda *_: print("not me"))
        while True:
            time.sleep(0.01)
    """
    with Node(tmp_path, source, isolation="worker", grace_s=0.0, time_s=0.2) as node:
        (end,) = node.run()
    assert end.cause is Cause.TIMEOUT
    assert node.output(0) == "not me\n"


def test_a_trial_knows_how_much_time_it_has(tmp_path: Path) -> None:
    source = """
    import time
    def train(params, context):
        assert 0 < context.time_left() <= 0.3
        while not context.should_stop():
            time.sleep(0.01)
        return context.time_left() <= 0 and 2.0
    """
    with Node(tmp_path, source, time_s=0.3) as node:
        assert node.run()[0].metrics == {"v": 2.0}


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("reason", list(StopReason))
def test_a_stop_ends_what_runs_and_what_waits(
    tmp_path: Path, isolation: str, reason: StopReason
) -> None:
    source = """
    import time
    def train(params, context):
        while not context.should_stop():
            time.sleep(0.01)
        return 1.0
    """
    with Node(tmp_path, source, isolation=isolation) as node:
        node.start(0, 1, 2)
        node.until_started(0)
        for number in (0, 2):
            node.stop(number, reason)
        node.until_started(1)
        node.stop(1, reason)
        ends = node.finish(3)
    assert [end.stopped for end in ends] == [reason] * 3


def test_stopping_very_many_that_wait_takes_no_time(tmp_path: Path) -> None:
    source = "import time\ndef train(params, context):\n    time.sleep(300)\n"
    many = 50_000
    with Node(tmp_path, source) as node:
        node.start(*range(many))
        node.until_started(0)
        begun = time.monotonic()
        node.agent.stop(1, [(number, 1) for number in range(many)], StopReason.CANCEL)
        node.finish(many)
        assert time.monotonic() - begun < 30  # one look at each for each would take minutes
    assert {end.stopped for end in node.ends} == {StopReason.CANCEL}


@pytest.mark.parametrize(("gpus", "seen"), [(0, ""), ("auto", "what was there")])
def test_a_trial_that_wants_no_gpu_sees_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: float | str, seen: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "what was there")
    source = """
    import os
    def train(params, context):
        print(os.environ["CUDA_VISIBLE_DEVICES"])
        return 1.0
    """
    with Node(tmp_path, source, gpus=gpus) as node:
        node.run()
    assert node.output(0) == f"{seen}\n"
