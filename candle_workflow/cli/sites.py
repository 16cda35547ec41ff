"""``sites``: the machines that are known."""

from __future__ import annotations

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import number, print_fields, print_json, print_table


@click.group(
    epilog="""\b
Example:
  candle-workflow sites show local"""
)
def command() -> None:
    """The machines that are known: those that ship, and your own."""


@command.command(
    "list",
    epilog="""\b
Example:
  candle-workflow sites list --format json""",
)
@options.as_json
def list_sites(*, form: str) -> int:
    """List the sites. Your own are files in ~/.config/candle-workflow/sites/."""
    from candle_workflow.config import load_site, site_names

    rows = [load_site(name).resolved() for name in site_names()]
    if form == "json":
        print_json(rows)
    else:
        columns = ["name", "scheduler", "title"]
        print_table(columns, [[row[column] for column in columns] for row in rows])
    return 0


@command.command(
    epilog="""\b
Example:
  candle-workflow sites show local"""
)
@click.argument("name")
@options.as_json
def show(*, name: str, form: str) -> int:
    """Show everything that is known of the site NAME."""
    from candle_workflow.config import load_site

    values = load_site(name).resolved()
    if form == "json":
        print_json(values)
    else:
        print_fields({key: number(value) for key, value in values.items()})
    return 0
