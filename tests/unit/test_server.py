"""The process that starts trials: what it answers when it cannot, and whether forking works."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from candle_workflow.trainers import server
from candle_workflow.trainers.wire import Line


def test_a_node_that_is_full_refuses_one_trial_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    agent, it = Line(ours), server.Server(theirs)
    reading, writing = os.pipe()
    it._descriptors = [reading, writing]

    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    it._start(7, True, {}, ())
    ((kind, slot, why),) = agent.receive()
    assert (kind, slot) == ("refused", 7)
    assert "temporarily unavailable" in why
    for descriptor in (reading, writing):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("x = 1", ""),
        ("import no_such_module", "no_such_module"),
        ("raise RuntimeError('not today')", "not today"),
        (THREAD, "2 threads"),
    ],
)
def test_what_cannot_be_preloaded_is_said(tmp_path: Path, source: str, warning: str) -> None:
    (tmp_path / "framework.py").write_text(source + "\n")
    script = "from candle_workflow.trainers import server\nprint(server._preload('framework'))\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert warning in done.stdout
    assert bool(done.stdout.strip()) == bool(warning)


def test_a_child_that_hangs_is_given_up() -> None:
    pid = os.fork()
    if pid == 0:
        while True:
            time.sleep(1)
    assert server._wait(pid, 0.1) is None
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
