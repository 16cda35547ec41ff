"""A slot as its agent sees it: output up to a mark, and messages that never block."""

from __future__ import annotations

import fcntl
import os
import selectors
from pathlib import Path

import pytest

from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Attempt
from candle_workflow.trainers.place import Place
from candle_workflow.trainers.wire import Line

MARK = b"\x1emark\n"


class Slot:
    """A place and the ends that a process in it would have."""

    def __init__(self, root: Path) -> None:
        self.folder = CampaignFolder(root)
        self.warnings: list[str] = []
        self.selector = selectors.DefaultSelector()
        self.place = Place(
            cpus=(), device="", mark=MARK, folder=self.folder, selector=self.selector,
            warn=self.warnings.append,
        )  # fmt: skip
        line, self.pipe = self.place.occupy(1, lambda: None)
        self.line = Line(line)
        self.place.given.extend(Attempt(n, 1, {}, seed=0) for n in range(5))

    def look(self) -> None:
        for key, _ in self.selector.select(0):
            key.data()

    def output(self, number: int) -> bytes:
        path = self.folder.output(number, 1)
        return path.read_bytes() if path.exists() else b""


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    return Slot(tmp_path)


def test_what_comes_at_once_is_told_apart_by_the_marks(slot: Slot) -> None:
    os.write(slot.pipe, b"a\n" + MARK + MARK + b"c\n" + MARK + b"d")
    slot.look()
    slot.look()
    assert [slot.place.end_attempt(marked=True).number for _ in range(3)] == [0, 1, 2]
    assert slot.place.end_attempt(marked=False).number == 3
    assert [slot.output(n) for n in range(5)] == [b"a\n", b"", b"c\n", b"d", b""]


@pytest.mark.parametrize("cut", range(len(MARK) + 1))
def test_a_mark_may_come_in_two_pieces(slot: Slot, cut: int) -> None:
    text = b"a \x1e b \x1ema\n"
    os.write(slot.pipe, text + MARK[:cut])
    slot.look()
    os.write(slot.pipe, MARK[cut:] + b"next\n" + MARK)
    slot.place.end_attempt(marked=True)
    slot.place.end_attempt(marked=True)
    assert (slot.output(0), slot.output(1)) == (text, b"next\n")


def test_what_a_dead_process_printed_is_all_kept(slot: Slot) -> None:
    os.write(slot.pipe, b"a\n" + MARK + b"its own end failed\n" + MARK[:3])
    slot.look()
    slot.place.end_attempt(marked=False)
    assert slot.output(0) == b"a\nits own end failed\n" + MARK[:3]


def test_one_look_reads_one_piece(slot: Slot) -> None:
    fcntl.fcntl(slot.pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(slot.pipe, b"x" * (1 << 20))
    slot.look()
    assert len(slot.output(0)) <= 1 << 16
    slot.place.end_attempt(marked=False)
    assert len(slot.output(0)) == 1 << 20


def test_a_busy_process_gets_its_messages_later(slot: Slot) -> None:
    messages = [("run", [f"{n:0100000}"]) for n in range(20)]
    for message in messages:
        slot.place.send(message)
    received = []
    while len(received) < len(messages):
        slot.look()
        received += slot.line.waiting()
    assert received == messages
    slot.line.send("back")
    assert slot.place.hear() == ["back"]
    assert slot.selector.select(0) == []


def test_a_process_that_hung_up_is_sent_nothing(slot: Slot) -> None:
    assert slot.place.connected
    slot.line.socket.close()
    slot.place.send(("run", []))
    assert slot.place.hear() == []
    assert not slot.place.connected
    slot.place.send(("run", []))


def test_a_log_that_cannot_be_written_is_said_once_an_attempt(slot: Slot) -> None:
    slot.folder.trials.write_text("no folder")
    for _ in range(3):
        os.write(slot.pipe, b"a\n")
        slot.look()
    slot.place.end_attempt(marked=False)
    assert len(slot.warnings) == 1
    slot.folder.trials.unlink()
    os.write(slot.pipe, b"b\n")
    slot.place.end_attempt(marked=False)
    assert slot.output(1) == b"b\n"
