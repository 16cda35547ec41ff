"""``resume``: go on with a campaign by its name."""

from __future__ import annotations

from functools import partial

import click

from candle_workflow.cli import options
from candle_workflow.cli.session import Session


@click.command(
    short_help="Go on with a campaign by its name.",
    epilog="""\b
Example:
  candle-workflow resume nt3-hpo""",
)
@options.campaign
@options.store
@options.take_over
@options.wait
@options.detached
@click.pass_obj
def command(
    session: Session,
    *,
    campaign: str,
    store: str | None,
    take_over: bool,
    wait: bool,
    detached: int | None,
) -> int:
    """Go on with CAMPAIGN (a name or a folder), also after it was cancelled.

    It goes on as it was last run, whatever its file says by now. To change something, such
    as the number of trials, run the file again with --set.
    """
    from candle_workflow import campaign as campaigns

    if wait:
        from candle_workflow.cli.running import carry_out

        work = partial(campaigns.resume, campaign, take_over=take_over, store=store)
        return carry_out(work, session, detached=detached)
    from candle_workflow.cli.detach import detach
    from candle_workflow.folder import find_campaign
    from candle_workflow.holding import recorded_spec

    campaigns.plan(recorded_spec(find_campaign(campaign)), first=0)
    arguments = [] if store is None else [f"--store={store}"]
    arguments += ["--take-over"] * take_over
    return detach(["resume", *arguments, "--", campaign])
