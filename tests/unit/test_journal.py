"""The journal: what was acknowledged is there, what was not is named, nobody writes twice."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_workflow.epochs import Holder, claim_path, holder_of, newest_epoch
from candle_workflow.errors import EpochHeld, JournalDamaged, StoreError
from candle_workflow.journal import Journal, read


def begun(directory: Path, **options: bool) -> Journal:
    """Claim, read and begin, as a controller does."""
    journal = Journal.claim(directory, **options)
    reading = read(directory)
    list(reading.records)
    journal.begin(reading)
    return journal


def kinds(directory: Path) -> list[str]:
    return [record["k"] for record in read(directory).records]


def close(journal: Journal) -> None:
    journal.append("closed", status="done", message="")
    journal.commit()
    journal.close()


def segment(directory: Path, epoch: int) -> Path:
    (path,) = directory.glob(f"{epoch:06d}-*.jsonl")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "hard 'name\" ü" / "journal"


def test_committed_records_come_back_in_order_with_their_numbers(directory: Path) -> None:
    journal = begun(directory)
    for number in range(5):
        assert journal.append("asked", trial=number, params={"lr": 1.5e-05}) == number + 1
    journal.commit()
    records = list(read(directory).records)
    assert [r["s"] for r in records] == list(range(6))
    assert [r["k"] for r in records] == ["opened"] + ["asked"] * 5
    assert records[1]["params"] == {"lr": 1.5e-05}


def test_records_that_were_not_committed_are_not_there(directory: Path) -> None:
    journal = begun(directory)
    journal.append("asked", trial=0, params={})
    assert kinds(directory) == ["opened"]


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name not in ("s", "t", "k")),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_body_survives(tmp_path_factory: pytest.TempPathFactory, body: dict) -> None:
    directory = tmp_path_factory.mktemp("journal")
    journal = begun(directory)
    journal.append_at(1.0, "x", body)
    journal.commit()
    journal.close()
    *_, record = read(directory).records
    for key, value in body.items():
        if isinstance(value, float) and math.isnan(value):
            assert math.isnan(record[key])
        else:
            assert record[key] == value and type(record[key]) is type(value)


def test_text_that_no_encoding_holds_does_not_stop_the_journal(directory: Path) -> None:
    journal = begun(directory)
    journal.append("ended", message="half \ud83d a character", metrics={"\udcff": 1.0})
    journal.commit()
    record = list(read(directory).records)[-1]
    assert (record["message"], record["metrics"]) == ("half ? a character", {"?": 1.0})


def test_every_line_is_json(directory: Path) -> None:
    close(begun(directory))
    for line in segment(directory, 1).read_text().splitlines():
        assert json.loads(line)["k"] in ("opened", "closed", "commit")


# ------------------------------------------------------------------ damage


def recorded(directory: Path) -> list[int]:
    """Write a journal of several groups; give the offset of each group's end."""
    journal = begun(directory)
    path = segment(directory, 1)
    ends = [path.stat().st_size]
    for number in range(4):
        journal.append("asked", trial=number, params={"x": number})
        journal.append("dispatched", trial=number, attempt=1)
        journal.commit()
        ends.append(path.stat().st_size)
    journal.close()
    return ends


def test_a_journal_cut_at_any_byte_is_a_prefix_of_its_groups(directory: Path) -> None:
    ends = recorded(directory)
    path = segment(directory, 1)
    whole = path.read_bytes()
    for size in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:size])
        reading = read(directory)
        groups = sum(end <= size for end in ends) - 1
        assert len(list(reading.records)) == 1 + 2 * groups
        assert bool(reading.damage) == (size not in ends)


def test_a_flipped_bit_is_never_silent(directory: Path) -> None:
    recorded(directory)
    path = segment(directory, 1)
    whole = path.read_bytes()
    total = len(list(read(directory).records))
    last_commit = whole.rstrip().rindex(b"\n")  # damage from here on: nothing was acknowledged
    for position in range(0, len(whole), 3):
        broken = bytearray(whole)
        broken[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(broken))
        try:
            reading = read(directory)
            count = len(list(reading.records))
        except JournalDamaged as error:
            assert str(path) in str(error)
            assert position < last_commit
        else:
            assert count < total and reading.damage, f"byte {position} changed unnoticed"
            assert position >= last_commit


def test_a_segment_that_was_sealed_must_be_whole(directory: Path) -> None:
    close(begun(directory))
    close(begun(directory))
    path = segment(directory, 1)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(JournalDamaged, match="sealed it at"):
        list(read(directory).records)


def test_a_missing_segment_is_named(directory: Path) -> None:
    close(begun(directory))
    close(begun(directory))
    path = segment(directory, 1)
    path.unlink()
    with pytest.raises(JournalDamaged, match=path.name):
        list(read(directory).records)


# ------------------------------------------------------------------ epochs


