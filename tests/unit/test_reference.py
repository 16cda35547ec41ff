"""The reference of the campaign file is made from the table of keys, and up to date."""

import subprocess
import sys
from pathlib import Path

from candle_workflow.config.layout import CAMPAIGN
from candle_workflow.config.schema import Section
from candle_workflow.config.yaml12 import parse

ROOT = Path(__file__).parent.parent.parent


def keys(section, path=""):
    """Every key of a section and of those below it, with its path."""
    for key in section:
        yield path + key.name, key
        if isinstance(key.kind, Section):
            yield from keys(key.kind, f"{path}{key.name}.")


def test_the_reference_is_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "make_reference.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_every_key_is_on_the_page():
    page = (ROOT / "docs" / "reference" / "campaign.md").read_text()
    for path, _ in keys(CAMPAIGN):
        names = (path, path.partition(".")[2])
        assert any(f"| `{name}` |" in page for name in names if name), path


def test_every_key_has_a_meaning_and_an_example_that_is_read():
    for path, key in keys(CAMPAIGN):
        assert key.doc.endswith("."), path
        value = parse(f"{key.name}: {key.example}").value[key.name]
        if value is not None:
            key.kind.read(value, path)
