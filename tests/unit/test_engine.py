"""The loop: what it records, what it retries, when it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_workflow.errors import PluginError, StateConflict
from candle_workflow.history import rebuild
from candle_workflow.journal import read
from candle_workflow.limits import Limits
from candle_workflow.model import Cause, State

from .engine_kit import OBJECTIVE, Kit, finished_once, states


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "campaign" / "journal"


def records(directory: Path, *kinds: str) -> list[dict]:
    return [r for r in read(directory).records if r["k"] in kinds]


def test_a_campaign_runs_every_trial_once(directory: Path) -> None:
    verdict, history = Kit(directory).run()
    assert verdict.status == "done"
    assert states(history) == [State.COMPLETE] * 20
    assert sorted(finished_once(directory)) == list(range(20))
    assert history.best is not None
    assert history.best.objective == max(t.objective or 0 for t in history.trials.values())


def test_every_trial_is_asked_and_dispatched_before_anything_else_is_said_of_it(
    directory: Path,
) -> None:
    Kit(directory, launcher={"slots": 4, "steps": 2, "faults": {"lost": 0.2}}).run()
    seen: dict[int, list[str]] = {}
    for record in read(directory).records:
        if "trial" in record:
            seen.setdefault(record["trial"], []).append(record["k"])
    for kinds in seen.values():
        assert kinds[:2] == ["asked", "dispatched"]
        assert kinds[-1] == "ended" and kinds.count("ended") == 1
        assert kinds.count("dispatched") == kinds.count("retry") + 1


def test_a_lost_attempt_is_tried_again_until_its_retries_are_used(directory: Path) -> None:
    kit = Kit(directory, trials=3, launcher={"faults": {"lost": 1.0}}, retries={Cause.LOST: 2})
    _, history = kit.run()
    assert states(history) == [State.FAILED] * 3
    assert {t.cause for t in history.trials.values()} == {Cause.LOST}
    assert [t.attempts for t in history.trials.values()] == [3] * 3
    assert history.trials[0].ended_by == {"lost": 3}


def test_an_error_is_not_tried_again_by_itself(directory: Path) -> None:
    _, history = Kit(directory, trials=2, launcher={"faults": {"error": 1.0}}).run()
    assert [t.attempts for t in history.trials.values()] == [1, 1]


@pytest.mark.parametrize("cause", ["exit", "oom", "timeout", "nan"])
def test_a_failure_has_its_cause_and_the_campaign_goes_on(directory: Path, cause: str) -> None:
    kit = Kit(directory, trials=40, launcher={"slots": 2, "faults": {cause: 0.3}})
    verdict, history = kit.run()
    assert verdict.status == "done"
    failed = [t for t in history.trials.values() if t.state is State.FAILED]
    assert failed and {t.cause for t in failed} == {Cause(cause)}
    assert all(t.objective is None and t.message for t in failed)


def test_the_failure_limit_ends_the_campaign(directory: Path) -> None:
    kit = Kit(directory, trials=50, launcher={"faults": {"exit": 0.5}, "slots": 1})
    kit.limits = Limits(failures=4)
    verdict, history = kit.run()
    assert verdict.status == "failed"
    assert "4 trials failed" in verdict.message and "limits.failures = 4" in verdict.message
    assert states(history).count(State.FAILED) == 4
    kit.limits = Limits()
    assert kit.run()[0].status == "done"


def test_three_first_trials_with_one_traceback_end_it(directory: Path) -> None:
    verdict, history = Kit(directory, trials=50, launcher={"faults": {"error": 1.0}}).run()
    assert verdict.status == "failed"
    assert "the first 3 trials failed in the same way" in verdict.message
    assert history.trials[0].message in verdict.message
    assert len(finished_once(directory)) <= 3 + 3


def test_the_target_ends_the_campaign(directory: Path) -> None:
    kit = Kit(directory, trials=200, limits=Limits(target=0.6))
    verdict, history = kit.run()
    assert verdict.status == "limit" and "target 0.6 was reached" in verdict.message
    assert history.best is not None and (history.best.objective or 0) >= 0.6
    assert len(history.trials) < 200


def test_the_time_limit_counts_all_controllers_together(directory: Path) -> None:
    kit = Kit(directory, trials=100, launcher={"slots": 1, "seconds": 60.0})
    kit.limits = Limits(time_s=600.0)
    verdict, history = kit.run()
    assert verdict.status == "limit" and "limits.time" in verdict.message
    done = len(finished_once(directory))
    assert 9 <= done <= 11
    assert kit.run()[0].status == "limit"
    assert len(finished_once(directory)) <= done + 1
    assert all(t.state in (State.COMPLETE, State.WAITING) for t in history.trials.values())


def test_more_trials_go_on_where_it_ended(directory: Path) -> None:
    kit = Kit(directory, planner="tpe", trials=12)
    _, first = kit.run()
    kit.trials = 20
    _, second = kit.run()
    assert len(second.trials) == 20
    assert [second.trials[n].params for n in range(12)] == [
        first.trials[n].params for n in range(12)
    ]
    kit.verify()


def test_a_drain_gives_running_trials_back_and_the_next_run_finishes_them(directory: Path) -> None:
    asked = iter([None] * 8 + ["interrupted"] * 1000)
    kit = Kit(directory, launcher={"slots": 4, "seconds": {"low": 1.0, "high": 500.0}, "steps": 3})
    verdict, history = kit.run(stop_asked=lambda: next(asked))
    assert verdict.status == "interrupted"
    waiting = [t for t in history.trials.values() if t.state is State.WAITING]
    assert waiting and all(t.cause is Cause.PREEMPTED for t in waiting)
    verdict, history = kit.run()
    assert states(history) == [State.COMPLETE] * 20
    finished_once(directory)


def test_a_cancel_ends_everything_for_good(directory: Path) -> None:
    asked = iter([None] * 5 + ["cancelled"] * 1000)
    kit = Kit(directory, launcher={"slots": 4, "seconds": {"low": 1.0, "high": 500.0}})
    verdict, history = kit.run(stop_asked=lambda: next(asked))
    assert verdict.status == "cancelled"
    assert State.CANCELLED in states(history)
    assert all(state.is_finished for state in states(history))


def test_a_planner_that_would_now_suggest_something_else_is_refused(directory: Path) -> None:
    kit = Kit(directory, trials=4)
    kit.run()
    other = Kit(directory, trials=4, space={"lr": {"low": 1.0, "high": 2.0}})
    with pytest.raises(StateConflict, match="trial 0 was suggested as"):
        rebuild(read(directory).records, other.make_planner(), OBJECTIVE, verify=True)


def test_a_planner_that_stalls_is_named(directory: Path) -> None:
    class Stalled:
        done = False

        def ask(self, count: int) -> list:
            return []

        def tell(self, finished: object) -> None:
            raise AssertionError("nothing to tell")

    kit = Kit(directory)
    kit.make_planner = Stalled  # type: ignore[assignment,method-assign]
    with pytest.raises(PluginError, match="gives nothing although nothing runs"):
        kit.run()


def test_only_the_newest_attempt_may_report(directory: Path) -> None:
    """An event of an attempt that was replaced changes nothing."""
    from candle_workflow.engine import Engine
    from candle_workflow.model import Ended, Measured

    late = [
        Measured(0, 7, 1, 0.0, {"score": 99.0}),
        Ended(0, 7, 0.0, "n", 0.0, {"score": 99.0}),
    ]

    def inject(engine: Engine, ended: list) -> None:
        if late:
            engine._take([late.pop(), late.pop()][::-1])

    _, history = Kit(directory).run(on_change=inject)
    assert not late
    assert max(t.objective or 0 for t in history.trials.values()) < 2
    finished_once(directory)
    assert {r["attempt"] for r in records(directory, "measured", "ended")} == {1}
