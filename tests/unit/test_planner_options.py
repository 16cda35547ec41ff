"""What planners accept in their options, and what grid and random promise by themselves."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from candle_workflow import plugins
from candle_workflow.errors import ConfigError, StateConflict
from candle_workflow.model import Objective, Suggestion
from candle_workflow.space import Space

SPACE = Space.parse({"x": {"low": 0.0, "high": 1.0, "step": 0.25}, "how": ["a", "b"]})


def make(name: str, space: Space = SPACE, trials: int | None = None, **options: Any) -> Any:
    factory = plugins.load("planners", name)
    return factory(space, objective=Objective("loss"), trials=trials, seed=1, **options)


@pytest.mark.parametrize(
    ("name", "options", "key", "message"),
    [
        ("random", {"points": 3}, "points", "'random' has no option 'points'. It has none"),
        ("grid", {"point": 3}, "point", "Did you mean 'points'?"),
        ("grid", {"points": 0}, "points", "0 is no number of points"),
        ("grid", {"points": 2.5}, "points", "2.5"),
        ("grid", {"points": True}, "points", "True"),
        ("listed", {"fil": "a"}, "fil", "Did you mean 'file'?"),
        ("tpe", {"n_startup": 3}, "n_startup", "Did you mean 'n_startup_trials'?"),
        ("tpe", {"n_startup_trials": "ten"}, "n_startup_trials", "'ten' is not of type int"),
        ("tpe", {"n_startup_trials": True}, "n_startup_trials", "True is not of type int"),
        ("tpe", {"n_startup_trials": 2.5}, "n_startup_trials", "2.5 is not of type int"),
        ("tpe", {"group": 1}, "group", "1 is not of type bool"),
        ("tpe", {"group": None}, "group", "None is not of type bool"),
        ("tpe", {"gamma": 1}, "gamma", "no option 'gamma'"),
        ("tpe", {"warn_independent_sampling": True}, "warn_independent_sampling", "no option"),
        ("tpe", {"group": True, "multivariate": False}, None, "refuses its options"),
        ("nsga2", {"population_size": 1}, None, "greater than or equal to 2"),
        ("nsga2", {"crossover_prob": "x"}, "crossover_prob", "'x' is not of type float"),
        ("qmc", {"qmc_type": "sobel"}, None, "sobol"),
        ("cmaes", {"popsise": 5}, "popsise", "Did you mean 'popsize'?"),
    ],
)
def test_options_are_refused_with_what_would_be_right(
    name: str, options: dict[str, Any], key: str | None, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make(name, **options)
    assert caught.value.key == key
    assert message in caught.value.message


def test_numbers_of_the_right_kind_are_accepted() -> None:
    make("nsga2", crossover_prob=1, population_size=4)
    make("tpe", multivariate=None, n_ei_candidates=5)


def test_a_grid_is_given_in_order_and_capped_by_trials() -> None:
    planner = make("grid", trials=7)
    points = planner.ask(100)
    assert (planner.size, planner.done) == (7, True)
    assert [tuple(p.params.values()) for p in points] == [
        ("a", 0.0), ("a", 0.25), ("a", 0.5), ("a", 0.75), ("a", 1.0), ("b", 0.0), ("b", 0.25),
    ]  # fmt: skip
    assert make("grid", trials=70).size == 10


def test_a_grid_over_a_continuous_range_needs_points() -> None:
    space = Space.parse({"x": {"low": 0.0, "high": 1.0}})
    with pytest.raises(ConfigError, match="'points'") as caught:
        make("grid", space)
    assert caught.value.key == "space.x"
    points = [p.params["x"] for p in make("grid", space, points=5).ask(9)]
    assert points == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_grid_of_a_million_points_takes_no_memory() -> None:
    space = Space.parse({f"p{i}": {"low": 0, "high": 9} for i in range(6)})
    tracemalloc.start()
    planner = make("grid", space)
    for _ in range(100):
        last = planner.ask(100)[-1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert planner.size == 1_000_000
    assert (last.number, list(last.params.values())) == (9999, [0, 0, 9, 9, 9, 9])
    assert peak < 1_000_000


def test_a_grid_that_has_changed_is_not_gone_on_with() -> None:
    planner = make("grid")
    planner.restore(Suggestion(0, {"how": "a", "x": 0.0}))
    with pytest.raises(StateConflict, match="trial 1 was suggested as"):
        planner.restore(Suggestion(1, {"how": "a", "x": 0.5}))


@pytest.mark.parametrize("name", ["grid", "random", "tpe"])
def test_what_was_made_before_counts_even_beyond_fewer_trials(name: str) -> None:
    made = make(name).ask(4)
    planner = make(name, trials=2)
    for suggestion in made:
        planner.restore(suggestion)
    assert planner.done
    assert planner.ask(3) == []


def test_a_random_suggestion_depends_on_seed_and_number_alone() -> None:
    planner = make("random")
    planner.restore(Suggestion(41, {}))
    assert planner.ask(1) == make("random").ask(43)[42:]


def test_optuna_gives_steps_as_one_writes_them() -> None:
    space = Space.parse({"dropout": {"low": 0.0, "high": 0.5, "step": 0.05}})
    grid = {p["dropout"] for p in space.grid()}
    for name in ("tpe", "cmaes", "qmc", "nsga2"):
        drawn = {s.params["dropout"] for s in make(name, space).ask(60)}
        assert drawn <= grid
        assert len(drawn) > 5
