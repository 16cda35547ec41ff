"""What is said when a campaign begins, and when it has ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from candle_workflow.cli.opened import handle
from candle_workflow.cli.show import duration, number, print_fields, print_table
from candle_workflow.model import Objective, State

if TYPE_CHECKING:
    from pathlib import Path

    from candle_workflow.folder import CampaignFolder
    from candle_workflow.holding import Campaign
    from candle_workflow.replay import Trial

BEST = 5


def print_begin(campaign: Campaign, *, detached: bool) -> None:
    """Say where results go, how to stop, how to come back, and about the terminal."""
    folder = campaign.folder
    word = handle(folder)
    done = sum(n for state, n in campaign.history.counts.items() if state.is_finished)
    of = "" if campaign.planned is None else f" of {campaign.planned}"
    state = f"goes on: {done}{of} trials are done" if campaign.continued else "begins"
    terminal = "keep it open: closing it is like Ctrl-C; --no-wait needs none"
    stop = "Ctrl-C gives running trials back, to go on later; twice: at once"
    print_fields(
        {
            "campaign": f"{campaign.spec.name} {state}",
            "results": str(folder.path),
            "stop": f"candle-workflow cancel {word}" if detached else stop,
            "come back": f"the same command, or: candle-workflow resume {word}",
            "terminal": "may be closed" if detached else terminal,
        }
    )
    for key, (old, new) in campaign.changes.items():
        print(f"changed: {key} from {old} to {new}")
    print(flush=True)


def print_end(
    *,
    status: str,
    message: str,
    folder: CampaignFolder,
    objective: Objective,
    best: Sequence[Trial],
    counts: Mapping[State, int],
    report: Path | None,
) -> None:
    """Say how a campaign ended, show its best trials, and name the next commands."""
    if best:
        print()
        print_trials(best, objective)
    print()
    word = handle(folder)
    ended = ", ".join(f"{n:,} {state}" for state, n in counts.items() if n) or "no trials"
    fields = {
        "ended": f"{status}: {message}" if message else status,
        "trials": ended,
        "results": str(folder.path),
        "report": str(report) if report else f"candle-workflow report {word}",
    }
    following = _next_commands(status, word, counts)
    if following:
        fields["next"] = following[0]
    print_fields(fields)
    indent = " " * (max(map(len, fields)) + 2)
    for line in following[1:]:
        print(indent + line)
    sys.stdout.flush()


def _next_commands(status: str, word: str, counts: Mapping[State, int]) -> list[str]:
    lines = []
    if counts.get(State.COMPLETE):
        lines.append(f"candle-workflow results {word} --best 1 --save best")
    if counts.get(State.FAILED):
        lines.append(f"candle-workflow status {word}    (what failed, and where its log is)")
    if status in ("interrupted", "failed", "limit", "cancelled", "vanished"):
        lines.append(f"candle-workflow resume {word}")
    return lines


def best_of(trials: Sequence[Trial], objective: Objective, count: int = BEST) -> list[Trial]:
    """Give the best complete trials, best first; of equals the earlier."""
    import heapq

    sign = -1.0 if objective.mode == "max" else 1.0
    ranked = (
        (sign * trial.objective, trial.number, trial)
        for trial in trials
        if trial.state is State.COMPLETE and trial.objective is not None
    )
    return [trial for _, _, trial in heapq.nsmallest(count, ranked, key=lambda item: item[:2])]


def print_trials(trials: Sequence[Trial], objective: Objective) -> None:
    """Print trials as a table, with as many parameters as fit."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    columns = ["trial", "state", objective.metric, *names, "time", "tries", "cause"]
    rows = [
        [
            str(trial.number),
            str(trial.state),
            number(trial.objective),
            *(number(trial.params[name]) if name in trial.params else "" for name in names),
            duration(trial.duration_s),
            str(trial.attempts),
            str(trial.cause or ""),
        ]
        for trial in trials
    ]
    for name in ("cause", "tries"):
        at = columns.index(name, len(columns) - 2)
        if all(row[at] in ("", "1") for row in rows):
            del columns[at]
            for row in rows:
                del row[at]
    print_table(columns, rows)
