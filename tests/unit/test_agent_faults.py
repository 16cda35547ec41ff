"""Processes that end at the worst moment, and a server that cannot be started."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from candle_workflow.model import Cause, StopReason
from tests.unit.agent_kit import Node

ISOLATIONS = ("process", "worker")
WAITS = """
import os, time
def train(params, context):
    (context.folder / "pid.new").write_text(str(os.getpid()))
    (context.folder / "pid.new").rename(context.folder / "pid")
    while not context.should_stop():
        time.sleep(0.01)
    return 1.0
"""


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_two_ends_that_are_noticed_at_once(tmp_path: Path, isolation: str) -> None:
    with Node(tmp_path, WAITS, isolation=isolation, slots=2) as node:
        node.start(0, 1, 2, 3)
        node.until(lambda: len(node.pids()) == 2)
        with node.stalled():
            for pid in reversed(node.pids()):
                kill(pid)
        ends = node.finish(2)
        assert [(end.number, end.cause) for end in ends] == [(0, Cause.LOST), (1, Cause.LOST)]
        node.until_started(3)


def test_a_stop_for_a_trial_whose_process_is_just_gone(tmp_path: Path) -> None:
    with Node(tmp_path, WAITS) as node:
        node.start(0, 1)
        node.until(node.pids)
        (pid,) = node.pids()
        server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGSTOP)  # the agent sees the line end, not yet the exit
        os.kill(pid, signal.SIGKILL)
        node.poll(0.3)
        node.stop(0, StopReason.DRAIN)
        node.poll(0.3)
        os.kill(server, signal.SIGCONT)
        (end,) = node.finish(1)
        assert (end.number, end.stopped) == (0, StopReason.DRAIN)
        node.until_started(1)


def test_a_warm_slot_that_dies_between_trials_costs_none(tmp_path: Path) -> None:
    source = """
    import os, signal, threading
    def train(params, context):
        if params["x"] == 0:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return 1.0
    """
    with Node(tmp_path, source, isolation="worker") as node:
        ends = node.run(1)
        server = node.agent._server._child.pid
        os.kill(server, signal.SIGSTOP)
        node.poll(0.5)
        node.start(1, 2)
        node.poll(0.3)
        os.kill(server, signal.SIGCONT)
        ends = node.finish(3)
    assert [(end.number, end.cause) for end in ends] == [(0, None), (1, None), (2, None)]


def test_a_signal_that_comes_after_its_trial_is_not_the_next_ones_fault(tmp_path: Path) -> None:
    source = """
    import time
    def train(params, context):
        while params["x"]:
            time.sleep(0.01)
        return 1.0
    """
    with Node(tmp_path, source, isolation="worker") as node:
        node.run(1)
        node.start(1)
        node.until_started(1)
        with node.stalled():
            node.agent._warden._signal(node.agent._places[0], signal.SIGTERM)
        ends = node.finish(2)
    assert (ends[0].cause, ends[1].cause) == (None, Cause.LOST)
    assert "too late" in ends[1].message


def test_a_drained_trial_that_fails_at_the_signal_is_given_back(tmp_path: Path) -> None:
    source = """
    import signal, sys, time
    def train(params, context):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        context.report(v=1.0)
        while True:
            time.sleep(0.01)
    """
    with Node(tmp_path, source, grace_s=0.0) as node:
        node.start(0)
        node.until(lambda: node.values(0))
        node.stop(0, StopReason.DRAIN)
        (end,) = node.finish(1)
    assert end.stopped is StopReason.DRAIN


def test_any_signal_has_a_name(tmp_path: Path) -> None:
    source = """
    import os, signal
    def train(params, context):
        os.kill(os.getpid(), signal.SIGRTMIN + params["x"])
    """
    with Node(tmp_path, source) as node:
        ends = node.run(3)
    assert [end.message.rpartition("(")[2] for end in ends] == [
        "SIGRTMIN)", "SIGRTMIN+1)", "SIGRTMIN+2)"
    ]  # fmt: skip


BROKEN = {
    "no such program": (["/no/such/python"], "No such file"),
    "another program": (["false"], "exited with code 1"),
    "without the package": ([sys.executable, "-I", "-S"], "candle_workflow"),
    "its last words": (["sh", "-c", "echo so it is >&2; exit 7"], "so it is"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_python_that_cannot_run_trials_is_an_error(tmp_path: Path, broken: str) -> None:
    python, text = BROKEN[broken]
    with Node(tmp_path, WAITS, python=python) as node:
        failure = node.agent.ready()
        assert text in failure
        assert python[0] in failure
        assert "trainer_env.python" in failure
        node.start(0)
        assert node.agent.poll(0, 0.1).failure == failure


def test_a_variable_that_no_environment_can_hold_is_an_error(tmp_path: Path) -> None:
    with Node(tmp_path, WAITS, environment={"variables": {"A=B": "c"}}) as node:
        assert "illegal environment variable name" in node.agent.ready()


def test_a_framework_that_fails_to_import_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "broken_framework.py").write_text("raise RuntimeError('not today')\n")
    variables = {"PYTHONPATH": str(tmp_path)}
    source = "def train(params, context):\n    return 1.0\n"
    with Node(
        tmp_path, source, preload="broken_framework", environment={"variables": variables}
    ) as node:
        assert node.agent.ready() == ""
        assert "not today" in node.agent.poll(0, 0).warning
        assert node.run()[0].metrics == {"v": 1.0}


def test_a_framework_that_kills_its_process_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "deadly_framework.py").write_text("import os\nos.abort()\n")
    variables = {"PYTHONPATH": str(tmp_path)}
    with Node(
        tmp_path, WAITS, preload="deadly_framework", environment={"variables": variables}
    ) as node:
        assert "SIGABRT" in node.agent.ready()


def test_files_where_it_was_started_are_not_taken_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('the wrong random')\n")
    monkeypatch.chdir(tmp_path)
    source = "def train(params, context):\n    return 1.0\n"
    with Node(tmp_path / "elsewhere", source) as node:
        assert node.agent.ready() == ""
        assert node.run()[0].cause is None


def test_nothing_is_started_while_the_controller_is_silent(tmp_path: Path) -> None:
    with Node(tmp_path, WAITS, silence_s=0.5) as node:
        node.start(0, 1)
        node.until_started(0)
        time.sleep(2.0)
        events = node.agent.poll(len(node.events), 0).events
        assert [(e.number, getattr(e, "cause", None)) for e in events] == [(0, Cause.LOST)]
        node.until_started(1)


def test_closing_ends_everything_at_once(tmp_path: Path) -> None:
    with Node(tmp_path, WAITS, slots=2) as node:
        node.start(0, 1, 2)
        node.until(lambda: len(node.pids()) == 2)
    for pid in node.pids():
        assert not Path(f"/proc/{pid}").exists()
    node.agent.close()  # again
