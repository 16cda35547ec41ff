"""``run``: run a campaign, or go on with it."""

from __future__ import annotations

from functools import partial

import click

from candle_workflow.cli import options
from candle_workflow.cli.session import Session


@click.command(
    short_help="Run a campaign, or go on with it.",
    epilog="""\b
Examples:
  candle-workflow run hpo nt3.yaml --site local
  candle-workflow run hpo nt3.yaml --set planner.trials=50    20 more after the first 30
  candle-workflow run hpo nt3.yaml --no-wait                  needs no terminal""",
)
@click.argument("kind")
@click.argument("spec")
@options.changes
@options.store
@click.option("--new", is_flag=True, help="Begin another campaign even if there is one.")
@options.take_over
@click.option("--dry-run", is_flag=True, help="Check everything and show the plan; run nothing.")
@options.as_json
@options.wait
@options.detached
@click.pass_obj
def command(
    session: Session,
    *,
    kind: str,
    spec: str,
    site: str | None,
    launcher: str | None,
    sets: tuple[str, ...],
    store: str | None,
    new: bool,
    take_over: bool,
    dry_run: bool,
    form: str,
    wait: bool,
    detached: int | None,
) -> int:
    """Run a campaign of KIND (hpo) from SPEC, or go on with it if it was begun.

    SPEC is a file, or the name of a campaign that ships. The number of trials, limits,
    resources, launcher and site may change from one run to the next; what the trials are may
    not. --format is for --dry-run.
    """
    options.check_kind(kind)
    loaded = options.load(spec, kind=kind, site=site, launcher=launcher, sets=sets)
    if dry_run:
        from candle_workflow.cli.plan import show_plan

        return show_plan(loaded, form)
    from candle_workflow import campaign

    if wait:
        from candle_workflow.cli.running import carry_out

        work = partial(campaign.run, loaded, new=new, take_over=take_over, store=store)
        return carry_out(work, session, detached=detached)
    from candle_workflow.cli.detach import detach

    campaign.plan(loaded, first=0)  # refuses here what cannot work
    given = {"--site": site, "--launcher": launcher, "--store": store}
    arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
    arguments += [f"--set={item}" for item in sets]
    arguments += ["--new"] * new + ["--take-over"] * take_over
    return detach(["run", *arguments, "--", kind, spec])
