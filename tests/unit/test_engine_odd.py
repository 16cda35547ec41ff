"""Launchers that repeat themselves, planners that raise, values at the edge of numbers."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from candle_workflow.history import History
from candle_workflow.journal import Journal, read
from candle_workflow.launchers.simulated import SimulatedLauncher
from candle_workflow.model import Ended, Event, Finished, Measured, State, Suggestion
from tests.unit import engine_kit
from tests.unit.engine_kit import Kit, finished_once, states


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


class Repeating(SimulatedLauncher):
    """Gives old events again, speaks of trials that nobody started, and measures after the end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dice = random.Random(7)
        self._old: list[Event] = []

    def poll(self, timeout_s: float) -> list[Event]:
        events = super().poll(timeout_s)
        given: list[Event] = []
        for event in events:
            given.append(event)
            self._old.append(event)
            if isinstance(event, Ended):
                late = Measured(event.number, event.attempt, 99, event.time, {"score": 1e9})
                given += [late, event, replace(event, metrics={"score": 1e9})]
            if self._dice.random() < 0.3:
                given.append(self._dice.choice(self._old))
                given.append(replace(event, number=10_000 + event.number))
                given.append(replace(event, attempt=event.attempt + 1))
        return given


def test_no_result_is_counted_twice(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = Kit(directory, launcher={"slots": 3, "steps": 2, "faults": {"lost": 0.3}})
    plain = Kit(directory.parent / "plain", launcher=kit.launcher)
    _, expected = plain.run()
    monkeypatch.setattr(engine_kit, "SimulatedLauncher", Repeating)
    _, history = kit.run()
    assert states(history) == states(expected)
    objectives = [t.objective for t in history.trials.values()]
    assert objectives == [t.objective for t in expected.trials.values()]
    assert all(value is None or value < 1e9 for value in objectives)
    assert len(finished_once(directory)) == kit.trials
    kit.verify()


# ------------------------------------------------------------------ planners


class Raising:
    """A planner that works until a given call, then raises."""

    def __init__(self, inner: Any, *, ask: int | None = None, tell: int | None = None) -> None:
        self._inner = inner
        self._left = {"ask": ask, "tell": tell}

    def _count(self, name: str) -> None:
        left = self._left[name]
        if left is not None:
            self._left[name] = left - 1
            if left <= 0:
                raise ZeroDivisionError(f"in {name}")

    def ask(self, count: int) -> list[Suggestion]:
        self._count("ask")
        return list(self._inner.ask(count))

    def tell(self, finished: Finished) -> None:
        self._count("tell")
        self._inner.tell(finished)

    @property
    def done(self) -> bool:
        return bool(self._inner.done)


@pytest.mark.parametrize("method", ["ask", "tell"])
@pytest.mark.parametrize("call", [0, 1, 5])
def test_a_planner_that_raises_loses_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch, method: str, call: int
) -> None:
    kit = Kit(directory, launcher={"slots": 2})
    good = kit.make_planner
    # the process lives on, as a notebook does: only it knows that its controller ended
    monkeypatch.setattr(Journal, "claim", _claim_anyway)
    kit.make_planner = lambda: Raising(good(), **{method: call})  # type: ignore[assignment,method-assign]
    with pytest.raises(ZeroDivisionError, match=f"in {method}"):
        kit.run()
    before = finished_once(directory)
    kit.make_planner = good  # type: ignore[method-assign]
    _, history = kit.run()
    assert states(history) == [State.COMPLETE] * kit.trials
    after = finished_once(directory)
    assert {number: after[number] for number in before} == before
    kit.verify()


_claim = Journal.claim


def _claim_anyway(directory: Path, **options: bool) -> Journal:
    return _claim(directory, take_over=True)


def test_a_planner_may_give_less_than_is_asked_and_nothing_for_a_while(directory: Path) -> None:
    kit = Kit(directory, trials=12, launcher={"slots": 4})
    make = kit.make_planner

    class Hesitant(Raising):
        asked = 0

        def ask(self, count: int) -> list[Suggestion]:
            self.asked += 1
            return [] if self.asked % 3 == 0 else super().ask(1)

    kit.make_planner = lambda: Hesitant(make())  # type: ignore[assignment,method-assign]
    verdict, history = kit.run()
    assert (verdict.status, states(history)) == ("done", [State.COMPLETE] * 12)


# ------------------------------------------------------------------ values


class Odd(SimulatedLauncher):
    """Every trial measures something at the edge of numbers."""

    VALUES = (math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, -0.0)

    def poll(self, timeout_s: float) -> list[Event]:
        return [self._with_value(event) for event in super().poll(timeout_s)]

    def _with_value(self, event: Event) -> Event:
        value = self.VALUES[event.number % len(self.VALUES)]
        match event:
            case Measured():
                return replace(event, values={"score": value, "other": -value})
            case Ended():
                return replace(event, metrics={})
        return event


@pytest.mark.parametrize("planner", ["random", "tpe", "cmaes", "qmc"])
def test_infinite_and_nan_objectives_come_back_from_the_journal(
    directory: Path, monkeypatch: pytest.MonkeyPatch, planner: str
) -> None:
    space = {"x": {"low": 0.0, "high": 1.0}, "y": {"low": 0.0, "high": 1.0}}
    monkeypatch.setattr(engine_kit, "SimulatedLauncher", Odd)
    kit = Kit(directory, planner=planner, trials=18, space=space)
    _, history = kit.run()
    for trial in history.trials.values():
        value = Odd.VALUES[trial.number % 6]
        if math.isnan(value):
            assert (trial.state, trial.cause, trial.objective) == (State.FAILED, "nan", None)
        else:
            assert (trial.state, trial.objective) == (State.COMPLETE, value)
    assert history.best is not None
    assert history.best.objective == math.inf
    replayed = kit.verify()
    assert _plain(replayed) == _plain(history)
    assert {r["k"] for r in read(directory).records} >= {"measured", "ended"}


def _plain(history: History) -> list[str]:
    return [repr((t.number, t.state, t.objective, t.metrics)) for t in history.trials.values()]
