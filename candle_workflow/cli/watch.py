"""``watch``: follow a campaign from any terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from candle_workflow.cli import options

if TYPE_CHECKING:
    from candle_workflow.campaign import Progress
    from candle_workflow.cli.opened import Opened

LOOK_S = 1.0  # between two looks at the journal, which may be on a shared disk


@click.command(
    short_help="Follow a campaign until it ends.",
    epilog="""\b
Example:
  candle-workflow watch nt3-hpo""",
)
@options.campaign
@options.store
def command(*, campaign: str, store: str | None) -> int:
    """Follow CAMPAIGN until it ends. Ctrl-C ends the watching only."""
    from candle_workflow.campaign import EXIT_CODES
    from candle_workflow.cli.opened import opened

    with opened(campaign, store) as it:
        try:
            _follow(it)
        except KeyboardInterrupt:
            print(f"\nno longer watching; the campaign is {it.state}", file=sys.stderr)
            return 130
        _print_end(it)
        return EXIT_CODES.get(it.state, EXIT_CODES["interrupted"])


def _follow(it: Opened) -> None:
    from candle_workflow.cli.progress import view

    before = _finished(it)
    began = time.time()
    with view(it.row.objective.metric) as shown:
        while it.state == "running":
            shown.update(_progress(it, before, began))
            time.sleep(LOOK_S)
            it.refresh()


def _finished(it: Opened) -> int:
    return sum(count for state, count in it.row.counts.items() if state.is_finished)


def _progress(it: Opened, before: int, began: float) -> Progress:
    from candle_workflow.campaign import Progress
    from candle_workflow.model import State

    best = it.store.trials(it.row, best=1)
    return Progress(
        counts=it.row.counts,
        planned=it.row.spec["planner"]["trials"],
        running=it.row.counts.get(State.RUNNING, 0),
        best=best[0] if best else None,
        began=began,
        now=time.time(),
        finished_here=_finished(it) - before,
        time_left_s=None,
    )


def _print_end(it: Opened) -> None:
    from candle_workflow.cli.summary import BEST, print_end

    print_end(
        status=it.state,
        message=it.row.message or f"its controller was {it.holder}",
        folder=it.folder,
        objective=it.row.objective,
        best=it.store.trials(it.row, best=BEST),
        counts=it.row.counts,
        report=it.folder.report if it.folder.report.exists() else None,
    )
