"""run, resume, cancel, watch and try, as a shell runs them."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from candle_workflow.cli.entry import run as run_here
from candle_workflow.journal import read

from .cli_kit import Here, Shell

LONG = ("--set", "planner.trials=2000", "--set", "params.sleep=0.02")


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    stop_controllers(shell)


def stop_controllers(shell):
    """End what a failed test left running, by the process that holds the campaign."""
    for claim in shell.folder.glob("campaigns/*/journal/*.claim"):
        pid = json.loads(claim.read_bytes())["pid"]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"candle_workflow.cli" in command:
            os.kill(pid, signal.SIGKILL)


def until(condition, seconds=60):
    """Wait for something to become true; a test never takes so long by itself."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def results(shell, name="tiny"):
    return json.loads(shell.call("results", name, "--format", "json").stdout)


def status(shell, name="tiny"):
    return json.loads(shell.call("status", name, "--format", "json").stdout)


def has_finished_some(shell, name="tiny"):
    folder = shell.folder / "campaigns" / name / "journal"
    return sum(record["k"] == "ended" for record in read(folder).records) >= 2


def await_begin(process):
    """Read the opening lines."""
    lines = []
    while not lines or lines[-1].strip():
        lines.append(process.stdout.readline())
    return "".join(lines)


# ------------------------------------------------------------------ run


