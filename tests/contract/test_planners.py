"""Every planner keeps the contract; and what one kind promises beyond it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_workflow import plugins
from candle_workflow.errors import PluginError
from candle_workflow.model import Finished, Objective, State
from candle_workflow.planners import optuna
from candle_workflow.planners.grid import GridPlanner
from candle_workflow.planners.listed import ListedPlanner
from candle_workflow.planners.random import RandomPlanner
from candle_workflow.space import Space
from candle_workflow.testing.planners import SPACE, Campaign, PlannerContract, through_json


class TestGrid(PlannerContract):
    options: ClassVar = {"points": 3}
    accepted = ("points",)
    draws = False

    @pytest.fixture
    def planner_factory(self) -> Any:
        return GridPlanner


class TestRandom(PlannerContract):
    @pytest.fixture
    def planner_factory(self) -> Any:
        return RandomPlanner


class TestListed(PlannerContract):
    accepted = ("file",)
    draws = False

    @pytest.fixture
    def planner_factory(self, tmp_path: Path) -> Any:
        points = RandomPlanner(SPACE, objective=Objective("x"), trials=60, seed=3).ask(60)
        lines = [json.dumps({"id": f"RUN{p.number:03}", **p.params}) for p in points]
        (tmp_path / "list.txt").write_text("\n".join(lines))

        def make(space: Space, **arguments: Any) -> ListedPlanner:
            return ListedPlanner(space, root=tmp_path, **{"file": "list.txt", **arguments})

        return make


class TestTPE(PlannerContract):
    accepted = ("n_startup_trials", "constant_liar", "group")

    @pytest.fixture
    def planner_factory(self) -> Any:
        return optuna.tpe


class TestTPEOneByOne(TestTPE):
    options: ClassVar = {"multivariate": False, "n_startup_trials": 3}


class TestTPEInGroups(TestTPE):
    options: ClassVar = {"group": True, "n_startup_trials": 3}


class TestTPEWithoutLies(TestTPE):
    options: ClassVar = {"constant_liar": False, "n_startup_trials": 3}


class TestCMAES(PlannerContract):
    options: ClassVar = {"popsize": 5}
    accepted = ("popsize", "n_startup_trials")

    @pytest.fixture
    def planner_factory(self) -> Any:
        return optuna.cmaes


class TestNSGA2(PlannerContract):
    options: ClassVar = {"population_size": 6}
    accepted = ("population_size", "crossover_prob")

    @pytest.fixture
    def planner_factory(self) -> Any:
        return optuna.nsga2


class TestQMC(PlannerContract):
    options: ClassVar = {"scramble": True}
    accepted = ("qmc_type", "scramble")

    @pytest.fixture
    def planner_factory(self) -> Any:
        return optuna.qmc


class TestGP(PlannerContract):
    options: ClassVar = {"n_startup_trials": 3}
    accepted = ("n_startup_trials", "deterministic_objective")
    trials = 10  # each takes a second

    @pytest.fixture
    def planner_factory(self) -> Any:
        pytest.importorskip("torch")
        return optuna.gp


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    slots=st.integers(1, 6),
    restored=st.floats(0, 1),
    group=st.booleans(),
    constant_liar=st.booleans(),
    mode=st.sampled_from(["min", "max"]),
    rng=st.randoms(use_true_random=False),
)
def test_tpe_can_be_brought_back_by_asking_and_restoring_in_any_mixture(
    seed: int, slots: int, restored: float, group: bool, constant_liar: bool, mode: str, rng: Any
) -> None:
    def make() -> Any:
        return optuna.tpe(
            SPACE, objective=Objective("score", mode), trials=None, seed=seed,
            n_startup_trials=4, group=group, constant_liar=constant_liar,
        )  # fmt: skip

    campaign = Campaign(make(), slots, random.Random(rng.random())).run(24)
    planner = make()
    for call in campaign.calls:
        if isinstance(call, Finished):
            planner.tell(call)
        elif rng.random() < restored:
            planner.restore(through_json(call))
        else:
            assert planner.ask(1) == [call]
    assert planner.ask(2) == campaign.planner.ask(2)


ANEW = """
import json, sys
from candle_workflow import plugins
from candle_workflow.model import Objective
from candle_workflow.testing.planners import SPACE, Campaign
planner = plugins.load("planners", sys.argv[1])(
    SPACE, objective=Objective("score"), trials=None, seed=5, **json.loads(sys.argv[2])
)
print(json.dumps([s.params for s in Campaign(planner).run(25).suggestions]))
"""


@pytest.mark.parametrize(
    ("name", "options"),
    [("random", {}), ("tpe", {}), ("cmaes", {}), ("nsga2", {"population_size": 4}), ("qmc", {})],
)
def test_another_process_gives_the_same(name: str, options: dict[str, Any]) -> None:
    planner = plugins.load("planners", name)(
        SPACE, objective=Objective("score"), trials=None, seed=5, **options
    )
    here = [s.params for s in Campaign(planner).run(25).suggestions]
    there = subprocess.run(
        [sys.executable, "-c", ANEW, name, json.dumps(options)],
        check=True, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "17"},
    )  # fmt: skip
    assert json.loads(there.stdout) == here
    assert there.stderr == ""


def test_every_planner_that_is_offered_is_tested_here() -> None:
    tested = {"grid", "random", "listed", "tpe", "cmaes", "gp", "nsga2", "qmc"}
    assert tested <= set(plugins.names("planners"))


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2"])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_learns_where_the_good_ones_are(name: str, mode: str) -> None:
    space = Space.parse({"x": {"low": 0.0, "high": 1.0}, "y": {"low": 0.0, "high": 1.0}})
    options = {"population_size": 8} if name == "nsga2" else {}
    planner = plugins.load("planners", name)(
        space, objective=Objective("score", mode), trials=80, seed=1, **options
    )
    sign = 1 if mode == "min" else -1
    distances = []
    for _ in range(80):
        (s,) = planner.ask(1)
        distance = (s.params["x"] - 0.2) ** 2 + (s.params["y"] - 0.7) ** 2
        distances.append(distance)
        planner.tell(Finished(s.number, s.params, State.COMPLETE, sign * distance))
    assert sum(distances[-20:]) < 0.5 * sum(distances[:20])


def test_tpe_keeps_away_from_what_was_pruned() -> None:
    space = Space.parse({"x": {"low": 0.0, "high": 1.0}})
    planner = optuna.tpe(space, objective=Objective("score", "max"), trials=None, seed=2)
    for _ in range(60):
        (s,) = planner.ask(1)
        good = s.params["x"] > 0.5
        state = State.COMPLETE if good else State.PRUNED
        planner.tell(Finished(s.number, s.params, state, s.params["x"]))
    assert all(s.params["x"] > 0.5 for s in planner.ask(5))


def test_tpe_spreads_trials_that_run_side_by_side() -> None:
    space = Space.parse({"x": {"low": 0.0, "high": 1.0}})

    def spread(constant_liar: bool) -> float:
        planner = optuna.tpe(
            space, objective=Objective("score", "max"), trials=None, seed=3,
            constant_liar=constant_liar,
        )  # fmt: skip
        for _ in range(30):
            (s,) = planner.ask(1)
            score = -((s.params["x"] - 0.5) ** 2)
            planner.tell(Finished(s.number, s.params, State.COMPLETE, score))
        values = [s.params["x"] for s in planner.ask(16)]
        return max(values) - min(values)

    assert spread(constant_liar=True) > spread(constant_liar=False)


def test_optuna_says_nothing(capfd: pytest.CaptureFixture[str], recwarn: Any) -> None:
    planner = optuna.tpe(
        SPACE, objective=Objective("score"), trials=None, seed=1, group=True, n_startup_trials=2
    )
    Campaign(planner).run(12)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    assert [str(w.message) for w in recwarn] == []


def test_the_users_own_optuna_keeps_its_log_level() -> None:
    import optuna as theirs

    before = theirs.logging.get_verbosity()
    theirs.logging.set_verbosity(theirs.logging.DEBUG)
    try:
        optuna.tpe(SPACE, objective=Objective("score"), trials=None, seed=1).ask(1)
        assert theirs.logging.get_verbosity() == theirs.logging.DEBUG
    finally:
        theirs.logging.set_verbosity(before)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("gp", "torch", "gp"), ("cmaes", "cmaes", "optuna"), ("tpe", "optuna", "optuna")],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PluginError, match=rf"'{package}'.*candle-workflow\[{extra}\]"):
        plugins.load("planners", name)(SPACE, objective=Objective("s"), trials=1, seed=1)
