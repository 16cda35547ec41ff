"""The planners' contract. Subclass and define one fixture, ``planner_factory``::

    class TestMine(PlannerContract):
        @pytest.fixture
        def planner_factory(self):
            return MyPlanner

It is called as ``protocols.Planner`` says; override ``options`` for options that the
planner cannot do without. Results that planners are told here are random, failed, pruned,
cancelled and not-a-number, and come back in random order, several trials at a time.
"""

from __future__ import annotations

import difflib
import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.model import Cause, Finished, Objective, State, Suggestion
from candle_workflow.protocols import Planner
from candle_workflow.space import Space

Factory = Callable[..., Planner]
Call = Suggestion | Finished

SPACE = Space.parse(
    {
        "rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "batch": [5, 10, 20],
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.05},
        "layers": {"low": 1, "high": 9, "step": 2},
        "optimizer": ["sgd", "adam"],
        "momentum": {"low": 0.0, "high": 0.95, "when": {"optimizer": "sgd"}},
        "nesterov": {"choices": [True, False], "when": {"optimizer": "sgd"}},
    }
)


@dataclass
class Campaign:
    """Plays the engine to a planner and keeps the calls, in order, as a journal would."""

    planner: Planner
    slots: int = 4
    rng: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311
    calls: list[Call] = field(default_factory=list)
    running: list[Suggestion] = field(default_factory=list)

    def run(self, trials: int) -> Campaign:
        """Go on until so many trials were suggested, or the planner gives no more."""
        asked = 0
        while asked < trials and not self.planner.done:
            while len(self.running) >= self.slots:
                self.end_one()
            suggestions = self.planner.ask(1)
            if not suggestions:
                assert self.running, "nothing runs, and the planner gives nothing and is not done"
                self.end_one()
            asked += len(suggestions)
            self.running += suggestions
            self.calls += suggestions
        return self

    def end_one(self) -> None:
        """End a random running trial in a random way and tell the planner."""
        suggestion = self.running.pop(self.rng.randrange(len(self.running)))
        finished = outcome(suggestion, self.rng)
        self.planner.tell(finished)
        self.calls.append(finished)

    @property
    def suggestions(self) -> list[Suggestion]:
        """What was suggested, in order."""
        return [call for call in self.calls if isinstance(call, Suggestion)]


def outcome(suggestion: Suggestion, rng: random.Random) -> Finished:
    """End a trial: mostly with a number, sometimes in every other way there is."""
    kind = rng.choice([*["number"] * 6, "pruned", "failed", "nan", "inf", "cancelled", "early"])
    number, params, value = suggestion.number, suggestion.params, rng.random()
    ends = {
        "number": (State.COMPLETE, value, None),
        "pruned": (State.PRUNED, value, None),
        "early": (State.PRUNED, None, None),
        "failed": (State.FAILED, None, Cause.ERROR),
        "nan": (State.FAILED, math.nan, Cause.NAN),
        "inf": (State.COMPLETE, math.inf, None),
        "cancelled": (State.CANCELLED, None, None),
    }
    state, objective, cause = ends[kind]
    return Finished(number, params, state, objective, cause)


def through_json(suggestion: Suggestion) -> Suggestion:
    """Give what a journal gives back."""
    params = json.loads(json.dumps(suggestion.params))
    return Suggestion(suggestion.number, params, suggestion.label)


def replayed(planner: Planner, calls: list[Call]) -> list[Suggestion]:
    """Make the same calls again; give the suggestions."""
    suggestions: list[Suggestion] = []
    for call in calls:
        if isinstance(call, Suggestion):
            suggestions += planner.ask(1)
        else:
            planner.tell(call)
    return suggestions


