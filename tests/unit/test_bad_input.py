"""Seeded mistakes in campaign files: each is refused with one known, complete message.

A file of ``tests/golden/bad_input`` is one mistake; lines ``# --set key=value`` at its head
are given as on the command line. ``messages.txt`` holds what is said of each. After a change
of words: CANDLE_GOLDEN=write pytest tests/unit/test_bad_input.py, and read the difference.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from candle_workflow import plugins
from candle_workflow.check import check
from candle_workflow.config import load_campaign, parse_set
from candle_workflow.errors import ConfigError

FOLDER = Path(__file__).parent.parent / "golden" / "bad_input"
TABLE = FOLDER / "messages.txt"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """The mistakes' folder as the current one, its toy benchmark installed, no own sites."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(FOLDER / "site-packages"))
    plugins._points.cache_clear()
    yield
    plugins._points.cache_clear()


def said_of(name, home):
    """What a user reads about a mistake, with this machine's own paths replaced."""
    path = Path(f"{name}.yaml")
    sets = re.findall(r"^# --set (.*)$", path.read_bytes().decode("latin-1"), re.MULTILINE)
    with pytest.raises(ConfigError) as refusal:
        check(load_campaign(path, overrides=parse_set(sets)))
    message = str(refusal.value)
    for place, word in ((FOLDER, "FOLDER"), (home, "HOME"), (sys.executable, "PYTHON")):
        message = message.replace(str(place), word)
    return message


def recorded():
    """The golden table: case -> message."""
    blocks = TABLE.read_text(encoding="utf-8").strip().split("\n\n")
    return dict(block.split("\n", 1) for block in blocks)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_refused_with_the_recorded_message(name, tmp_path):
    if os.environ.get("CANDLE_GOLDEN") == "write":
        pytest.skip("the table is being written")
    assert said_of(name, tmp_path) == recorded()[name]


def test_the_table_holds_these_mistakes_and_no_others(tmp_path):
    if os.environ.get("CANDLE_GOLDEN") == "write":
        blocks = [f"{name}\n{said_of(name, tmp_path)}\n" for name in CASES]
        TABLE.write_text("\n".join(blocks), encoding="utf-8")
    assert sorted(recorded()) == CASES
    assert len(CASES) >= 40


def test_every_message_names_its_file_or_option():
    for name, message in recorded().items():
        assert message.startswith((f"{name}.yaml", "--set")), name


def test_every_message_but_that_of_what_is_missing_names_a_line():
    without = {
        name
        for name, message in recorded().items()
        if not re.match(rf"{name}\.yaml:\d+: |--set", message)
    }
    assert without == {
        "empty",
        "name-missing",
        "neither-benchmark-nor-trainer",
        "not-a-mapping",
        "objective-missing",
        "only-text",
    }


def test_the_file_that_the_mistakes_were_made_in_is_right(tmp_path):
    text = (FOLDER / "set-unknown-key.yaml").read_text(encoding="utf-8")
    good = tmp_path / "good.yaml"
    good.write_text(text, encoding="utf-8")
    assert check(load_campaign(good)) == []
