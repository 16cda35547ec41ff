"""``status``: one campaign at this moment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import (
    duration,
    number,
    pairs,
    print_fields,
    print_json,
)
from candle_workflow.model import State

if TYPE_CHECKING:
    from candle_workflow.cli.opened import Opened
    from candle_workflow.replay import Trial

RUNNING = 20  # running trials and kinds of failures that are listed
LINES = 12  # of a failure's message


@click.command(
    short_help="Show how a campaign stands.",
    epilog="""\b
Examples:
  candle-workflow status nt3-hpo
  candle-workflow status --format json      of the campaign begun last""",
)
@click.argument("campaign", required=False)
@options.store
@options.as_json
def command(*, campaign: str | None, store: str | None, form: str) -> int:
    """Show how CAMPAIGN stands: state, counts, best, what runs, what failed and why.

    Without CAMPAIGN: the one that was begun last.
    """
    from candle_workflow.cli.opened import opened

    with opened(campaign or _newest(store), store) as it:
        found = _collect(it)
    if form == "json":
        print_json(found)
    else:
        _print(found)
    return 0


def _newest(store: str | None) -> str:
    from candle_workflow.errors import ConfigError
    from candle_workflow.folder import CampaignFolder, campaigns_root
    from candle_workflow.store import Store

    root = campaigns_root()
    with Store(store) as index:
        for path in root.iterdir() if root.is_dir() else ():
            index.sync(CampaignFolder(path))
        rows = index.campaigns()
    if not rows:
        raise ConfigError(
            f"there are no campaigns in {root} yet. To begin one: candle-workflow run hpo nt3"
        )
    return str(rows[0].path)


def _collect(it: Opened) -> dict[str, Any]:
    from candle_workflow.reports.table import iso, rows

    row = it.row
    best = it.store.trials(row, best=1)
    running = it.store.trials(row, states=[State.RUNNING])
    holder = it.holder
    return {
        "name": row.name,
        "state": it.state,
        "message": row.message,
        "folder": str(row.path),
        "holder": None
        if holder is None
        else {"pid": holder.pid, "host": holder.host, "since": iso(holder.time)},
        "planned": row.spec.get("planner", {}).get("trials"),
        "counts": {str(state): row.counts.get(state, 0) for state in State},
        "objective": {"metric": row.objective.metric, "mode": row.objective.mode},
        "best": rows(best)[0] if best else None,
        "running": rows(running[:RUNNING]),
        "used_s": _used_s(it),
        "limit_s": row.spec.get("limits", {}).get("time"),
        "begun": iso(row.begun),
        "updated": iso(row.updated),
        "failures": _failures(it),
        "retries": {str(cause): count for cause, count in it.store.retries(row).items()},
    }


def _used_s(it: Opened) -> float:
    """Seconds that controllers worked on it, up to now for one that lives.

    Of one that vanished nobody knows when; the next one's beginning is the latest that it was.
    """
    sessions = it.row.sessions
    last = time.time() if it.state == "running" else it.row.updated
    latest = [*(session["opened"] for session in sessions[1:]), last]
    pairs_ = zip(sessions, latest, strict=True)
    return float(sum(one.get("closed", end) - one["opened"] for one, end in pairs_))


def _failures(it: Opened) -> list[dict[str, Any]]:
    """What failed, the most frequent first, each with one trial's log to look into."""
    found = it.store.failures(it.row)[:RUNNING]
    examples: dict[int, Trial] = {
        trial.number: trial
        for trial in it.store.trials(it.row, numbers=[number for *_, number in found])
    }
    listed = []
    for cause, message, count, number_ in found:
        log = it.folder.output(number_, examples[number_].attempts)
        listed.append(
            {
                "cause": str(cause),
                "message": message,
                "count": count,
                "trial": number_,
                "log": str(log) if log.exists() else None,
            }
        )
    return listed


def _print(found: dict[str, Any]) -> None:
    counts = {state: n for state, n in found["counts"].items() if n}
    planned = "" if found["planned"] is None else f" of {found['planned']:,}"
    finished = sum(n for state, n in counts.items() if State(state).is_finished)
    listed = ", ".join(f"{n:,} {state}" for state, n in counts.items())
    limit = "" if found["limit_s"] is None else f" of {duration(found['limit_s'])}"
    fields = {
        "campaign": found["name"],
        "state": _state(found),
        "trials": f"{finished:,}{planned} done" + (f": {listed}" if listed else ""),
        "best": _best(found),
        "time used": duration(found["used_s"]) + limit,
        "results": found["folder"],
    }
    if found["retries"]:
        fields["tried again"] = pairs(found["retries"])
    print_fields(fields)
    _print_running(found["running"])
    _print_failures(found["failures"])


def _state(found: dict[str, Any]) -> str:
    holder = found["holder"]
    who = f" in process {holder['pid']} on {holder['host']}" if holder else ""
    if found["state"] == "vanished":
        return f"vanished: its controller{who} is gone; candle-workflow resume goes on with it"
    return str(found["state"]) + who + (f": {found['message']}" if found["message"] else "")


def _best(found: dict[str, Any]) -> str:
    best = found["best"]
    if best is None:
        return "none yet"
    metric = found["objective"]["metric"]
    return f"{metric}={number(best['objective'])} (trial {best['number']}: {pairs(best['params'])})"


def _print_running(running: list[dict[str, Any]]) -> None:
    if not running:
        return
    print("\nrunning:")
    for trial in running:
        print(f"  trial {trial['number']} on {trial['node']}: {pairs(trial['params'])}")


def _print_failures(failures: list[dict[str, Any]]) -> None:
    if failures:
        print("\nfailed:")
    for failure in failures:
        times = f"{failure['count']} times, first in" if failure["count"] > 1 else "in"
        print(f"  {failure['cause']}, {times} trial {failure['trial']}:")
        lines = failure["message"].splitlines()
        for line in lines[-LINES:]:
            print(f"    {line}")
        print(f"    log: {failure['log'] or 'it printed nothing'}")
