"""A trial's log: what a terminal would show at the end, however it arrives."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from candle_workflow.trainers.output import OutputLog, settle


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain\n", b"plain\n"),
        (b"plain", b"plain"),
        (b"", b""),
        (b"\n", b"\n"),
        (b"dos\r\n", b"dos\n"),
        (b" 10 %\r 20 %\r100 %\n", b"100 %\n"),
        (b" 10 %\r 20 %\r", b" 20 %"),
        (b" 10 %\r 20 %\r\n", b" 20 %\n"),
        (b"5/5 \x1b[32m====\x1b[0m\x1b[37m\x1b[0m loss\n", b"5/5 ==== loss\n"),
        (b"\x1b[2K\x1b[1G\x1b[?25lspinner\n", b"spinner\n"),
        (b"12\b\b34\n", b"34\n"),
        (b"\b\b\bx\n", b"x\n"),
        (b"10%\b\b\b20%\b\b\b30%\n", b"30%\n"),
        ("größe 🧬\n".encode(), "größe 🧬\n".encode()),
        (b"\xff\xfe\x00\n", b"\xff\xfe\x00\n"),
        (b"\x1e\x1b\n", b"\x1e\x1b\n"),
    ],
)
def test_a_line_as_it_looks_in_the_end(line: bytes, shown: bytes) -> None:
    assert settle(line) == shown


PIECES = st.lists(
    st.sampled_from(
        [b"a", b"bc ", b"\n", b"\r", b"\r\n", b"\b", b" ", b"\x1b[1m", b"\x1b", b"[0m", b"\xff",
         b"\x0b", b"\x0c", b"\x1c", b"\x85", "é".encode()]
    ),
    max_size=30,
)  # fmt: skip


def logged(chunks: list[bytes]) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial" / "output.log"
        log = OutputLog(path)
        for chunk in chunks:
            log.feed(chunk)
        log.close()
        return path.read_bytes() if path.exists() else None


def whole(text: bytes) -> bytes:
    """What a log must hold: every line settled."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    return b"".join(map(settle, lines))[:-1]


@given(PIECES)
@settings(max_examples=300, deadline=None)
@example([b"a", b"\r", b"\n"])
@example([b"a\r", b" ", b"\n"])
@example([b"a\r", b" ", b"b", b"\r\n"])
@example([b"\x1b", b"[0m"])
@example([b"a", b"\r", b"\x1b[1m", b"\n"])
def test_it_does_not_matter_in_which_pieces_it_comes(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    expected = whole(text) or None
    assert logged([text]) == expected
    assert logged(pieces) == expected
    assert logged([bytes([byte]) for byte in text]) == expected


@given(st.binary(max_size=200), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_any_bytes(text: bytes, size: int) -> None:
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert logged(chunks) == (whole(text) or None)


def test_no_file_if_nothing_came(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "trial" / "output.log")
    log.feed(b"")
    log.close()
    assert not (tmp_path / "trial").exists()


def test_a_progress_bar_of_an_hour_is_one_line() -> None:
    bar = [b"\r%6d/100000 [=====>      ] loss 0.1" % n for n in range(20_000)]
    assert logged([*bar, b"\n"]) == b" 19999/100000 [=====>      ] loss 0.1\n"


def test_a_line_without_an_end_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    log = OutputLog(path)
    for _ in range(100):
        log.feed(b"x" * 10_000)
    assert path.stat().st_size >= 900_000
    log.close()
    assert path.read_bytes() == b"x" * 1_000_000


def test_lines_are_there_as_soon_as_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    log = OutputLog(path)
    log.feed(b"one\ntw")
    assert path.read_bytes() == b"one\n"
    log.feed(b"o\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_it_goes_on_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    for text in (b"one\n", b"two\n"):
        log = OutputLog(path)
        log.feed(text)
        log.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_place_where_nothing_can_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = OutputLog(tmp_path / "file" / "output.log")
    with pytest.raises(OSError, match="file"):
        log.feed(b"one\n")
    with pytest.raises(OSError, match="file"):
        OutputLog(tmp_path / "file" / "output.log").feed(b"one\n")
    log.close()