def test_a_second_controller_is_refused_while_the_first_lives(directory: Path) -> None:
    journal = begun(directory)
    with pytest.raises(EpochHeld, match=f"process {os.getpid()} on"):
        Journal.claim(directory)
    close(journal)
    close(begun(directory))
    assert kinds(directory) == ["opened", "closed", "opened", "closed"]


def test_a_dead_controller_needs_no_permission(directory: Path) -> None:
    script = (
        "import sys, os, pathlib; from candle_workflow.journal import Journal, read\n"
        "d = pathlib.Path(sys.argv[1]); j = Journal.claim(d); r = read(d); list(r.records)\n"
        "j.begin(r); j.append('asked', trial=0, params={}); j.commit()\n"
        "j.append('asked', trial=1, params={}); os.write(j._file, j._lines[0][:-9])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(directory)], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = begun(directory)
    assert journal.epoch == 2
    reading = read(directory)
    assert [r["k"] for r in reading.records] == ["opened", "asked", "opened"]
    assert "do not count" in reading.damage[0]


def test_a_claim_that_cannot_be_read_is_not_taken_for_dead(directory: Path) -> None:
    directory.mkdir(parents=True)
    claim_path(directory, 1).write_text("{")
    with pytest.raises(EpochHeld, match="unreadable claim"):
        Journal.claim(directory)
    assert begun(directory, take_over=True).epoch == 2


def test_a_holder_on_another_host_is_never_taken_for_dead() -> None:
    here = Holder.this_process()
    elsewhere = Holder("another-host", here.boot, here.namespace, 1, "1", 0.0)
    assert not elsewhere.is_gone()
    assert not here.is_gone()
    rebooted = Holder(here.host, "another boot", here.namespace, here.pid, here.began, 0.0)
    assert rebooted.is_gone()
    reused = Holder(here.host, here.boot, here.namespace, here.pid, "0", 0.0)
    assert reused.is_gone()


def test_what_a_replaced_controller_writes_does_not_count(directory: Path) -> None:
    frozen = begun(directory)
    frozen.append("asked", trial=0, params={})
    frozen.commit()
    frozen.append("asked", trial=1, params={})
    newer = begun(directory, take_over=True)
    with pytest.raises(EpochHeld, match="taken over"):
        frozen.commit()
    # it was past its look at the claims when it froze: the write itself still happens
    frozen._write_group()
    newer.append("asked", trial=1, params={"x": 2})
    newer.commit()
    reading = read(directory)
    assert [(r["k"], r.get("params")) for r in reading.records] == [
        ("opened", None), ("asked", {}), ("opened", None), ("asked", {"x": 2}),
    ]  # fmt: skip
    assert "had been replaced" in reading.damage[0]


def test_a_controller_that_froze_before_its_first_record_does_not_count(directory: Path) -> None:
    close(begun(directory))
    frozen = Journal.claim(directory)
    stale = read(directory)
    list(stale.records)
    close(begun(directory, take_over=True))
    frozen._lines.clear()
    with pytest.raises(EpochHeld):
        frozen.begin(stale)
    frozen._write_group()
    assert kinds(directory) == ["opened", "closed"] * 2


def test_two_claims_at_once_have_one_winner(directory: Path) -> None:
    directory.mkdir(parents=True)
    script = (
        "import sys, pathlib; from candle_workflow.journal import Journal\n"
        "from candle_workflow.errors import EpochHeld\n"
        "sys.stdin.readline()\n"
        "try: Journal.claim(pathlib.Path(sys.argv[1]), take_over=True); print('won')\n"
        "except EpochHeld: print('lost')\n"
        "sys.stdin.readline()\n"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", script, str(directory)], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("\n")
        racer.stdin.flush()
    results = [racer.communicate("\n")[0].strip() for racer in racers]
    assert newest_epoch(directory) == results.count("won") >= 1
    assert all(holder_of(claim_path(directory, n + 1)) for n in range(results.count("won")))


# ------------------------------------------------------------------ writing fails


def test_a_failed_write_goes_on_in_a_new_segment(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begun(directory)
    journal.append("asked", trial=0, params={})
    journal.commit()
    journal.append("asked", trial=1, params={"x": 1})
    failures = [OSError(5, "Input/output error")]

    def failing_sync(descriptor: int, sync: object = os.fsync) -> None:
        if failures:
            raise failures.pop()
        sync(descriptor)  # type: ignore[operator]

    monkeypatch.setattr(os, "fsync", failing_sync)
    journal.commit()
    journal.append("asked", trial=2, params={})
    journal.commit()
    assert [(r["k"], r.get("trial")) for r in read(directory).records] == [
        ("opened", None), ("asked", 0), ("opened", None), ("asked", 1), ("asked", 2),
    ]  # fmt: skip
    assert journal.epoch == 2


def test_a_full_disk_is_an_error_that_says_so(directory: Path) -> None:
    journal = begun(directory)
    assert journal._file is not None
    os.close(journal._file)
    journal._file = os.open("/dev/full", os.O_WRONLY)
    segment(directory, 1).parent.chmod(0o500)
    journal.append("asked", trial=0, params={})
    try:
        if os.geteuid() == 0:  # root writes everywhere: the new segment then takes the group
            journal.commit()
            assert kinds(directory)[-1] == "asked"
        else:
            with pytest.raises(StoreError, match="No space left"):
                journal.commit()
    finally:
        segment(directory, 1).parent.chmod(0o700)


@pytest.mark.parametrize("kept", [0, 20, None])
def test_a_write_that_was_interrupted_is_written_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch, kept: int | None
) -> None:
    journal = begun(directory)
    journal.append("asked", trial=0, params={})

    def interrupted(descriptor: int, data: bytes, write: object = os.write) -> int:
        write(descriptor, data[:kept])  # type: ignore[operator]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "write", interrupted)
        journal.commit()
    journal.append("asked", trial=1, params={})
    close(journal)
    reading = read(directory)
    records = list(reading.records)
    assert [(r["k"], r.get("trial")) for r in records] == [
        ("opened", None), ("opened", None), ("asked", 0), ("asked", 1), ("closed", None),
    ]  # fmt: skip
    assert [r["s"] for r in records] == list(range(5))
    assert len(reading.damage) == (kept != 0)


def test_records_wait_in_memory_until_the_disk_has_room(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begun(directory)
    journal.append("asked", trial=0, params={})
    journal.commit()

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    for name in ("write", "link", "write"):  # the segment, the next claim, its segment
        journal.append("asked", trial=journal.next_seq, params={})
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            patch.setattr(os, name, full)
            with pytest.raises(StoreError, match="Make room"):
                journal.commit()
    journal.append("asked", trial=journal.next_seq, params={})
    close(journal)
    records = list(read(directory).records)
    assert [r["trial"] for r in records if r["k"] == "asked"] == [0, 2, 3, 4, 5]
    assert [r["s"] for r in records] == list(range(len(records)))
    assert kinds(directory).count("opened") == 2


def test_a_journal_that_was_deleted_is_noticed(directory: Path) -> None:
    journal = begun(directory)
    shutil.rmtree(directory)
    journal.append("asked", trial=0, params={})
    with pytest.raises(StoreError, match="was deleted"):
        journal.commit()


def test_a_forked_copy_of_the_controller_writes_nothing(directory: Path) -> None:
    journal = begun(directory)
    journal.append("asked", trial=0, params={})
    child = os.fork()
    if child == 0:
        try:
            journal.commit()
        except EpochHeld:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    journal.commit()
    assert kinds(directory) == ["opened", "asked"]


def test_an_epoch_that_was_let_go_of_is_free(directory: Path) -> None:
    journal = Journal.claim(directory)
    with pytest.raises(EpochHeld):
        Journal.claim(directory)
    journal.release()
    assert begun(directory).epoch == 2
    assert kinds(directory) == ["opened"]


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "journal", tmp_path / ("x" * 300)):
        with pytest.raises(StoreError, match="cannot be written"):
            Journal.claim(path)


def test_a_segment_that_cannot_be_made_is_named(directory: Path) -> None:
    journal = Journal.claim(directory)
    reading = read(directory)
    shutil.rmtree(directory)
    with pytest.raises(StoreError, match="cannot be written"):
        journal.begin(reading)
    assert not journal.begun


# ------------------------------------------------------------------ cursors


def test_a_cursor_continues_where_it_stopped(directory: Path) -> None:
    journal = begun(directory)
    first = read(directory)
    assert [r["k"] for r in first.records] == ["opened"]
    journal.append("asked", trial=0, params={})
    journal.commit()
    second = read(directory, after=first.cursor)
    assert [r["k"] for r in second.records] == ["asked"] and not second.restarted
    close(journal)
    close(begun(directory))
    third = read(directory, after=second.cursor)
    assert [r["k"] for r in third.records] == ["closed", "opened", "closed"]
    assert list(read(directory, after=third.cursor).records) == []


def test_a_cursor_beyond_a_seal_begins_again(directory: Path) -> None:
    frozen = begun(directory)
    Journal.claim(directory, take_over=True)  # claims, and reads before the other's last write
    stale = read(directory)
    list(stale.records)
    frozen.append("asked", trial=0, params={})
    frozen._write_group()
    ahead = read(directory)
    assert [r["k"] for r in ahead.records] == ["opened", "asked"]
    third = Journal.claim(directory, take_over=True)
    third.begin(stale)
    again = read(directory, after=ahead.cursor)
    assert again.restarted
    assert [r["k"] for r in again.records] == ["opened", "opened"]
