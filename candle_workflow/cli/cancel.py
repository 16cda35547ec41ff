"""``cancel``: end a campaign for good."""

from __future__ import annotations

import click

from candle_workflow.cli import options


@click.command(
    short_help="End a campaign for good.",
    epilog="""\b
Example:
  candle-workflow cancel nt3-hpo""",
)
@options.campaign
@options.store
def command(*, campaign: str, store: str | None) -> int:
    """End CAMPAIGN: running trials are stopped, waiting ones will not run.

    What it found stays. `candle-workflow resume` would go on with it all the same.
    """
    from candle_workflow import campaign as campaigns
    from candle_workflow.cli.opened import opened

    with opened(campaign, store) as it:
        state, holder = it.state, it.holder
        if state == "done":
            print("it is done already: there is nothing to cancel")
            return 0
        campaigns.cancel(str(it.folder.path))
    if state == "running":
        print(f"cancelled; its controller ({holder}) ends it within seconds")
    else:
        print(f"cancelled; no controller runs it (it is {state})")
    return 0
