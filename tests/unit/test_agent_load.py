"""Trials that print, report or receive too much: nobody else waits, and limits hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_workflow.model import Cause, StopReason
from tests.unit.agent_kit import Node

FLOODS = {
    "lines": "while True: os.write(1, line)",
    "no line break": "while True: os.write(1, b'x' * 65536)",
    "carriage returns": "while True: os.write(1, b'10 %\\r' * 9999)",
    "reports": "while True: context.report(v=1.0)",
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_holds_up_nobody_and_can_be_ended(tmp_path: Path, flood: str) -> None:
    source = f"""
    import os
    def train(params, context):
        line = b"x" * 1000 + b"\\n"
        if params["x"] == 0:
            {FLOODS[flood]}
        return 1.0
    """
    with Node(tmp_path, source, slots=2) as node:
        node.start(0)
        node.until_started(0)
        node.start(1, 2, 3)
        ends = node.finish(3)
        assert [(end.number, end.cause) for end in ends] == [(1, None), (2, None), (3, None)]
        node.stop(0)
        node.finish(4)
    assert (node.ends[3].number, node.ends[3].stopped) == (0, StopReason.CANCEL)


def test_a_flood_passes_its_time_limit_like_any_other(tmp_path: Path) -> None:
    source = "import os\ndef train(params, context):\n    while True: os.write(1, b'x' * 65536)\n"
    with Node(tmp_path, source, grace_s=0.0, time_s=0.2) as node:
        assert node.run()[0].cause is Cause.TIMEOUT


def test_a_flood_from_what_a_trial_left_behind_holds_up_nobody(tmp_path: Path) -> None:
    source = """
    import os
    def train(params, context):
        print("mine", params["x"])
        if params["x"] == 0 and os.fork() == 0:
            os.setsid()
            while True:
                os.write(1, b"not mine")
        if params["x"] == 0:
            os._exit(3)
        return 1.0
    """
    with Node(tmp_path, source) as node:
        ends = node.run(2)
        assert [end.cause for end in ends] == [Cause.EXIT, None]
        assert node.output(1) == "mine 1\n"


def test_many_slots_at_once(tmp_path: Path) -> None:
    with Node(tmp_path, "def train(params, context):\n    return 1.0\n", slots=300) as node:
        ends = node.run(300)
    assert [end.number for end in ends] == list(range(300))
    assert {end.cause for end in ends} == {None}


def test_output_that_cannot_be_kept_is_said_and_costs_no_trial(tmp_path: Path) -> None:
    source = "def train(params, context):\n    print('hello')\n    return 1.0\n"
    with Node(tmp_path, source) as node:
        node.folder.path.mkdir()
        node.folder.trials.write_text("a file where a folder should be")
        ends = node.run(3)
        reply = node.agent.poll(len(node.events), 0)
    assert [end.metrics for end in ends] == [{"v": 1.0}] * 3
    assert "output.log" in reply.warning
    assert "Not a directory" in reply.warning or "File exists" in reply.warning


def test_a_stop_finds_a_trial_that_waits_behind_another_in_a_warm_slot(tmp_path: Path) -> None:
    source = """
    import time
    def train(params, context):
        until = time.monotonic() + (1.0 if params["x"] == 40 else 300 if params["x"] > 40 else 0)
        while time.monotonic() < until:
            time.sleep(0.01)  # it never asks whether it should stop
        return 1.0
    """
    with Node(tmp_path, source, isolation="worker", grace_s=30.0) as node:
        node.start(*range(60))
        node.until_started(40)
        for number in range(40, 60):
            node.stop(number, StopReason.DRAIN)
        ends = node.finish(60)
    assert [end.stopped for end in ends[:40]] == [None] * 40
    assert ends[40].metrics == {"v": 1.0}
    assert [end.stopped for end in ends[41:]] == [StopReason.DRAIN] * 19
