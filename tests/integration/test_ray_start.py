"""Starting the embedded Ray under conditions that are not ours."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from candle_workflow.errors import PluginError
from candle_workflow.launchers.ray import RayLauncher
from candle_workflow.model import Workload

pytestmark = pytest.mark.xdist_group("ray")

SPEC = """
SPEC = {
    "name": "a",
    "trainer": {"function": "candle_workflow.testing.trainers:ok"},
    "space": {"x": [1, 2, 3]},
    "objective": {"metric": "score", "mode": "max"},
    "planner": "grid",
    "launcher": {"name": "ray", "isolation": "worker", "slots": 1},
}
"""


def script(tmp_path: Path, text: str) -> subprocess.Popen[str]:
    (tmp_path / "script.py").write_text(SPEC + text)
    return subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "CANDLE_STORE": str(tmp_path / "store.db")},
    )  # fmt: skip


def test_a_ray_that_was_imported_before_takes_our_settings(tmp_path: Path) -> None:
    text = (
        "import ray, candle_workflow\n"
        "for name in 'ab':\n"
        "    result = candle_workflow.run(SPEC | {'name': name})\n"
        "    print(result.status, len(result.trials), ray.is_initialized())\n"
    )
    output, _ = script(tmp_path, text).communicate()
    assert [line for line in output.splitlines() if "done" in line] == ["done 3 False"] * 2, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_starts_ends_the_campaign_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    text = (
        "import candle_workflow, os, signal, threading\n"
        "from candle_workflow import campaign, control\n"
        "listen = control.Control.__enter__\n"
        "def enter(self):\n"
        "    given = listen(self)\n"
        f"    threading.Timer(0.5, os.kill, (os.getpid(), {int(number)})).start()\n"
        "    return given\n"
        "control.Control.__enter__ = enter\n"
        "result = candle_workflow.run(SPEC)\n"
        "print(result.status, len(result.trials))\n"
    )
    output, _ = script(tmp_path, text).communicate()
    assert output.splitlines()[-1] in ("interrupted 0", "KeyboardInterrupt"), output
    journal = "".join(p.read_text() for p in (tmp_path / "campaigns/a/journal").glob("*.jsonl"))
    assert '"status":"interrupted"' in journal


def test_a_python_without_the_package_is_an_error(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    workload = Workload(
        "a", str(tmp_path / "a"), {"function": "t.py:train", "root": str(tmp_path)},
        environment={"python": str(python)},
    )  # fmt: skip
    with pytest.raises(PluginError, match="No module named") as caught:
        RayLauncher(workload, slots=1).__enter__()
    assert str(python) in str(caught.value)
    assert "trainer_env.python" in str(caught.value)
