"""Write docs/reference/cli.md, and the help texts that the tests compare with, from --help.

python scripts/make_cli_reference.py            write
python scripts/make_cli_reference.py --check    exit 1 if anything would change
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from candle_workflow.cli.entry import PROGRAM, app

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference" / "cli.md"
GOLDEN = ROOT / "tests" / "golden" / "help"
WIDTH = 96
HEAD = """\
# The command line

Every command with its options, as `--help` prints them (`scripts/make_cli_reference.py`).

Exit codes: 0 done; 1 ended by the campaign's failure limit; 2 the input is wrong (a campaign file,
an option, a name); 3 the journal or the store is damaged or held by another controller; 4 the
batch system; 130 interrupted or cancelled. Messages go to standard error, results to standard
output; `--format json` gives what programs read.

A CAMPAIGN is a name in the campaigns' folder (`$CANDLE_CAMPAIGNS`, else `./campaigns`) or a path.
"""


def help_texts() -> dict[str, str]:
    """Give every command's help, by its words without the program's name ('' is the program)."""
    context = click.Context(app, info_name=PROGRAM, terminal_width=WIDTH, **app.context_settings)
    return dict(_walk(app, context))


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    name = context.command_path.removeprefix(PROGRAM).strip()
    yield name, command.get_help(context) + "\n"
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            assert inner is not None, word
            yield from _walk(
                inner,
                click.Context(inner, parent=context, info_name=word, terminal_width=WIDTH),
            )


def files() -> dict[Path, str]:
    """Give each file's content."""
    texts = help_texts()
    sections = [
        f"## {f'{PROGRAM} {name}'.strip()}\n\n```text\n{text}```\n" for name, text in texts.items()
    ]
    golden = {
        GOLDEN / f"{name.replace(' ', '-') or PROGRAM}.txt": text for name, text in texts.items()
    }
    return {REFERENCE: "\n".join([HEAD, *sections]), **golden}


def main() -> int:
    """Write or check the files."""
    stale = [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    stale += sorted(set(GOLDEN.glob("*.txt")) - files().keys())
    if "--check" in sys.argv[1:]:
        print("\n".join(f"out of date: {path.relative_to(ROOT)}" for path in stale) or "up to date")
        return 1 if stale else 0
    for path in stale:
        text = files().get(path)
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"{'removed' if text is None else 'wrote'} {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
