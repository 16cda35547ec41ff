"""``report``: the campaign as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from candle_workflow.cli import options


@click.command(
    short_help="Write a campaign's HTML report.",
    epilog="""\b
Example:
  candle-workflow report nt3-hpo -o nt3.html""",
)
@options.campaign
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Into this file.  [default: report.html in the campaign's folder]",
)
@options.store
def command(*, campaign: str, output: Path | None, store: str | None) -> int:
    """Write CAMPAIGN's report, an HTML page that needs nothing else; also while it runs."""
    from candle_workflow.cli.opened import opened
    from candle_workflow.folder import atomic_write
    from candle_workflow.reports.html import render

    with opened(campaign, store) as it:
        path = (output or it.folder.report).absolute()
        atomic_write(path, render(it.store, str(it.folder.path)).encode())
    print(path)
    return 0