class PlannerContract:
    """What every planner keeps to."""

    space: ClassVar[Space] = SPACE
    options: ClassVar[Mapping[str, Any]] = {}
    trials: ClassVar[int] = 40  # enough to leave a sampler's random start behind
    draws: ClassVar[bool] = True  # whether another seed gives other suggestions

    @pytest.fixture
    def make(self, planner_factory: Factory) -> Factory:
        """Build the planner with this suite's defaults."""

        def build(
            *, trials: int | None = None, seed: int = 7, mode: str = "max", **options: Any
        ) -> Planner:
            return planner_factory(
                self.space,
                objective=Objective("score", mode),
                trials=trials,
                seed=seed,
                **{**self.options, **options},
            )

        return build

    def test_is_a_planner(self, make: Factory) -> None:
        assert isinstance(make(), Planner)

    def test_numbers_run_from_zero(self, make: Factory) -> None:
        campaign = Campaign(make()).run(12)
        assert [s.number for s in campaign.suggestions] == list(range(12))

    def test_suggestions_are_within_the_space(self, make: Factory) -> None:
        for suggestion in Campaign(make()).run(self.trials).suggestions:
            self.space.check(suggestion.params)

    def test_suggestions_survive_json(self, make: Factory) -> None:
        for suggestion in Campaign(make()).run(self.trials).suggestions:
            assert repr(through_json(suggestion)) == repr(suggestion)

    def test_asking_for_three_is_asking_three_times(self, make: Factory) -> None:
        together, singly = Campaign(make()).run(20), Campaign(make()).run(20)
        assert together.planner.ask(3) == [singly.planner.ask(1)[0] for _ in range(3)]

    def test_asking_for_none_changes_nothing(self, make: Factory) -> None:
        asked, other = make(), make()
        assert asked.ask(0) == []
        assert asked.ask(2) == other.ask(2)

    @pytest.mark.parametrize("mode", ["min", "max"])
    @pytest.mark.parametrize("slots", [1, 5])
    def test_replaying_the_calls_gives_the_suggestions_again(
        self, make: Factory, mode: str, slots: int
    ) -> None:
        rng = random.Random(slots)  # noqa: S311
        campaign = Campaign(make(mode=mode), slots, rng).run(self.trials)
        assert replayed(make(mode=mode), campaign.calls) == campaign.suggestions

    def test_restoring_is_as_good_as_asking_again(self, make: Factory) -> None:
        if not hasattr(make(), "restore"):
            pytest.skip("has no restore")
        campaign = Campaign(make()).run(self.trials)
        following = campaign.planner.ask(4)
        for restored in (0.3, 1.0):
            planner = make()
            assert self._differences(planner, campaign.calls, restored) == []
            assert planner.ask(4) == following

    def _differences(self, planner: Any, calls: list[Call], restored: float) -> list[Any]:
        """Restore this part of the suggestions, at random, and ask for the others."""
        rng = random.Random(3)  # noqa: S311
        differing = []
        for call in calls:
            if isinstance(call, Finished):
                planner.tell(call)
            elif rng.random() < restored:
                planner.restore(through_json(call))
            elif (again := planner.ask(1)) != [call]:
                differing.append((call, again))
        return differing

    def test_the_seed_decides(self, make: Factory) -> None:
        one, same, other = (make(seed=seed).ask(8) for seed in (1, 1, 2))
        assert one == same
        assert (one != other) == self.draws

    def test_what_is_suggested_belongs_to_the_caller(self, make: Factory) -> None:
        spoiled, other = make(), make()
        for _ in range(3):
            spoiled.ask(1)[0].params.clear()
            other.ask(1)
        assert spoiled.ask(2) == other.ask(2)

    def test_is_done_after_its_trials(self, make: Factory) -> None:
        planner = make(trials=5)
        assert not planner.done
        assert len(planner.ask(3)) == 3
        assert not planner.done
        assert len(planner.ask(9)) == 2
        assert planner.done
        assert planner.ask(1) == []
        assert planner.done

    def test_more_trials_begin_with_the_same(self, make: Factory) -> None:
        few, many = Campaign(make(trials=6)).run(99), Campaign(make(trials=9)).run(99)
        assert few.suggestions == many.suggestions[:6]
        assert len(many.suggestions) == 9

    def test_an_unknown_option_is_refused(self, make: Factory) -> None:
        with pytest.raises(ConfigError) as caught:
            make(colour="blue")
        assert caught.value.key == "colour"

    def test_a_misspelt_option_is_refused_with_the_right_one(self, make: Factory) -> None:
        for option in self.accepted:
            with pytest.raises(ConfigError) as caught:
                make(**{_misspell(option): 1})
            assert f"'{option}'" in str(caught.value)

    accepted: ClassVar[tuple[str, ...]] = ()  # some of its options, to be misspelt


def _misspell(word: str) -> str:
    wrong = word[:-2] + word[-1]
    assert difflib.SequenceMatcher(None, wrong, word).ratio() > 0.5
    return wrong
