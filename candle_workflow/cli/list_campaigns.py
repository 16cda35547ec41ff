"""``list``: all campaigns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import clock, number, print_json, print_table
from candle_workflow.errors import StoreError
from candle_workflow.model import State

if TYPE_CHECKING:
    from candle_workflow.cli.opened import Opened
    from candle_workflow.store import Store


@click.command(
    "list",
    short_help="List the campaigns.",
    epilog="""\b
Example:
  candle-workflow list --format json""",
)
@options.store
@options.as_json
def command(*, store: str | None, form: str) -> int:
    """List the campaigns, the last begun first."""
    from candle_workflow.cli.opened import Opened
    from candle_workflow.folder import CampaignFolder
    from candle_workflow.store import Store

    with Store(store) as index:
        _sync_all(index)
        found = [Opened(index, CampaignFolder(row.path), row) for row in index.campaigns()]
        rows = [_as_json(one) for one in found]
    if form == "json":
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        print("There are no campaigns yet. To begin one: candle-workflow run hpo nt3")
    return 0


def _sync_all(index: Store) -> None:
    """Take what is in the campaigns' folder; a damaged one must not hide the others."""
    from candle_workflow.folder import CampaignFolder, campaigns_root

    root = campaigns_root()
    here = {path.absolute() for path in root.iterdir()} if root.is_dir() else set()
    for path in sorted(here | {row.path for row in index.campaigns()}):
        folder = CampaignFolder(path)
        if not folder.exists():
            continue
        try:
            index.sync(folder)
        except StoreError as error:
            print(f"warning: {path.name}: {error}", file=sys.stderr)


def _as_json(one: Opened) -> dict[str, Any]:
    from candle_workflow.reports.table import iso

    row = one.row
    best = one.store.trials(row, best=1)
    return {
        "name": row.name,
        "state": one.state if one.folder.exists() else "removed",
        "kind": row.kind,
        "trials": row.total,
        "counts": {str(state): count for state, count in row.counts.items() if count},
        "metric": row.objective.metric,
        "best": best[0].objective if best else None,
        "begun": iso(row.begun),
        "updated": iso(row.updated),
        "begun_s": row.begun,
        "folder": str(row.path),
    }


def _print(rows: list[dict[str, Any]]) -> None:
    columns = ["campaign", "state", "done", "failed", "trials", "best", "begun", "folder"]
    cells = [
        [
            row["name"],
            row["state"],
            f"{_finished(row['counts']):,}",
            f"{row['counts'].get('failed', 0):,}",
            f"{row['trials']:,}",
            f"{row['metric']}={number(row['best'])}",
            clock(row["begun_s"]),
            row["folder"],
        ]
        for row in rows
    ]
    print_table(columns, cells)


def _finished(counts: dict[str, int]) -> int:
    return sum(count for state, count in counts.items() if State(state).is_finished)
