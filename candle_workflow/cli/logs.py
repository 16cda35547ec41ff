"""``logs``: what a trial printed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_workflow.cli import options
from candle_workflow.errors import ConfigError

if TYPE_CHECKING:
    from candle_workflow.cli.opened import Opened
    from candle_workflow.replay import Trial

LOOK_S = 0.5  # between two looks for more output


@click.command(
    short_help="Print what a trial printed.",
    epilog="""\b
Examples:
  candle-workflow logs nt3-hpo 7
  candle-workflow logs nt3-hpo 7 --attempt 1
  candle-workflow logs nt3-hpo 7 --follow""",
)
@options.campaign
@click.argument("trial", type=click.IntRange(min=0))
@click.option("--attempt", type=click.IntRange(min=1), help="Not the newest attempt, but this.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the trial ends.")
@options.store
def command(
    *, campaign: str, trial: int, attempt: int | None, follow: bool, store: str | None
) -> int:
    """Print what TRIAL of CAMPAIGN printed, without its progress bars."""
    from candle_workflow.cli.opened import opened

    with opened(campaign, store) as it:
        found = _find(it, trial)
        tried = _attempt(found, attempt)
        path = it.folder.output(trial, tried)
        if follow:
            _follow(it, path, trial, tried)
        elif path.exists():
            _copy(path, 0)
        else:
            print(_nothing(it, found, tried), file=sys.stderr)  # silence is no mistake
    return 0


def _find(it: Opened, number: int) -> Trial:
    found = it.store.trials(it.row, numbers=[number])
    if not found:
        there = f"0 to {it.row.total - 1}" if it.row.total else "none"
        raise ConfigError(f"campaign '{it.row.name}' has no trial {number}; there are: {there}")
    return found[0]


def _attempt(trial: Trial, attempt: int | None) -> int:
    if attempt is not None and attempt > trial.attempts:
        raise ConfigError(
            f"trial {trial.number} has no attempt {attempt}; there were {trial.attempts}"
        )
    return attempt or trial.attempts


def _nothing(it: Opened, trial: Trial, attempt: int) -> str:
    """Say why there is no log, and what is known besides."""
    earlier = [n for n in range(1, attempt) if it.folder.output(trial.number, n).exists()]
    hint = f" Attempt {earlier[-1]} did: --attempt {earlier[-1]}." if earlier else ""
    ended = [one for one in it.store.attempts(it.row, trial.number) if one.attempt == attempt]
    cause = ended[0].cause if ended else None
    why = f" It ended with {cause}: {ended[0].message}" if cause else f" It is {trial.state}."
    return f"attempt {attempt} of trial {trial.number} printed nothing.{why}{hint}"


def _copy(path: Path, offset: int) -> int:
    """Print a file from an offset on; give where it ends."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while data := file.read(1 << 16):
                sys.stdout.write(data.decode(errors="replace"))
                offset += len(data)
    except FileNotFoundError:
        return offset  # nothing was printed yet
    sys.stdout.flush()
    return offset


def _follow(it: Opened, path: Path, number: int, attempt: int) -> None:
    offset = 0
    while True:
        it.refresh()
        trial = _find(it, number)
        # looked at before the last reading, so that nothing is missed
        over = not trial.open or trial.attempts != attempt or it.state != "running"
        offset = _copy(path, offset)
        if over:
            return
        time.sleep(LOOK_S)
