"""The contract suite of launchers.

An implementation passes it by one fixture and, where it cannot do something, a class
attribute that says so::

    class TestMine(LauncherContract):
        @pytest.fixture
        def build(self):
            return lambda workload: MyLauncher(workload, slots=2)

Needs pytest. Every launcher is built, used and left within one test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.model import (
    Attempt,
    Cause,
    Checkpointed,
    Ended,
    Measured,
    Resources,
    Started,
    StopReason,
    Workload,
)
from candle_workflow.protocols import Launcher
from candle_workflow.testing.play import Log, attempts, finish, until_started

Build = Callable[[Workload], Launcher]

FAILURES = {
    "raises": (Cause.ERROR, "ValueError: no luck today (trainers.py:"),
    "exits": (Cause.EXIT, "exit code 3"),
    "eats_memory": (Cause.OOM, "MemoryError"),
    "not_a_number": (Cause.NAN, "score is not a number at step 1"),
}
CRASHES = {
    "exits_hard": (Cause.EXIT, "3"),
    "segfault": (Cause.EXIT, "SIGSEGV"),
    "killed": (Cause.LOST, ""),
}


class LauncherContract:
    """What every launcher does. Subclass it and define ``build``."""

    #: whether trainers really run (the simulated launcher only plays them)
    runs_trainers: ClassVar[bool] = True
    #: whether poll returns while a trial runs, so that it can be stopped
    concurrent: ClassVar[bool] = True
    #: trials in the huge batch
    many: ClassVar[int] = 500

    @pytest.fixture
    def build(self) -> Build:
        """Give a function that makes the launcher for a workload."""
        raise NotImplementedError("a subclass defines the fixture `build`")

    @pytest.fixture
    def campaign(self, tmp_path: Path) -> CampaignFolder:
        """Give the campaign's folder, whose name needs quoting."""
        return CampaignFolder(tmp_path / 'a campaign\'s "folder" é')

    @pytest.fixture
    def launch(self, build: Build, campaign: CampaignFolder) -> Callable[..., Launcher]:
        """Give a function that makes the launcher for one of ``testing.trainers``."""

        def make(trainer: str, **resources: Any) -> Launcher:
            function = f"candle_workflow.testing.trainers:{trainer}"
            return build(
                Workload(
                    campaign="contract",
                    folder=str(campaign.path),
                    trainer={"function": function, "root": str(campaign.path.parent)},
                    resources=Resources(gpus=0, **resources),
                    objective="score",
                )
            )

        return make

    def needs(self, ability: bool, what: str) -> None:
        """Skip a test that asks for what this launcher does not do."""
        if not ability:
            pytest.skip(f"this launcher {what}")

    # -------------------------------------------------------------- events

    def test_gives_started_then_one_ended(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            log = finish(launcher, attempts(3))
        for number in range(3):
            kinds = [type(e) for e in log.of(number) if not isinstance(e, Measured)]
            assert kinds == [Started, Ended]
            ended = log.end(number)
            assert (ended.cause, ended.message, ended.stopped) == (None, "", None)
            assert ended.started <= ended.time
            assert ended.node == log.of(number)[0].node  # type: ignore[union-attr]
        if self.runs_trainers:
            assert [log.end(n).metrics for n in range(3)] == [{"score": n} for n in range(3)]

    def test_keeps_measurements_in_order(self, launch: Callable[..., Launcher]) -> None:
        with launch("reports_steps") as launcher:
            log = finish(launcher, attempts(2, steps=5))
        for number in range(2):
            steps = [step for step, _ in log.scores(number)]
            assert steps == sorted(steps)
            assert isinstance(log.of(number)[-1], Ended)
            if self.runs_trainers:
                assert log.scores(number) == [(n, 10.0 * n) for n in range(1, 6)]
                assert log.end(number).metrics == {}

    def test_events_are_given_once(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            log = finish(launcher, attempts(2))
            log.events += launcher.poll(0)
        assert len(log.ends()) == 2

    def test_passes_unicode(self, launch: Callable[..., Launcher]) -> None:
        text = "Größe 🧬 \"'\n\\ ${HOME} {x}"
        with launch("echoes") as launcher:
            log = finish(launcher, attempts(1, text=text))
        assert log.end(0).cause is None
        if self.runs_trainers:
            assert log.end(0).metrics == {"score": len(text)}

    def test_runs_many(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            log = finish(launcher, attempts(self.many))
        assert sorted(e.number for e in log.ends()) == list(range(self.many))
        assert {e.cause for e in log.ends()} == {None}

    # -------------------------------------------------------------- places

    def test_free_falls_and_rises(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            places = launcher.free
            assert places >= 1
            launcher.start(attempts(1))
            assert launcher.free == places - 1
            log = Log()
            while not log.ends():
                log.events += launcher.poll(0.5)
            assert launcher.free >= places  # more, if it now knows that trials are short

    def test_poll_without_work_returns_at_once(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            assert launcher.poll(0) == []

    def test_poll_does_not_wait_for_the_trial(self, launch: Callable[..., Launcher]) -> None:
        self.needs(self.concurrent, "runs a trial inside poll")
        self.needs(self.runs_trainers, "has no real time")
        with launch("sleeps") as launcher:
            launcher.start(attempts(1, seconds=300))
            log = until_started(launcher, 0)
            log.events += launcher.poll(0)
            assert log.ends() == []

    def test_adopts_nothing_that_it_does_not_run(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            assert launcher.adopt([(7, 1)]) == set()

    def test_refuses_unknown_options(self, launch: Callable[..., Launcher]) -> None:
        factory = type(launch("ok"))
        with pytest.raises(ConfigError) as caught:
            factory(Workload("c", "/nonexistent", {}), slotz=3)  # type: ignore[call-arg]
        assert caught.value.key == "launcher.slotz"

    # -------------------------------------------------------------- failures

    @pytest.mark.parametrize("trainer", FAILURES)
    def test_failure_has_a_cause(self, launch: Callable[..., Launcher], trainer: str) -> None:
        cause, text = FAILURES[trainer]
        with launch(trainer) as launcher:
            log = finish(launcher, attempts(2))
        for number in range(2):
            ended = log.end(number)
            assert ended.cause is cause
            assert ended.message
            if self.runs_trainers:
                assert text in ended.message
        assert log.end(0).message == log.end(1).message

    def test_measurements_before_a_failure_are_kept(self, launch: Callable[..., Launcher]) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("raises") as launcher:
            log = finish(launcher, attempts(1))
        assert [type(e) for e in log.of(0)] == [Started, Measured, Ended]
        assert log.scores(0) == [(1, 0.5)]

    def test_nan_is_kept(self, launch: Callable[..., Launcher]) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("nan") as launcher:
            log = finish(launcher, attempts(1))
        assert log.end(0).cause is None
        assert math.isnan(log.end(0).metrics["score"])

    @pytest.mark.parametrize("trainer", CRASHES)
    def test_crash_is_an_outcome(self, launch: Callable[..., Launcher], trainer: str) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        cause, text = CRASHES[trainer]
        launcher = launch(trainer)
        self.needs(launcher.isolated, "shares its process with the trial")
        with launcher:
            log = finish(launcher, attempts(2))
        for number in range(2):
            assert log.end(number).cause is cause
            assert text in log.end(number).message

    def test_passing_the_time_limit_is_a_timeout(self, launch: Callable[..., Launcher]) -> None:
        with launch("ignores_stop", time_s=0.3) as launcher:
            log = finish(launcher, attempts(1))
        assert log.end(0).cause is Cause.TIMEOUT
        assert log.end(0).message

    def test_returning_at_the_time_limit_is_success(self, launch: Callable[..., Launcher]) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("sleeps", time_s=0.3) as launcher:
            log = finish(launcher, attempts(1))
        ended = log.end(0)
        assert (ended.cause, ended.metrics) == (None, {"score": 0.0})

    # -------------------------------------------------------------- stopping

    @pytest.mark.parametrize("reason", StopReason)
    def test_stop_before_it_begins(
        self, launch: Callable[..., Launcher], reason: StopReason
    ) -> None:
        with launch("sleeps") as launcher:
            launcher.start(attempts(1))
            launcher.stop([(0, 1)], reason)
            log = Log()
            while not log.ends():
                log.events += launcher.poll(0.5)
        assert log.end(0).stopped is reason, log.end(0)

    @pytest.mark.parametrize("reason", StopReason)
    def test_stop_while_it_runs(self, launch: Callable[..., Launcher], reason: StopReason) -> None:
        self.needs(self.concurrent, "runs a trial inside poll")
        with launch("sleeps") as launcher:
            launcher.start(attempts(1))
            log = until_started(launcher, 0)
            launcher.stop([(0, 1)], reason)
            finish(launcher, log=log)
        assert log.end(0).stopped is reason, log.end(0)
        assert log.end(0).started <= log.end(0).time

    def test_stop_leaves_others_alone(self, launch: Callable[..., Launcher]) -> None:
        with launch("ok") as launcher:
            launcher.stop([(99, 1), (0, 7)], StopReason.CANCEL)
            first = finish(launcher, attempts(1))
            launcher.stop([(0, 1)], StopReason.CANCEL)
            second = finish(launcher, [Attempt(1, 1, {"x": 1}, seed=1)])
        assert first.end(0).stopped is None
        assert second.end(1).stopped is None
        assert second.of(0) == []

    # -------------------------------------------------------------- files and processes

    def test_output_is_kept_without_progress(
        self, launch: Callable[..., Launcher], campaign: CampaignFolder
    ) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("prints") as launcher:
            finish(launcher, attempts(1))
        lines = campaign.output(0, 1).read_text().splitlines()
        assert sorted(lines) == ["100 %", "to stderr", "to stdout"]

    def test_traceback_is_in_the_log(
        self, launch: Callable[..., Launcher], campaign: CampaignFolder
    ) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("raises") as launcher:
            finish(launcher, attempts(1))
        text = campaign.output(0, 1).read_text()
        assert text.startswith("Traceback (most recent call last):\n")
        assert text.endswith("ValueError: no luck today\n")
        assert "in run_attempt" not in text

    def test_silent_trials_make_no_files(
        self, launch: Callable[..., Launcher], campaign: CampaignFolder
    ) -> None:
        with launch("ok") as launcher:
            finish(launcher, attempts(3))
        assert not campaign.trials.exists()

    def test_next_attempt_gets_the_checkpoint(
        self, launch: Callable[..., Launcher], campaign: CampaignFolder
    ) -> None:
        self.needs(self.runs_trainers, "runs no trainer")
        with launch("checkpointing") as launcher:
            log = finish(launcher, attempts(1))
            (saved,) = [e for e in log.of(0) if isinstance(e, Checkpointed)]
            assert (saved.step, saved.bytes) == (1, 1)
            again = Attempt(0, 2, {}, seed=1000, checkpoint=saved.path)
            log = finish(launcher, [again])
        assert log.end(0, 2).metrics == {"score": 2.0}
        assert (campaign.trial(0, 2) / "checkpoint").read_text() == "2"

    def test_leaves_no_process(self, launch: Callable[..., Launcher]) -> None:
        before = set(psutil.Process().children(recursive=True))
        with launch("sleeps") as launcher:
            launcher.start(attempts(1, seconds=300))
            if self.concurrent:
                until_started(launcher, 0)
        started = set(psutil.Process().children(recursive=True)) - before
        _, alive = psutil.wait_procs(list(started), timeout=20)
        assert alive == []
