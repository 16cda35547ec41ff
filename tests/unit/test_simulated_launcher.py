"""The simulated launcher: virtual time, drawn faults, a surface with an optimum."""

import itertools
import math
from collections import Counter

import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.launchers.simulated import SimulatedLauncher, Surface
from candle_workflow.model import Attempt, Cause, Ended, Measured, Resources, Workload
from candle_workflow.testing.play import attempts, finish


def launcher(*, time_s=None, **options):
    resources = Resources(time_s=time_s)
    return SimulatedLauncher(
        Workload("c", "/x", {}, resources=resources, objective="loss"), **options
    )


def played(log, begun):
    """Give the events without the wall-clock time at which the launcher was made."""
    return [
        (type(e), e.number, e.attempt, round(e.time - begun, 6), getattr(e, "values", None))
        for e in log.events
    ]


def test_same_seeds_give_the_same_play():
    plays = []
    for _ in range(2):
        with launcher(seconds={"low": 1, "high": 9}, steps=3, faults={"error": 0.3}) as simulated:
            begun = simulated.now()
            plays.append(played(finish(simulated, attempts(50)), begun))
    assert plays[0] == plays[1]


def test_a_trials_fate_does_not_depend_on_the_others():
    with launcher(seconds={"low": 1, "high": 9}, faults={"error": 0.5}) as simulated:
        together = finish(simulated, attempts(20))
    with launcher(seconds={"low": 1, "high": 9}, faults={"error": 0.5}) as simulated:
        alone = finish(simulated, attempts(20)[13:14])
    one, other = together.end(13), alone.end(13)
    assert (one.cause, one.metrics) == (other.cause, other.metrics)
    assert math.isclose(one.time - one.started, other.time - other.started, abs_tol=1e-5)


def test_another_attempt_is_drawn_anew_but_measures_the_same():
    with launcher(faults={"lost": 0.5}) as simulated:
        log = finish(simulated, [Attempt(0, n, {"x": 1}, seed=3) for n in range(1, 41)])
    ends = log.ends()
    assert {e.cause for e in ends} == {None, Cause.LOST}
    assert len({e.metrics["loss"] for e in ends if e.cause is None}) == 1


def test_faults_come_as_often_as_said():
    faults = {"error": 0.1, "exit": 0.1, "oom": 0.1, "timeout": 0.1, "nan": 0.1, "lost": 0.1}
    with launcher(slots=500, faults=faults) as simulated:
        counts = Counter(e.cause for e in finish(simulated, attempts(5000)).ends())
    assert set(counts) == {None, *map(Cause, faults)}
    for cause in faults:
        assert 400 < counts[cause] < 600, cause


def test_time_is_virtual_and_passes_with_poll():
    with launcher(slots=2, seconds=100.0, steps=2) as simulated:
        begun = simulated.now()
        log = finish(simulated, attempts(4))
        assert math.isclose(simulated.now() - begun, 200.0, abs_tol=1e-3)
        assert [round(e.time - begun) for e in log.ends()] == [100, 100, 200, 200]
        steps = [round(e.time - begun) for e in log.of(2) if isinstance(e, Measured)]
        assert steps == [150, 200]
        simulated.poll(30.0)
        assert math.isclose(simulated.now() - begun, 230.0, abs_tol=1e-3)
    times = [e.time for e in log.events]
    assert times == sorted(times)


def test_a_poll_gives_what_happens_within_its_time():
    with launcher(slots=3, seconds=10.0) as simulated:
        simulated.start(attempts(3))
        assert [e.number for e in simulated.poll(0.5)] == [0, 1, 2]
        assert simulated.free == 0
        assert len([e for e in simulated.poll(0.5) if isinstance(e, Ended)]) == 3
        assert simulated.free == 3


def test_longer_than_the_limit_is_a_timeout():
    with launcher(seconds=100.0, steps=4, time_s=60.0) as simulated:
        log = finish(simulated, attempts(1))
    ended = log.end(0)
    assert ended.cause is Cause.TIMEOUT
    assert math.isclose(ended.time - ended.started, 60.0, abs_tol=1e-3)
    assert [
        step for step, _ in ((e.step, e.values) for e in log.of(0) if isinstance(e, Measured))
    ] == [1, 2]


def test_without_steps_only_the_result_counts():
    with launcher(steps=0) as simulated:
        log = finish(simulated, attempts(1))
    assert [type(e).__name__ for e in log.events] == ["Started", "Ended"]
    assert 0 <= log.end(0).metrics["loss"] <= 1


def test_last_measurement_is_the_result():
    with launcher(steps=5) as simulated:
        log = finish(simulated, attempts(1))
    series = [e.values["loss"] for e in log.of(0) if isinstance(e, Measured)]
    assert len(series) == 5
    assert series[-1] == log.end(0).metrics["loss"]


def test_surface_is_smooth_and_has_an_inner_best():
    surface = Surface("loss")
    line = [surface({"learning_rate": 10 ** (-4 + n / 100)}) for n in range(301)]
    assert all(0 <= value <= 1 for value in line)
    assert max(abs(a - b) for a, b in itertools.pairwise(line)) < 0.02
    assert max(line) - min(line) > 0.5
    assert surface({"o": "sgd"}) != surface({"o": "adam"})
    assert surface({"flag": True}) != surface({"flag": 1})
    assert surface({}) == 0.5
    assert surface({"layers": [100, 50], "none": None}) == surface(
        {"layers": [100, 50], "none": None}
    )


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"slots": 0}, "launcher.slots"),
        ({"slots": 2.0}, "launcher.slots"),
        ({"slots": True}, "launcher.slots"),
        ({"steps": -1}, "launcher.steps"),
        ({"seconds": -1}, "launcher.seconds"),
        ({"seconds": "fast"}, "launcher.seconds"),
        ({"seconds": {"low": 3, "high": 1}}, "launcher.seconds"),
        ({"seconds": {"low": 3}}, "launcher.seconds"),
        ({"faults": 0.5}, "launcher.faults"),
        ({"faults": {"eror": 0.5}}, "launcher.faults.eror"),
        ({"faults": {"error": 1.5}}, "launcher.faults.error"),
        ({"faults": {"error": 0.6, "lost": 0.6}}, "launcher.faults"),
        ({"slotz": 3}, "launcher.slotz"),
    ],
)
def test_bad_options_are_refused(options, key):
    with pytest.raises(ConfigError) as caught:
        launcher(**options)
    assert caught.value.key == key


def test_refusal_names_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'error'\?"):
        launcher(faults={"eror": 0.5})
