"""A kill leaves a prefix of the journal: going on from any prefix loses and doubles nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_workflow.journal import read
from candle_workflow.model import Cause

from .engine_kit import Kit, finished_once, suggested

FAULTS = {"error": 0.05, "lost": 0.05, "nan": 0.03, "oom": 0.02}
LAUNCHER = {"slots": 4, "steps": 2, "seconds": {"low": 5.0, "high": 90.0}, "faults": FAULTS}
GRID = {"lr": [0.1, 0.01, 0.001], "units": {"low": 1, "high": 9}, "optimizer": ["sgd", "adam"],
        "momentum": [0.0, 0.5, 0.9, 0.99]}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of syncs are not what is tested here."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


def kit(directory: Path, planner: str, trials: int) -> Kit:
    made = Kit(directory, planner=planner, trials=trials, launcher=LAUNCHER)
    made.retries = {Cause.LOST: 50}
    if planner == "grid":
        made.space = GRID
    if planner == "listed":
        table = directory.parent / "list.csv"
        table.parent.mkdir(parents=True, exist_ok=True)
        lines = (f"{(n + 1) / 2500},{8 + n % 50}\n" for n in range(trials))
        table.write_text("lr,units\n" + "".join(lines))
        made.options = {"file": str(table)}
    return made


def recorded(folder: Path, planner: str, trials: int) -> Kit:
    made = kit(folder / "campaign" / "journal", planner, trials)
    made.run()
    return made


def boundaries(directory: Path) -> tuple[Path, list[int]]:
    """The only segment, and the end of each of its lines."""
    (path,) = directory.glob("*.jsonl")
    ends, offset = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        offset += len(line)
        ends.append(offset)
    return path, ends


def prefixes(made: Kit, folder: Path, cuts: list[int]) -> Iterator[tuple[int, Kit]]:
    """Yield a kit on a copy of the journal, cut at each of these bytes."""
    path, _ = boundaries(made.directory)
    whole = path.read_bytes()
    claim = next(made.directory.glob("*.claim")).read_bytes().replace(b'"began": "', b'"began": "x')
    for cut in cuts:
        target = folder / "cut" / "journal"
        shutil.rmtree(target.parent, ignore_errors=True)
        target.mkdir(parents=True)
        (target / path.name).write_bytes(whole[:cut])
        # its holder is dead: a process of this number that began at another time
        (target / "000001.claim").write_bytes(claim)
        resumed = kit(target, made.planner, made.trials)
        resumed.options = made.options
        yield cut, resumed


def check_resumes(made: Kit, folder: Path, cuts: list[int], *, same: bool) -> None:
    original = suggested(made.verify().trials)
    for cut, resumed in prefixes(made, folder, cuts):
        before = finished_once(resumed.directory)
        verdict, history = resumed.run()
        assert verdict.status == "done", cut
        after = finished_once(resumed.directory)
        assert sorted(after) == list(range(made.trials)), cut
        assert {number: after[number] for number in before} == before, cut
        if same:
            assert suggested(history.trials) == original, cut


@pytest.mark.parametrize("planner", ["random", "grid", "listed"])
def test_from_every_record_boundary(planner: str, folder: Path) -> None:
    made = recorded(folder, planner, 200)
    _, ends = boundaries(made.directory)
    assert len(ends) > 1000
    # every boundary of the campaign's beginning and end, every ninth between
    cuts = [0, *ends[:40], *ends[40:-40:9], *ends[-40:]]
    check_resumes(made, folder, cuts, same=True)


def test_from_every_byte_of_the_last_record(folder: Path) -> None:
    made = recorded(folder, "random", 200)
    _, ends = boundaries(made.directory)
    check_resumes(made, folder, list(range(ends[-3], ends[-1] + 1)), same=True)


def test_tpe_from_record_boundaries(folder: Path) -> None:
    made = recorded(folder, "tpe", 60)
    _, ends = boundaries(made.directory)
    original = made.verify()
    for cut, resumed in prefixes(made, folder, ends[5::40]):
        known = suggested(resumed.verify().trials)
        assert known == suggested(original.trials)[: len(known)], cut
        resumed.run()
        assert sorted(finished_once(resumed.directory)) == list(range(60)), cut
        resumed.verify()


@pytest.mark.slow
@pytest.mark.parametrize("planner", ["random", "grid", "listed"])
def test_from_really_every_record_boundary(planner: str, folder: Path) -> None:
    made = recorded(folder, planner, 200)
    _, ends = boundaries(made.directory)
    check_resumes(made, folder, [0, *ends], same=True)


@pytest.mark.parametrize("planner", ["random", "tpe"])
def test_a_chain_of_many_short_runs_is_one_campaign(planner: str, folder: Path) -> None:
    made = kit(folder / "campaign" / "journal", planner, 60)
    for turn in range(400):
        left = iter([None] * (2 + turn % 5) + ["interrupted", "now"] * 1000)
        verdict, _ = made.run(stop_asked=lambda left=left: next(left))
        if verdict.status == "done":
            break
    assert verdict.status == "done"
    assert sorted(finished_once(made.directory)) == list(range(60))
    made.verify()
    assert not read(made.directory).damage
