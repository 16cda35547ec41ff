"""The inline launcher, beyond the contract: it shares the controller's process."""

import logging
import os
import signal
import sys

import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.launchers.inline import InlineLauncher
from candle_workflow.model import Cause, Resources, StopReason, Workload
from candle_workflow.testing.play import attempts, finish


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(body="pass", *, environment=None, **resources):
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (tmp_path / "inline_train.py").write_text(f"def train(params, context):\n{lines}")
        trainer = {"function": "inline_train.py:train", "root": str(tmp_path)}
        return InlineLauncher(
            Workload(
                "c", str(tmp_path / "campaign"), trainer, environment=environment or {},
                resources=Resources(**resources), objective="score",
            )
        )  # fmt: skip

    return make


@pytest.fixture
def campaign(tmp_path):
    return CampaignFolder(tmp_path / "campaign")


def test_a_signal_handler_can_stop_what_runs(make):
    launcher = make(
        "import os, signal\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "return {'score': float(context.should_stop())}"
    )
    before = signal.signal(signal.SIGUSR1, lambda *_: launcher.stop([(0, 1)], StopReason.DRAIN))
    try:
        with launcher:
            log = finish(launcher, attempts(1))
            again = finish(launcher, attempts(1))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (log.end(0).stopped, log.end(0).metrics) == (StopReason.DRAIN, {"score": 1.0})
    assert again.end(0).stopped is StopReason.DRAIN  # asked anew, not remembered


def test_one_who_did_not_look_has_not_been_stopped(make):
    launcher = make("import os, signal\nos.kill(os.getpid(), signal.SIGUSR1)\nreturn 1.0")
    before = signal.signal(signal.SIGUSR1, lambda *_: launcher.stop([(0, 1)], StopReason.DRAIN))
    try:
        with launcher:
            log = finish(launcher, attempts(1))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (log.end(0).stopped, log.end(0).metrics) == (None, {"score": 1.0})


def test_one_report_past_the_limit_is_taken(make):
    with make("context.report(score=1)", time_s=0.0) as launcher:
        assert finish(launcher, attempts(1)).end(0).cause is None
    body = "for n in range(9): context.report(score=n)"
    with make(body, time_s=0.0) as launcher:
        log = finish(launcher, attempts(1))
    assert (log.end(0).cause, log.scores(0)) == (Cause.TIMEOUT, [(1, 0.0), (2, 1.0)])


def test_a_logging_handler_of_one_trial_serves_the_next(make, campaign, capsys):
    logger = logging.getLogger("inline-test")
    logger.propagate = False
    body = (
        "import logging, sys\n"
        "log = logging.getLogger('inline-test')\n"
        "if not log.handlers: log.addHandler(logging.StreamHandler())\n"
        "log.warning('trial %d', context.number)\n"
        "sys.stdout.buffer.write(b'raw\\n')"
    )
    with make(body) as launcher:
        finish(launcher, attempts(2))
        logger.warning("between")
    logger.handlers.clear()
    assert campaign.output(0, 1).read_text() == "trial 0\nraw\n"
    assert campaign.output(1, 1).read_text() == "trial 1\nraw\n"
    assert capsys.readouterr() == ("", "")


def test_variables_are_set_and_put_back(make, monkeypatch):
    monkeypatch.setenv("INLINE_A", "before")
    monkeypatch.delenv("INLINE_B", raising=False)
    body = "import os\nreturn float(os.environ['INLINE_A']) + float(os.environ['INLINE_B'])"
    environment = {"variables": {"INLINE_A": 1, "INLINE_B": "2"}}
    with make(body, environment=environment) as launcher:
        assert finish(launcher, attempts(1)).end(0).metrics == {"score": 3.0}
    assert os.environ["INLINE_A"] == "before"
    assert "INLINE_B" not in os.environ


def test_another_python_is_refused(make):
    with pytest.raises(ConfigError, match="runs trials in its own Python") as caught:
        make(environment={"python": "/opt/other/bin/python"})
    assert caught.value.key == "trainer_env.python"
    make(environment={"python": sys.executable})


def test_a_trainer_that_does_not_load_is_each_trials_error(make, campaign, tmp_path):
    launcher = make()
    (tmp_path / "inline_train.py").write_text("import nothing_like_that\n")
    with launcher:
        log = finish(launcher, attempts(2))
    assert [e.cause for e in log.ends()] == [Cause.ERROR, Cause.ERROR]
    assert log.end(0).message == log.end(1).message
    assert "nothing_like_that" in campaign.output(1, 1).read_text()
