"""``plan``: what a run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import duration, number, print_fields, print_json, print_table

if TYPE_CHECKING:
    from candle_workflow.campaign import Plan
    from candle_workflow.config.spec import CampaignSpec


@click.command(
    short_help="Show what a run would do; run nothing.",
    epilog="""\b
Examples:
  candle-workflow plan nt3.yaml
  candle-workflow plan hpo nt3.yaml --set planner.name=grid --format json""",
)
@click.argument("what", nargs=-1, required=True, metavar="[KIND] SPEC")
@options.changes
@options.as_json
def command(
    *,
    what: tuple[str, ...],
    site: str | None,
    launcher: str | None,
    sets: tuple[str, ...],
    form: str,
) -> int:
    """Check SPEC and show what a run would do: the first trials, how many, at what cost.

    The same as run --dry-run; nothing is run or written.
    """
    if len(what) > 2:
        raise click.UsageError(f"expected [KIND] SPEC, got {len(what)} arguments")
    kind = options.check_kind(what[0]) if len(what) == 2 else None
    spec = options.load(what[-1], kind=kind, site=site, launcher=launcher, sets=sets)
    return show_plan(spec, form)


def show_plan(spec: CampaignSpec, form: str) -> int:
    """Print the plan of a campaign."""
    from candle_workflow import campaign

    plan = campaign.plan(spec)
    if form == "json":
        print_json(_as_json(spec, plan))
    else:
        _print(spec, plan)
    return 0


def _as_json(spec: CampaignSpec, plan: Plan) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "folder": str(plan.folder.path),
        "continues": plan.folder.exists(),
        "trials": plan.count,
        "slots": plan.slots,
        "longest_s": plan.longest_s,
        "node_hours": _node_hours(spec, plan),
        "suggestions": [{"number": s.number, "params": s.params} for s in plan.suggestions],
        "notices": plan.notices,
        "spec": spec.resolved(),
        "origins": spec.origins,
    }


def _node_hours(spec: CampaignSpec, plan: Plan) -> float | None:
    """What it costs at most; on this machine the nodes are one."""
    return None if plan.longest_s is None else plan.longest_s * spec.site.nodes / 3600


def _print(spec: CampaignSpec, plan: Plan) -> None:
    trainer = spec.benchmark.name if spec.benchmark else _trainer(spec)
    again = " (exists: a run goes on with it)" if plan.folder.exists() else ""
    hours = _node_hours(spec, plan)
    unknown = "unknown: set resources.time to have a bound"
    print_fields(
        {
            "campaign": spec.name + again,
            "folder": str(plan.folder.path),
            "trains": trainer,
            "objective": f"{spec.objective.metric} ({spec.objective.mode})",
            "planner": f"{spec.planner.name}, seed {spec.planner.seed}",
            "trials": "until the planner or a limit ends it" if plan.count is None
            else f"{plan.count:,}",
            "at a time": f"{plan.slots} by {spec.launcher.name} on {spec.site.name}",
            "at most": unknown if hours is None
            else f"{duration(plan.longest_s)}, {hours:.2f} node-hours",
        }
    )  # fmt: skip
    for notice in plan.notices:
        print(f"note: {notice}")
    if plan.suggestions:
        print("\nThe first trials:\n")
        _print_suggestions(plan)
    print("\nNothing was run. To try one trial: candle-workflow try SPEC")


def _trainer(spec: CampaignSpec) -> str:
    assert spec.trainer is not None, "config: a campaign has a benchmark or a trainer"
    return spec.trainer.function or " ".join(spec.trainer.command or ())


def _print_suggestions(plan: Plan) -> None:
    names = list(dict.fromkeys(name for s in plan.suggestions for name in s.params))
    rows = [
        [str(s.number), *(number(s.params[name]) if name in s.params else "" for name in names)]
        for s in plan.suggestions
    ]
    print_table(["trial", *names], rows)
