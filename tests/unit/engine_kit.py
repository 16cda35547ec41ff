"""Build an engine from real parts around a journal folder, for the engine's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candle_workflow import plugins
from candle_workflow.engine import Engine, Rules
from candle_workflow.history import History, rebuild
from candle_workflow.journal import Journal, read
from candle_workflow.launchers.simulated import SimulatedLauncher
from candle_workflow.limits import Limits, Meter, Verdict
from candle_workflow.model import Cause, Objective, State, Workload
from candle_workflow.protocols import Planner
from candle_workflow.replay import Trial
from candle_workflow.space import Space

OBJECTIVE = Objective("score", "max")
SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "units": {"low": 8, "high": 64},
    "optimizer": ["sgd", "adam"],
    "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
}


@dataclass
class Kit:
    """Everything that decides a campaign; ``run`` goes on with whatever the folder holds."""

    directory: Path
    planner: str = "random"
    trials: int = 20
    options: Mapping[str, Any] | None = None
    launcher: Mapping[str, Any] | None = None
    retries: Mapping[Cause, int] | None = None
    limits: Limits = field(default_factory=Limits)
    space: Mapping[str, Any] | None = None

    def make_planner(self) -> Planner:
        planner: Planner = plugins.load("planners", self.planner)(
            Space.parse(self.space or SPACE), objective=OBJECTIVE, trials=self.trials, seed=5,
            **(self.options or {}),
        )  # fmt: skip
        return planner

    def run(self, **engine: Any) -> tuple[Verdict, History]:
        journal = Journal.claim(self.directory)
        reading = read(self.directory)
        planner = self.make_planner()
        history = rebuild(reading.records, planner, OBJECTIVE)
        journal.begin(reading)
        workload = Workload("c", str(self.directory.parent), {}, objective="score")
        with SimulatedLauncher(workload, **(self.launcher or {"slots": 3, "steps": 2})) as launcher:
            verdict = Engine(
                journal=journal,
                history=history,
                planner=planner,
                launcher=launcher,
                rules=Rules(OBJECTIVE, {"epochs": 3}, 5, self.retries or {Cause.LOST: 3}),
                meter=Meter(self.limits, OBJECTIVE, history.used_s, launcher.now()),
                **engine,
            ).run()
        journal.append("closed", status=verdict.status, message=verdict.message)
        journal.commit()
        journal.close()
        return verdict, history

    def verify(self) -> History:
        """Replay the journal through a fresh planner, every suggestion made again."""
        return rebuild(read(self.directory).records, self.make_planner(), OBJECTIVE, verify=True)


def suggested(trials: Mapping[int, Trial]) -> Sequence[dict[str, Any]]:
    return [trials[number].params for number in sorted(trials)]


def finished_once(directory: Path) -> dict[int, dict[str, Any]]:
    """Every trial's ``ended`` record; fails if a trial has two."""
    ends: dict[int, dict[str, Any]] = {}
    for record in read(directory).records:
        if record["k"] == "ended":
            assert record["trial"] not in ends, f"trial {record['trial']} ended twice"
            ends[record["trial"]] = record
    return ends


def states(history: History) -> list[State]:
    return [history.trials[number].state for number in sorted(history.trials)]
