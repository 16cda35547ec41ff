"""``try``: one short trial in the foreground, before anything is queued."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import duration, number, pairs

if TYPE_CHECKING:
    from candle_workflow.config.spec import CampaignSpec
    from candle_workflow.model import Ended


@click.command(
    "try",
    short_help="Run one short trial in this terminal.",
    epilog="""\b
Example:
  candle-workflow try nt3.yaml --set data.source=bladder""",
)
@click.argument("spec")
@options.changes
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How long: a benchmark's params.epochs, and $CANDLE_EPOCHS for a trainer of your own.",
)
def command(
    *, spec: str, site: str | None, launcher: str | None, sets: tuple[str, ...], epochs: int
) -> int:
    """Run the first trial of SPEC in this terminal, for one epoch, and say what it reported.

    Nothing is recorded. Keras trains one epoch whatever the trainer asks for; a trainer of
    your own may read $CANDLE_EPOCHS.
    """
    from candle_workflow.single import try_one

    loaded = options.load(spec, kind=None, site=site, launcher=launcher, sets=sets)
    ended = try_one(loaded, epochs=epochs)
    return tell(loaded, ended)


def tell(spec: CampaignSpec, ended: Ended) -> int:
    """Say what came of it; 0 if the campaign would have an objective."""
    metric = spec.objective.metric
    took = duration(ended.time - ended.started)
    sys.stdout.flush()
    print(f"\nreported  {pairs(ended.metrics) or 'nothing'}")
    if ended.cause is not None:
        print(f"failed    after {took}: {ended.cause}: {ended.message}")
        return 1
    if metric not in ended.metrics:
        seen = ", ".join(sorted(ended.metrics)) or "nothing"
        print(
            f"failed    after {took}: the objective's metric '{metric}' was not reported, only"
            f" {seen}. Set objective.metric to one of these, or report it."
        )
        return 1
    print(f"works     in {took}; the objective {metric} is {number(ended.metrics[metric])}")
    return 0
