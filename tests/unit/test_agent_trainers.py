"""Trainers that mistreat their process: each trial still has its own, true outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_workflow.model import Cause
from tests.unit.agent_kit import Node

ISOLATIONS = ("process", "worker")

CLOSING = {
    "descriptors": "import os\nos.close(1)\nos.close(2)",
    "stdout": "import sys\nsys.stdout.close()\nsys.stderr.close()",
    "nothing": "import sys\nsys.stdout = sys.stderr = None",
    "elsewhere": "import os\nos.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
}


def train(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def train(params, context):\n    print('trial', params['x'])\n{lines}"


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("closing", CLOSING)
def test_output_that_is_closed_harms_no_trial(tmp_path: Path, isolation: str, closing: str) -> None:
    with Node(tmp_path, train(CLOSING[closing] + "\nreturn 1.0"), isolation=isolation) as node:
        ends = node.run(3)
    assert [(end.cause, end.metrics) for end in ends] == [(None, {"v": 1.0})] * 3
    assert [node.output(n) for n in range(3)] == ["trial 0\n", "trial 1\n", "trial 2\n"]


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_forked_child_that_returns_is_not_the_trial(tmp_path: Path, isolation: str) -> None:
    body = """
import os
pid = os.fork()
if pid == 0 and params["x"] == 1:
    raise ValueError("in the child")
if pid:
    os.waitpid(pid, 0)
return float(bool(pid))
"""
    with Node(tmp_path, train(body), isolation=isolation) as node:
        ends = node.run(3)
    assert [(end.number, end.cause, end.metrics) for end in ends] == [
        (number, None, {"v": 1.0}) for number in range(3)
    ]


def test_a_warm_slot_begins_every_trial_in_the_same_folder(tmp_path: Path) -> None:
    body = "import os\nprint(os.getcwd())\nos.chdir('/')\nreturn 1.0"
    with Node(tmp_path, train(body), isolation="worker") as node:
        node.run(3)
    folders = {node.output(n).splitlines()[1] for n in range(3)}
    assert folders == {str(Path.cwd())}


ENDS = {
    "os._exit(0)": (Cause.EXIT, "exited with code 0"),
    "os.abort()": (Cause.EXIT, "SIGABRT"),
    "sys.exit('no luck')": (Cause.EXIT, "exit code 1: no luck"),
    "raise KeyboardInterrupt": (Cause.EXIT, "exited with code 1"),
    "os.closerange(3, 100)": (Cause.EXIT, "exited with code 1"),
    "open('/no/\\udcff')": (Cause.ERROR, "FileNotFoundError"),
}


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("end", ENDS)
def test_however_it_ends_it_ends_once(tmp_path: Path, isolation: str, end: str) -> None:
    cause, text = ENDS[end]
    body = f"import os, sys\nif params['x'] == 1:\n    {end}\nreturn 1.0"
    with Node(tmp_path, train(body), isolation=isolation) as node:
        ends = node.run(3)
        node.poll()
    assert [end.number for end in node.ends] == [0, 1, 2]
    assert [end.cause for end in ends] == [None, cause, None]
    assert text in ends[1].message
    assert node.output(1).startswith("trial 1\n")


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    with Node(tmp_path, train("import os\nos.write(1, b'\\xff\\xfe\\n')\nreturn 1.0")) as node:
        node.run()
    assert node.folder.output(0, 1).read_bytes() == b"trial 0\n\xff\xfe\n"
