"""What passes between an agent's thread and its controller: nothing is lost, doubled or late."""

from __future__ import annotations

import itertools
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_workflow.model import Started
from candle_workflow.trainers.mailbox import Mailbox


def events(*numbers: int) -> list[Started]:
    return [Started(number, 1, 0.0, "n") for number in numbers]


@given(st.permutations(range(7)))
def test_calls_are_taken_in_the_order_they_were_given(order: list[int]) -> None:
    mailbox = Mailbox()
    taken = []
    for number in order:
        mailbox.call(number, "start", number)
        taken += mailbox.take_calls()
    assert taken == [("start", number) for number in range(7)]


def test_events_stay_until_they_are_acknowledged() -> None:
    mailbox = Mailbox()
    mailbox.put(events(0, 1))
    assert mailbox.poll(0, 0).events == events(0, 1)
    mailbox.put(events(2))
    assert mailbox.poll(0, 0).events == events(0, 1, 2)  # the first answer was lost
    assert mailbox.poll(2, 0).events == events(2)
    assert mailbox.poll(3, 0).events == []


def test_a_reader_and_a_writer_at_once() -> None:
    mailbox = Mailbox()
    many = 2000
    dice = random.Random(3)

    def write() -> None:
        numbers = iter(range(many))
        while batch := list(itertools.islice(numbers, dice.randrange(1, 20))):
            mailbox.put(events(*batch))

    thread = threading.Thread(target=write)
    thread.start()
    received: list[Started] = []
    while len(received) < many:
        reply = mailbox.poll(len(received), 1.0)
        if dice.random() < 0.7:  # else the answer is lost
            received += reply.events  # type: ignore[arg-type]
    thread.join()
    assert received == events(*range(many))


def test_who_waits_is_woken() -> None:
    mailbox = Mailbox()
    for wake in (
        lambda: mailbox.put(events(0)),
        lambda: mailbox.give_up("it is over"),
        mailbox.close,
    ):
        thread = threading.Thread(target=mailbox.poll, args=(0, 60.0))
        thread.start()
        wake()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("end", ["ready", "failed", "closed"])
def test_waiting_until_ready_ends(end: str) -> None:
    mailbox = Mailbox()
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(mailbox.wait_until_ready()))
    thread.start()
    {
        "ready": mailbox.note_ready,
        "failed": lambda: mailbox.give_up("why"),
        "closed": mailbox.close,
    }[end]()
    thread.join(30)
    assert answers == ["why" if end == "failed" else ""]


def test_a_failure_comes_with_the_events_before_it() -> None:
    mailbox = Mailbox()
    mailbox.put(events(0), 0.5)
    mailbox.warn("look")
    mailbox.give_up("it is over")
    reply = mailbox.poll(0, 60.0)
    assert (reply.events, reply.mean_s, reply.warning, reply.failure) == (
        events(0), 0.5, "look", "it is over",
    )  # fmt: skip
    assert mailbox.poll(1, 60.0).failure == "it is over"


def test_silence_ends_with_every_word() -> None:
    mailbox = Mailbox()
    mailbox._heard -= 100
    assert mailbox.silence_s >= 100
    mailbox.poll(0, 0)
    assert mailbox.silence_s < 50
    mailbox._heard -= 100
    mailbox.call(0, "start", [])
    assert mailbox.silence_s < 50


def test_waking_never_blocks() -> None:
    mailbox = Mailbox()
    for number in range(5000):
        mailbox.call(number, "start", [])
    assert mailbox.waker.recv(1)
