"""``results``: the trials as a table or data, and the best one's model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from candle_workflow.cli import options
from candle_workflow.cli.summary import print_trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from candle_workflow.cli.opened import Opened
    from candle_workflow.replay import Trial

SHOWN = 200  # rows of a table that people read


@click.command(
    short_help="Show the trials; save the best model.",
    epilog="""\b
Examples:
  candle-workflow results nt3-hpo --best 10
  candle-workflow results nt3-hpo --best 1 --save best/
  candle-workflow results nt3-hpo --format parquet -o nt3.parquet""",
)
@options.campaign
@click.option(
    "--best", type=click.IntRange(min=1), metavar="N", help="Only the N best, best first."
)
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the best trial's model, parameters and the command that trains it again;"
    " of several into DIR/trial-NUMBER.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="Text to read, or data for programs.",
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Into this file."
)
@options.store
def command(
    *,
    campaign: str,
    best: int | None,
    save: Path | None,
    form: str,
    output: Path | None,
    store: str | None,
) -> int:
    """Show the trials of CAMPAIGN with their parameters and results."""
    from candle_workflow.cli.opened import opened

    if form == "parquet" and output is None:
        raise click.UsageError("--format parquet is not for reading: name a file with -o FILE")
    if form == "table" and output is not None:
        raise click.UsageError("-o writes data: name its --format, json, csv or parquet")
    with opened(campaign, store) as it:
        if save is not None:
            _save(it, best or 1, save)
            return 0
        _write(it, it.store.trials(it.row, best=best), form, output)
    return 0


def _write(it: Opened, trials: Sequence[Trial], form: str, output: Path | None) -> None:
    from candle_workflow.folder import atomic_write
    from candle_workflow.reports.table import to_csv, to_json, to_parquet

    if form == "table":
        print_trials(trials[:SHOWN], it.row.objective)
        if len(trials) > SHOWN:
            print(
                f"{len(trials) - SHOWN:,} more trials: --best N shows the best, --format csv all",
                file=sys.stderr,
            )
        return
    if form == "parquet":
        assert output is not None
        to_parquet(trials, output)
        return
    text = to_json(trials) if form == "json" else to_csv(trials)
    if output is None:
        sys.stdout.write(text)
    else:
        atomic_write(output, text.encode())


def _save(it: Opened, count: int, directory: Path) -> None:
    from candle_workflow.errors import DataError
    from candle_workflow.single import save

    trials = it.store.trials(it.row, best=count)
    if not trials:
        raise DataError(f"campaign '{it.row.name}' has no complete trial to save yet")
    for trial in trials:
        into = directory if count == 1 else directory / f"trial-{trial.number}"
        for path in save(it.folder, dict(it.row.spec), trial, into):
            print(path)
