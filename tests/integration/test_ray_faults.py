"""Whatever is killed: the trial is tried again, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from candle_workflow.launchers.ray import RayLauncher
from candle_workflow.model import (
    Attempt,
    Cause,
    Ended,
    Event,
    Resources,
    Started,
    StopReason,
    Workload,
)

pytestmark = pytest.mark.xdist_group("ray")

TRAINER = """
import os, subprocess, time
def waits(params, context):
    child = subprocess.Popen(["sleep", "300"])
    (context.folder / "pids").write_text(f"{os.getpid()} {child.pid}")
    while not (context.root / "go").exists() and not context.should_stop():
        time.sleep(0.01)
    child.kill()
    return {"v": float(context.attempt)}
"""


def wait_until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Run:
    """A launcher with one waiting trial in it, and what it gave so far."""

    def __init__(self, root: Path, **options: object) -> None:
        (root / "t.py").write_text(TRAINER)
        self.root = root
        trainer = {"function": "t.py:waits", "root": str(root)}
        resources = Resources(time_s=120.0)
        workload = Workload("c", str(root / "c"), trainer, resources=resources)
        self.launcher = RayLauncher(workload, slots=1, grace=2.0, **options)  # type: ignore[arg-type]
        self.events: list[Event] = []

    def until(self, kind: type, count: int = 1) -> None:
        def enough() -> bool:
            self.events += self.launcher.poll(0.2)
            return sum(isinstance(e, kind) for e in self.events) >= count

        wait_until(enough)

    def begin(self, attempt: int) -> tuple[int, int]:
        """Start an attempt; give the pids of its process and of what that started."""
        self.launcher.start([Attempt(7, attempt, {}, seed=1)])
        self.until(Started, attempt)
        path = self.root / "c" / "trials" / "7" / str(attempt) / "pids"
        wait_until(lambda: path.exists() and len(path.read_text().split()) == 2)
        pid, child = path.read_text().split()
        return int(pid), int(child)


@pytest.fixture(params=["process", "worker"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path, isolation=request.param)
    with run.launcher:
        yield run


@pytest.mark.parametrize("victim", ["child", "server", "agent"])
def test_a_killed_process_costs_one_attempt(run: Run, victim: str) -> None:
    pid, child = run.begin(1)
    server = parent(pid)
    target = {"child": pid, "server": server, "agent": parent(server)}[victim]
    os.kill(target, signal.SIGKILL)
    run.until(Ended)
    (ended,) = [e for e in run.events if isinstance(e, Ended)]
    assert (ended.number, ended.attempt, ended.cause) == (7, 1, Cause.LOST)
    assert "killed" in ended.message
    wait_until(lambda: not alive(pid))
    if victim != "server":  # what a trial itself started has no other parent than the server
        wait_until(lambda: not alive(child))
    else:
        os.kill(child, signal.SIGKILL)
    run.begin(2)
    (run.root / "go").touch()
    run.until(Ended, 2)
    last = run.events[-1]
    assert isinstance(last, Ended) and last.cause is None and last.metrics == {"v": 2.0}


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_trial_that_is_asked_to_stop_ends_and_says_why(run: Run, reason: StopReason) -> None:
    _, child = run.begin(1)
    run.launcher.stop([(7, 1), (99, 1)], reason)
    run.until(Ended)
    assert [e.stopped for e in run.events if isinstance(e, Ended)] == [reason]
    wait_until(lambda: not alive(child))


def test_leaving_the_launcher_leaves_nothing_behind(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with run.launcher:
        pid, child = run.begin(1)
        server = parent(pid)
        agent = parent(server)
    for process in (pid, child, server, agent):
        wait_until(lambda process=process: not alive(process))
    assert not list(Path("/tmp").glob(f"cwf{os.getpid()}-*"))


def marked(mark: str) -> list[int]:
    """Processes with this text in their environment."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes() and alive(int(path.parent.name)):
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids


def test_a_killed_controller_takes_everything_with_it(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text(TRAINER)
    script = (
        "import sys\n"
        "from candle_workflow.launchers.ray import RayLauncher\n"
        "from candle_workflow.model import *\n"
        "root = sys.argv[1]\n"
        "w = Workload('c', root + '/c', {'function': 't.py:waits', 'root': root})\n"
        "with RayLauncher(w, slots=1) as launcher:\n"
        "    launcher.start([Attempt(7, 1, {}, seed=1)])\n"
        "    while True: launcher.poll(1.0)\n"
    )
    mark = f"CWF_TEST_MARK={uuid.uuid4().hex}"
    name, _, value = mark.partition("=")
    controller = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, name: value}
    )
    pids = tmp_path / "c" / "trials" / "7" / "1" / "pids"
    wait_until(lambda: pids.exists() and len(marked(mark)) > 5)
    # also by their pids, in case one of them does not show its environment
    family = psutil.Process(controller.pid).children(recursive=True)
    assert any(member.name().startswith("ray::") for member in family)
    controller.kill()
    controller.wait()
    wait_until(lambda: not marked(mark))
    # left to themselves the helpers wait about a minute for a head that is gone
    wait_until(lambda: not any(alive(member.pid) for member in family), timeout_s=20)
