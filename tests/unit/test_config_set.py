"""``--set``: values from the command line over those of a file."""

import pytest

from candle_workflow.config import load_campaign, parse_set
from candle_workflow.errors import ConfigError
from candle_workflow.space import Choice, Float

TEXT = """\
name: a
benchmark: other
params: {epochs: 4}
space:
  lr: {low: 0.1, high: 0.2}
objective: {metric: m, mode: max}
planner: {name: tpe, trials: 12, seed: 42, group: true}
launcher: {name: ray, isolation: process}
"""


def given(*items):
    return load_campaign(TEXT, overrides=parse_set(list(items)))


def test_arguments_are_split_at_the_first_equals_sign():
    assert parse_set(["a.b=1", "c=d=e", " f = [1, 2]", "g="]) == {
        "a.b": "1",
        "c": "d=e",
        "f": " [1, 2]",
        "g": "",
    }


@pytest.mark.parametrize("item", ["planner.trials", "", "=3"])
def test_an_argument_without_key_or_equals_sign_is_refused(item):
    with pytest.raises(ConfigError, match="is not key=value") as refusal:
        parse_set([item])
    assert refusal.value.file == "--set"


def test_values_are_read_as_yaml():
    spec = given("params.epochs=2", "params.rate=1e-3", "params.flag=on", "params.widths=[2, 3]")
    assert spec.params == {"epochs": 2, "rate": 1e-3, "flag": "on", "widths": [2, 3]}


def test_a_parameter_of_the_space_can_be_made_changed_and_replaced():
    spec = given("space.lr.low=0.05", "space.dropout.low=0.1", "space.dropout.high=0.5")
    assert spec.space.parameters == {
        "lr": Float("lr", 0.05, 0.2),
        "dropout": Float("dropout", 0.1, 0.5),
    }
    assert given("space.lr=[0.1, 0.2]").space.parameters == {"lr": Choice("lr", (0.1, 0.2))}


def test_a_section_that_the_file_lacks_is_made():
    spec = given("limits.time=5m", "trainer_env.variables.A=x")
    assert spec.limits.time_s == 300.0
    assert spec.trainer_env["variables"] == {"A": "x"}


def test_a_key_below_a_short_form_is_reached():
    assert given("benchmark.preset=small").benchmark.preset == "small"
    assert given("benchmark.preset=small").benchmark.name == "other"


@pytest.mark.parametrize("item", ["planner=random", "planner.name=random"])
def test_another_planner_keeps_trials_and_seed_but_not_the_options(item):
    planner = given(item).planner
    assert (planner.name, planner.trials, planner.seed, planner.options) == ("random", 12, 42, {})


def test_the_same_planner_keeps_its_options():
    assert given("planner=tpe").planner.options == {"group": True}


def test_another_launcher_can_be_given_options_of_its_own():
    launcher = given("launcher=simulated", "launcher.slots=4").launcher
    assert (launcher.name, launcher.options) == ("simulated", {"slots": 4})


def test_null_brings_the_default_back():
    assert given("planner.seed=null").planner.seed == 0


def test_the_later_of_two_wins():
    assert given("planner.trials=3", "planner.trials=4").planner.trials == 4


def test_a_replaced_section_has_no_lines_left():
    spec = given("space={lr: [1, 2], x: [3, 4]}")
    assert spec.origins["space.lr.choices"] == "--set"
    assert spec.origins["space.x.choices"] == "--set"
    error = spec.located(ConfigError("wrong", key="space.lr.low"))
    assert (error.file, error.line) == ("--set", None)


def test_nothing_can_be_set_below_a_list():
    with pytest.raises(ConfigError, match=r"space\.lr: is a list in the file"):
        load_campaign(
            TEXT.replace("{low: 0.1, high: 0.2}", "[1, 2]"), overrides={"space.lr.low": "1"}
        )
