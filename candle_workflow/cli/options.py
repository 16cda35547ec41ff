"""Options and arguments that several commands share, and reading a campaign by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from candle_workflow.errors import ConfigError, nearest

if TYPE_CHECKING:
    from candle_workflow.config.spec import CampaignSpec

Function = TypeVar("Function", bound=Callable[..., Any])


def combined(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Give several decorators as one, the first on top."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


store = click.option(
    "--store",
    metavar="URL",
    help="The store: a file, or postgresql://user@host/database."
    "  [default: $CANDLE_STORE, else a file in your data folder]",
)
as_json = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Text to read, or JSON for programs.",
)
sets = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set any key of the campaign file, such as planner.trials=50. May be repeated.",
)
changes = combined(
    click.option("--site", metavar="NAME", help="The machine to run on; sets site.name."),
    click.option("--launcher", metavar="NAME", help="What runs the trials; sets launcher.name."),
    sets,
)
take_over = click.option(
    "--take-over",
    is_flag=True,
    help="Claim the campaign although its controller may be alive. That one then stops by itself.",
)
wait = click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Stay until the end, or leave it running without this terminal.",
)
detached = click.option("--detached", type=int, hidden=True)  # a pipe to say "begun" into
campaign = click.argument("campaign")


def check_kind(kind: str) -> str:
    """Give the kind if there is one of that name.

    Raises
    ------
    ConfigError
        There is none; the nearest is given.
    """
    from candle_workflow.config.layout import KINDS

    if kind not in KINDS:
        raise ConfigError(f"there is no kind of campaign '{kind}'.{nearest(kind, KINDS)}")
    return kind


def load(
    source: str,
    *,
    kind: str | None = "hpo",
    site: str | None = None,
    launcher: str | None = None,
    sets: Sequence[str] = (),
) -> CampaignSpec:
    """Read a campaign file or a ready campaign, with what the options change in it.

    Raises
    ------
    ConfigError
        The file, or an option, is wrong.
    """
    from candle_workflow.config import load_campaign, parse_set

    flags = {"site.name": site, "launcher.name": launcher}
    # as JSON text, which is YAML too, a name such as 1e3 stays one
    overrides = {key: json.dumps(value) for key, value in flags.items() if value is not None}
    return load_campaign(source, overrides=overrides | parse_set(list(sets)), kind=kind)
