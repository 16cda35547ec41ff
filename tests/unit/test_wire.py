"""Messages between an agent and its processes come out whole, in order, once."""

from __future__ import annotations

import itertools
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_workflow.model import Attempt, Cause, Ended, Measured, Started, StopReason
from candle_workflow.trainers.wire import Inbox, Line, encode

EVENTS = [
    Started(1, 2, 3.5, "node"),
    Measured(1, 2, 7, 4.5, {"loss": float("inf"), "é 🧬": -0.0}),
    Ended(1, 2, 5.5, "node", 3.5, {"loss": 1.0}, Cause.OOM, "why", StopReason.DRAIN),
    ("run", [Attempt(3, 1, {"x": [1, None, "a"]}, seed=2**31 - 1, checkpoint="/a/b")]),
    ("stop", (3, 1), StopReason.CANCEL),
]
MESSAGES = st.one_of(st.sampled_from(EVENTS), st.binary(max_size=300), st.text(max_size=20))


@given(st.lists(MESSAGES, max_size=12), st.lists(st.integers(0, 4000), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_chunks_give_the_messages(messages: list[object], cuts: list[int]) -> None:
    data = b"".join(map(encode, messages))
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    inbox = Inbox()
    received: list[object] = []
    for begin, end in itertools.pairwise(places):
        received += inbox.feed(data[begin:end])
    assert received == messages
    assert inbox.feed(b"") == []


def test_byte_by_byte() -> None:
    inbox = Inbox()
    received = [m for byte in b"".join(map(encode, EVENTS)) for m in inbox.feed(bytes([byte]))]
    assert received == EVENTS
    assert [type(m) for m in received] == [type(m) for m in EVENTS]


def test_a_large_message_comes_through_a_small_pipe() -> None:
    ours, theirs = map(Line, socket.socketpair())
    message = {"weights": bytes(10_000_000)}
    sender = threading.Thread(target=ours.send, args=(message,))
    sender.start()
    assert theirs.receive() == [message]
    sender.join()


def test_waiting_does_not_wait() -> None:
    ours, theirs = map(Line, socket.socketpair())
    assert theirs.waiting() == []
    ours.send(1)
    ours.send(2)
    assert theirs.waiting() == [1, 2]
    half = encode("half")
    ours.socket.sendall(half[:5])
    assert theirs.waiting() == []
    ours.socket.sendall(half[5:])
    assert theirs.receive() == ["half"]


def test_the_end_is_an_error_to_whoever_waits_or_sends() -> None:
    ours, theirs = map(Line, socket.socketpair())
    ours.socket.close()
    with pytest.raises(EOFError):
        theirs.receive()
    with pytest.raises(EOFError):
        theirs.waiting()
    with pytest.raises(OSError, match="pipe"):
        theirs.send(1)


def test_what_was_sent_before_the_end_is_there() -> None:
    ours, theirs = map(Line, socket.socketpair())
    ours.send("last words")
    ours.socket.close()
    assert theirs.receive() == ["last words"]
    with pytest.raises(EOFError):
        theirs.receive()
