"""When a campaign must end."""

from __future__ import annotations

import pytest

from candle_workflow.limits import Limits, Meter, Verdict
from candle_workflow.model import Objective


def meter(*, mode: str = "max", used_s: float = 0.0, nodes: int = 1, **limits: float) -> Meter:
    return Meter(Limits(**limits), Objective("v", mode), used_s, began=1000.0, nodes=nodes)  # type: ignore[arg-type]


def verdict(
    it: Meter, now: float = 1000.0, *, failed: int = 0, best: float | None = None
) -> Verdict | None:
    return it.verdict(now, failed=failed, best=best)


def test_without_limits_it_never_ends() -> None:
    it = meter()
    assert verdict(it, 1e12, failed=10**6, best=1e300) is None
    assert it.time_left_s(1e12) is None


def test_time_is_that_of_all_controllers_and_ends_exactly() -> None:
    it = meter(time_s=100.0, used_s=40.0)
    assert it.time_left_s(1010.0) == 50.0
    assert verdict(it, 1059.999) is None
    ended = verdict(it, 1060.0)
    assert ended is not None
    assert (ended.status, ended.message) == ("limit", "limits.time is used up after 100 s")


def test_a_clock_that_went_back_ends_nothing() -> None:
    it = meter(time_s=100.0)
    assert verdict(it, 500.0) is None
    assert it.time_left_s(500.0) == 600.0


def test_node_hours_pass_faster_on_more_nodes() -> None:
    it = meter(node_hours=2.0, nodes=4)
    assert it.time_left_s(1000.0) == 1800.0
    assert verdict(it, 2799.0) is None
    assert verdict(it, 2800.0) is not None
    assert meter(node_hours=2.0, nodes=4, time_s=60.0).time_left_s(1000.0) == 60.0


@pytest.mark.parametrize(
    ("mode", "best", "ends"),
    [
        ("max", None, False), ("max", 0.89, False), ("max", 0.9, True), ("max", 0.91, True),
        ("max", float("inf"), True), ("min", 0.91, False), ("min", 0.9, True), ("min", 0.1, True),
    ],
)  # fmt: skip
def test_the_target_is_reached_by_what_is_as_good(
    mode: str, best: float | None, ends: bool
) -> None:
    found = verdict(meter(mode=mode, target=0.9), best=best)
    assert (found is not None) == ends
    assert found is None or found.status == "limit"


def test_failures_end_it_as_failed_before_all_else() -> None:
    it = meter(failures=2, time_s=0.0, target=0.0)
    assert verdict(meter(failures=2), failed=1) is None
    found = verdict(it, 2000.0, failed=2, best=1.0)
    assert found is not None
    assert (found.status, "limits.failures = 2" in found.message) == ("failed", True)