def test_run_says_how_it_begins_and_how_it_ended(shell):
    done = shell.call("run", "hpo", "tiny.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    folder = shell.folder / "campaigns" / "tiny"
    begin, *middle, end = done.stdout.split("\n\n")
    assert [line.split("  ")[0] for line in begin.splitlines()] == [
        "campaign", "results", "stop", "come back", "terminal",
    ]  # fmt: skip
    assert "tiny begins" in begin
    assert str(folder) in begin
    assert "candle-workflow resume tiny" in begin
    table = [line.split() for line in middle[-1].splitlines()]
    assert table[0] == ["trial", "state", "val_loss", "x", "time"]
    best = sorted(
        (one for one in results(shell)), key=lambda one: (one["objective"], one["number"])
    )
    assert [row[0] for row in table[2:]] == [str(one["number"]) for one in best[:5]]
    assert [line[:9].strip() for line in end.splitlines()] == [
        "ended", "trials", "results", "report", "next",
    ]  # fmt: skip
    assert (folder / "report.html").exists()
    assert (folder / "logs" / "controller.log").exists()


def test_the_same_command_goes_on_and_more_trials_may_be_set(shell):
    shell.call("run", "hpo", "tiny.yaml")
    first = results(shell)
    again = shell.call("run", "hpo", "tiny.yaml", "--set", "planner.trials=9")
    assert again.returncode == 0
    assert "tiny goes on: 6 of 9 trials are done" in again.stdout
    assert "changed: planner" in again.stdout
    assert results(shell)[:6] == first
    assert [one["number"] for one in results(shell)] == list(range(9))
    new = shell.call("run", "hpo", "tiny.yaml", "--new")
    assert "tiny begins" in new.stdout
    assert [one["number"] for one in results(shell, "tiny-2")] == list(range(6))


def test_another_space_is_refused_before_anything_runs(shell):
    shell.call("run", "hpo", "tiny.yaml")
    for wait in ("--wait", "--no-wait"):
        refused = shell.call("run", "hpo", "tiny.yaml", "--set", "space.x.high=2.0", wait)
        assert refused.returncode == 2
        assert refused.stdout == ""
        assert "--new" in refused.stderr
    assert len(results(shell)) == 6


def test_a_campaign_that_fails_ends_with_code_1(shell):
    done = shell.call("run", "hpo", "tiny.yaml", "--set", "params.limit=-1")
    assert done.returncode == 1
    assert "ended    failed: the first 3 trials failed in the same way: ValueError" in done.stdout
    assert "candle-workflow status tiny" in done.stdout
    assert "WARNING: campaign tiny trial 0.1 error: ValueError: x is too large" in done.stderr


def test_the_user_sees_a_message_and_no_traceback_unless_asked(shell):
    (shell.folder / "bad.yaml").write_text("name: bad\nplaner: tpe\n")
    plain = shell.call("run", "hpo", "bad.yaml")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("error: bad.yaml:2: planer: ")
    debug = shell.call("--debug", "run", "hpo", "bad.yaml")
    assert debug.returncode == 2
    assert "Traceback" in debug.stderr
    assert plain.stderr in debug.stderr


def test_an_unforeseen_error_leaves_a_traceback_in_a_file(tmp_path, monkeypatch, capsys):
    Shell(tmp_path).enter(monkeypatch)
    here = Here(capsys)
    monkeypatch.setattr("candle_workflow.campaign.plan", lambda spec: 1 / 0)
    here("plan", "tiny.yaml", code=1)
    assert here.err.startswith("error: ZeroDivisionError: division by zero\n")
    path = Path(here.err.split()[-1].rstrip("."))
    assert "in <lambda>" in path.read_text()
    assert "Traceback" not in here.err


def test_a_reader_that_goes_away_is_no_error(shell):
    (shell.folder / "train.py").write_text(
        "def train(params, context):\n"
        "    print('much\\n' * 100_000)\n"
        "    return {'val_loss': params['x']}\n"
    )
    shell.call("run", "hpo", "tiny.yaml", "--set", "planner.trials=1")
    command = subprocess.Popen(
        shell.argv("logs", "tiny", "0"),
        cwd=shell.folder, env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    command.stdout.read(10)
    command.stdout.close()
    assert (command.stderr.read(), command.wait()) == (b"", 141)
    command.stderr.close()


# ------------------------------------------------------------------ signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_drains_and_the_campaign_goes_on_later(shell, number):
    process = shell.start("run", "hpo", "tiny.yaml", *LONG)
    assert "tiny begins" in await_begin(process)
    until(lambda: has_finished_some(shell))
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ended    interrupted: asked to stop" in rest
    assert "candle-workflow resume tiny" in rest
    before = [one for one in results(shell) if one["state"] == "complete"]
    assert len(before) >= 2
    if number != signal.SIGINT:
        return  # the way on is the same
    more = str(len(before) + 3)
    on = shell.call("run", "hpo", "tiny.yaml", *LONG, "--set", f"planner.trials={more}")
    assert on.returncode == 0
    after = results(shell)
    assert [one["number"] for one in after] == list(range(int(more)))
    assert after[: len(before)] == before


def test_no_terminal_is_needed_once_the_reader_has_gone(shell):
    process = shell.start("run", "hpo", "tiny.yaml", "--set", "params.sleep=0.05")
    await_begin(process)
    process.stdout.close()  # what it prints from now on fails
    process.wait(timeout=60)
    assert [one["state"] for one in results(shell)] == ["complete"] * 6


# ------------------------------------------------------------------ in the background


def test_no_wait_returns_when_the_campaign_is_held(shell):
    started = shell.call("run", "hpo", "tiny.yaml", *LONG, "--no-wait")
    assert started.returncode == 0
    assert started.stdout.startswith("campaign  tiny runs in process ")
    found = status(shell)
    assert found["state"] == "running"
    pid = found["holder"]["pid"]
    assert f"process {pid};" in started.stdout
    assert os.getsid(pid) == pid != os.getsid(0)

    held = shell.call("run", "hpo", "tiny.yaml", *LONG, "--no-wait")
    assert (held.returncode, held.stdout) == (3, "")
    assert f"held by process {pid}" in held.stderr

    watching = shell.start("watch", "tiny")
    assert "/2,000 done  " in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    said, _ = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert status(shell)["state"] == "running", said

    cancelled = shell.call("cancel", "tiny")
    assert f"its controller (process {pid} on " in cancelled.stdout
    watched = shell.call("watch", "tiny")
    assert watched.returncode == 130
    assert "ended    cancelled" in watched.stdout
    log = shell.folder / "campaigns/tiny/logs/controller.log"
    until(lambda: "ended    cancelled" in log.read_text())  # after its report
    assert "terminal   may be closed" in log.read_text()

    refused = shell.call("run", "hpo", "tiny.yaml", *LONG)
    assert refused.returncode == 3
    assert "candle-workflow resume tiny" in refused.stderr
    resumed = shell.call("resume", "tiny", "--no-wait")
    assert resumed.returncode == 0, resumed.stderr
    assert status(shell)["state"] == "running"


def test_no_wait_refuses_what_is_wrong_in_the_foreground(shell):
    (shell.folder / "train.py").unlink()
    refused = shell.call("run", "hpo", "tiny.yaml", "--no-wait")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: tiny.yaml:2: trainer.function: there is no file")
    assert not (shell.folder / "campaigns").exists()


def test_a_controller_that_was_killed_is_seen_and_the_campaign_resumed(shell):
    shell.call("run", "hpo", "tiny.yaml", *LONG, "--no-wait")
    until(lambda: has_finished_some(shell))
    pid = status(shell)["holder"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: status(shell)["state"] == "vanished")
    assert f"vanished: its controller in process {pid}" in shell.call("status", "tiny").stdout
    watched = shell.call("watch", "tiny")
    assert watched.returncode == 130
    assert "ended    vanished: its controller was process" in watched.stdout
    process = shell.start("resume", "tiny")
    assert "tiny goes on: " in await_begin(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_cancelling_what_is_done_changes_nothing(shell):
    shell.call("run", "hpo", "tiny.yaml")
    assert "nothing to cancel" in shell.call("cancel", "tiny").stdout
    again = shell.call("run", "hpo", "tiny.yaml", "--set", "planner.trials=7")
    assert again.returncode == 0


# ------------------------------------------------------------------ try


def test_try_shows_what_is_printed_and_reported(shell):
    tried = shell.call("try", "tiny.yaml")
    assert tried.returncode == 0
    printed, reported, works = [line for line in tried.stdout.splitlines() if line]
    assert printed == "hello from 0"
    assert reported.startswith("reported  val_loss=")
    assert works.startswith("works     in ")
    assert not (shell.folder / "campaigns").exists()


def test_try_tells_of_a_metric_that_did_not_come(shell):
    tried = shell.call("try", "tiny.yaml", "--set", "objective.metric=val_auc")
    assert tried.returncode == 1
    assert "'val_auc' was not reported, only val_loss." in tried.stdout


def test_try_tells_why_a_trainer_failed(shell):
    tried = shell.call("try", "tiny.yaml", "--set", "params.limit=-1")
    assert tried.returncode == 1
    assert "error: ValueError: x is too large" in tried.stdout
    assert "Traceback" in tried.stdout + tried.stderr


def test_try_tells_a_trainer_of_your_own_how_long(shell):
    (shell.folder / "train.py").write_text(
        "import os\n"
        "def train(params, context):\n"
        "    return {'val_loss': float(os.environ['CANDLE_EPOCHS'])}\n"
    )
    assert "val_loss is 1\n" in shell.call("try", "tiny.yaml").stdout
    assert "val_loss is 3\n" in shell.call("try", "tiny.yaml", "--epochs", "3").stdout


def test_interrupting_a_command_that_holds_nothing(tmp_path, monkeypatch, capsys):
    Shell(tmp_path).enter(monkeypatch)

    def interrupted(spec):
        raise KeyboardInterrupt

    monkeypatch.setattr("candle_workflow.campaign.plan", interrupted)
    assert run_here(["plan", "tiny.yaml"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
