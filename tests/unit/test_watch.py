"""What trials use of a node's memory, and how much is left."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_workflow.trainers import process, watch

FAMILY = """
import os, sys
held = bytearray(30_000_000)
for depth in range(2):
    if os.fork():
        break
    held += bytearray(30_000_000)
print(depth, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[int]:
    """A process of 30 MB, its child of 60 MB and that one's child of 90 MB."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", FAMILY], **pipes) as child:
        for _ in range(3):
            child.stdout.readline()
        yield child.pid
        child.stdin.close()


def test_memory_is_that_of_all_descendants(family: int) -> None:
    (child,) = process.children(family)
    (grandchild,) = process.children(child)
    sizes = [watch.memory_gb(pid) for pid in (family, child, grandchild)]
    assert sizes[0] > sizes[1] > sizes[2] >= 0.08
    assert 0.18 <= sizes[0] < 0.4


def test_a_process_that_is_gone_uses_nothing(family: int) -> None:
    assert watch.memory_gb(1 << 22 | 12345) == 0
    assert process.children(1 << 22 | 12345) == []


def test_shared_memory_is_not_counted() -> None:
    before = watch.memory_gb(os.getpid())
    with mmap.mmap(-1, 100_000_000) as shared:  # anonymous and shared
        for page in range(0, len(shared), 4096):
            shared[page] = 1
        assert watch.memory_gb(os.getpid()) - before < 0.05


def test_children_of_every_thread_are_found() -> None:
    source = (
        "import subprocess, threading, time\n"
        "def start():\n"
        "    global child\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    print(child.pid, flush=True)\n"
        "    input()\n"
        "    child.kill()\n"
        "threading.Thread(target=start).start()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", source], **pipes) as parent:
        pid = int(parent.stdout.readline())
        assert process.children(parent.pid) == [pid]
        parent.communicate(b"\n")


def group(path: Path, limit: str, current: int, cache: int = 0) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "memory.max").write_text(f"{limit}\n")
    (path / "memory.current").write_text(f"{current}\n")
    (path / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")


def test_every_group_around_us_counts(tmp_path: Path) -> None:
    group(tmp_path / "job", "1000", 900, cache=300)
    group(tmp_path / "job" / "step", "max", 900)
    group(tmp_path / "job" / "step" / "task", "800", 100)
    group(tmp_path / "another job", "10", 10)
    found = watch.control_groups("/job/step/task", tmp_path)
    assert list(found) == [(800, 100), (1000, 600)]


@pytest.mark.parametrize("name", ["", "/", "/not/there", "/../.."])
def test_no_group_no_limit(tmp_path: Path, name: str) -> None:
    assert list(watch.control_groups(name, tmp_path)) == []


def test_this_machine_answers() -> None:
    assert watch.memory_is_short() in (True, False)
    assert watch.kernel_kills() >= 0
