"""How numbers, time spans, tables and progress look."""

import io
import math

import pytest

from candle_workflow.campaign import Progress
from candle_workflow.cli import progress as progress_module
from candle_workflow.cli.progress import LINE_S, SILENCE_S, LineView, LiveView
from candle_workflow.cli.show import duration, number, pairs, print_json, print_table, rate
from candle_workflow.cli.summary import best_of
from candle_workflow.model import Objective, State
from candle_workflow.replay import Trial


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (math.inf, "-"),
        (-1, "0.0s"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7380, "2h03m"),
        (86399, "23h59m"),
        (4 * 86400 + 6 * 3600, "4d06h"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(6123.4, "6,123.4/s"), (1.0, "1.0/s"), (0.5, "30.0/min"), (0.001, "3.6/h"), (0.0, "0.0/h")],
)
def test_rate(per_s, text):
    assert rate(per_s) == text


def test_values():
    assert [number(v) for v in (None, True, 3, 0.1234567, 1e-5, "adam", [1, 2])] == [
        "-", "true", "3", "0.12346", "1e-05", "adam", "[1, 2]",
    ]  # fmt: skip
    assert pairs({"lr": 0.01, "optimizer": "sgd"}) == "lr=0.01  optimizer=sgd"


def test_json_is_strict(capsys):
    print_json({"a": math.nan, "b": [math.inf, 1.5], "c": "é"})
    assert capsys.readouterr().out == (
        '{\n  "a": null,\n  "b": [\n    null,\n    1.5\n  ],\n  "c": "é"\n}\n'
    )


def test_a_table_into_a_pipe_is_whole(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    wide = "x" * 150
    print_table(["name", "value"], [["a", wide], ["[b]", "1"]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in (lines[0], *lines[2:])] == [
        ["name", "value"], ["a", wide], ["[b]", "1"],
    ]  # fmt: skip


def test_the_best_trials_are_ranked_by_the_objective():
    def trial(n, objective, state=State.COMPLETE):
        return Trial(n, {}, asked=0.0, objective=objective, state=state)

    trials = [trial(0, 2.0), trial(1, 1.0), trial(2, 3.0), trial(3, 1.0), trial(4, None),
              trial(5, 0.0, State.PRUNED)]  # fmt: skip
    assert [t.number for t in best_of(trials, Objective("a", "min"), 3)] == [1, 3, 0]
    assert [t.number for t in best_of(trials, Objective("a", "max"), 9)] == [2, 0, 1, 3]


# ------------------------------------------------------------------ progress


class Clock:
    def __init__(self, patch):
        self.now = 1000.0
        patch.setattr(progress_module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def at(finished, *, running=2, failed=0, best=None, planned=12, now=100.0):
    counts = {State.COMPLETE: finished - failed, State.FAILED: failed}
    return Progress(counts, planned, running, best, 0.0, now, finished, None)


def best_trial():
    return Trial(5, {"lr": 0.01, "units": 8}, asked=0.0, state=State.COMPLETE, objective=0.97)


def lines(stream):
    """Lines without their clock."""
    return [line.partition("  ")[2] for line in stream.getvalue().splitlines()]


def test_plain_lines_come_with_finished_trials_and_not_too_often(clock):
    stream = io.StringIO()
    with LineView("val_auc", stream) as view:
        view.update(at(0))
        assert lines(stream) == []
        view.update(at(1))
        clock.now += LINE_S - 1
        view.update(at(2))
        clock.now += 2
        view.update(at(3, failed=1, best=best_trial()))
        clock.now += LINE_S + 1
        view.update(at(3, failed=1))  # nothing new
        clock.now += SILENCE_S
        view.update(at(3, failed=1))  # it lives
    assert lines(stream) == [
        "1/12 done  2 running  36.0/h  18m20s left",
        "3/12 done  2 running  1 failed  1.8/min  5m00s left"
        "  best val_auc=0.97 (trial 5: lr=0.01  units=8)",
        "3/12 done  2 running  1 failed  1.8/min  5m00s left",
    ]


def test_a_planner_without_end_has_no_time_left(clock):
    stream = io.StringIO()
    with LineView("val_auc", stream) as view:
        view.update(at(0, planned=None))
        view.update(at(1500, planned=None, running=16))
    assert lines(stream) == ["1,500 done  16 running  15.0/s"]


def test_the_live_view_shows_counts_best_and_rate(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    stream = io.StringIO()
    stream.isatty = lambda: True
    with LiveView("val_auc", stream) as view:
        view.update(at(3, failed=1, best=best_trial()))
        view.note("WARNING: [bold] stays as it is")
    text = stream.getvalue()
    assert "3/12 done   2 running   1 failed   1.8/min   5m00s left" in text
    assert "val_auc=0.97 (trial 5: lr=0.01  units=8)" in text
    assert "WARNING: [bold] stays as it is" in text


class HungUp(io.StringIO):
    def write(self, text):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("kind", [LineView, LiveView])
def test_a_terminal_that_has_gone_stops_nothing(kind, clock):
    stream = HungUp()
    stream.isatty = lambda: True
    with kind("val_auc", stream) as view:
        view.update(at(0))
        clock.now += SILENCE_S
        view.update(at(1))
        view.note("lost")
