"""A command as a trainer: its arguments, environment, reports and ways of ending."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from candle_workflow.errors import ConfigError
from candle_workflow.model import Attempt, Cause, Checkpointed, Measured, Resources, Workload
from candle_workflow.trainers import command as command_module
from candle_workflow.trainers.command import CommandTrainer
from candle_workflow.trainers.results import Tail, as_object
from candle_workflow.trainers.runner import run_attempt
from candle_workflow.trainers.template import placeholders, render

SLEEP = f"sleep {10_000_000 + os.getpid()}"  # to be recognised by
ROOT_NAME = 'my "campaign\'s" folder'


@pytest.fixture
def root(tmp_path):
    path = tmp_path / ROOT_NAME
    path.mkdir()
    return path


class Runs:
    def __init__(self, root):
        self.root = root
        self.sent = []
        self.stop_after = math.inf  # measurements
        self.folder = root / "campaign" / "trials" / "4" / "2"

    def command(self, argv, *, params=None, metrics=None, environment=None, **more):
        checkpoint = more.pop("checkpoint", None)
        workload = Workload(
            "c", str(self.root / "campaign"),
            {"command": argv, "root": str(self.root), "metrics": metrics},
            resources=Resources(**more), environment=environment or {}, objective="val_auc",
        )  # fmt: skip
        return run_attempt(
            Attempt(4, 2, params or {}, seed=11, checkpoint=checkpoint),
            workload,
            send=self.sent.append,
            stopping=lambda: len(self.sent) >= self.stop_after,
            node="here",
        )

    def python(self, text, *args, **more):
        (self.root / "script.py").write_text(text)
        return self.command(["python", "script.py", *args], **more)

    def shell(self, text, **more):
        return self.command(["sh", "-c", text.replace("{", "{{").replace("}", "}}")], **more)

    def measured(self):
        return [(e.step, e.values) for e in self.sent if isinstance(e, Measured)]


@pytest.fixture
def runs(root):
    return Runs(root)


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("{lr}", "1e-05"),
        ("--lr={lr}", "--lr=1e-05"),
        ("{n}x{n}", "3x3"),
        ("{flag}", "true"),
        ("{layers}", "[100, 50]"),
        ("{text}", "Größe \"'$HOME {lr}"),
        ("{{lr}}", "{lr}"),
        ('{{"lr": {lr}}}', '{"lr": 1e-05}'),
        ("{third}", "0.30000000000000004"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_values_are_written_exactly(argument, text):
    values = {
        "lr": 1e-5, "n": 3, "flag": True, "layers": [100, 50],
        "text": "Größe \"'$HOME {lr}", "third": 0.1 + 0.2,
    }  # fmt: skip
    assert render([argument], values, Path("/nonexistent")) == [text]


def test_what_has_no_value_is_left_out_with_its_option():
    command = ["go", "--momentum", "{momentum}", "--lr", "{lr}", "--resume={checkpoint}", "-v"]
    assert render(command, {"lr": 1, "momentum": None}, Path("/")) == ["go", "--lr", "1", "-v"]
    # a value that stands before it is not its option
    assert render(["go", "--a", "{lr}", "{momentum}"], {"lr": -1}, Path("/")) == ["go", "--a", "-1"]


def test_files_of_the_campaigns_folder_are_found_from_elsewhere(root):
    (root / "train.py").write_text("")
    (root / "data").mkdir()
    (root / "train").mkdir()
    argv = ["python", "train.py", "./data", "data/", "train", "-v", "/etc", "{name}"]
    assert render(argv, {"name": "train.py"}, root) == [
        "python", f"{root}/train.py", f"{root}/data", f"{root}/data", "train", "-v", "/etc",
        "train.py",
    ]  # fmt: skip


def test_placeholders_are_listed():
    assert placeholders("--{a}={b-c}{{d}}") == ["a", "b-c"]


@pytest.mark.parametrize("argument", ["{", "a}", "{}", "{x:3}", "{x!r}", '{"a": 1}'])
def test_malformed_braces_are_refused(argument):
    with pytest.raises(ConfigError, match="braces") as caught:
        CommandTrainer(Workload("c", "/x", {"command": ["go", argument]}))
    assert caught.value.key == "trainer.command"


def test_unknown_sources_of_metrics_are_refused():
    with pytest.raises(ConfigError, match=r"unknown key 'cvs'\. Did you mean 'csv'") as caught:
        CommandTrainer(Workload("c", "/x", {"command": ["go"], "metrics": {"cvs": "a"}}))
    assert caught.value.key == "trainer.metrics.cvs"


def test_empty_command_is_refused():
    with pytest.raises(ConfigError, match="the command is empty"):
        CommandTrainer(Workload("c", "/x", {"command": []}))


def test_built_in_names(runs):
    ended = runs.python(
        "import json, sys; json.dump(sys.argv[1:], open('argv', 'w'))",
        "{trial}", "{attempt}", "{seed}", "{dir}", "{root}", "--from", "{checkpoint}",
        checkpoint="/c/kpt",
    )  # fmt: skip
    assert ended.cause is None
    assert json.loads((runs.folder / "argv").read_text()) == [
        "4", "2", "11", str(runs.folder), str(runs.root), "--from", "/c/kpt",
    ]  # fmt: skip


# ------------------------------------------------------------------ environment


def test_environment_and_folder(runs):
    ended = runs.python(
        "import json, os, sys\n"
        "ours = {k: v for k, v in os.environ.items() if k.startswith('CANDLE_')}\n"
        "ours['params'] = json.load(open(os.environ['CANDLE_PARAMS']))\n"
        "ours.update(cwd=os.getcwd(), mine=os.environ['MINE'], python=sys.executable)\n"
        "json.dump(ours, open('seen.json', 'w'))",
        params={"lr": 1e-5, "name": "é"},
        environment={"variables": {"MINE": 3}},
    )
    assert (ended.cause, ended.message) == (None, "")
    assert json.loads((runs.folder / "seen.json").read_text()) == {
        "CANDLE_TRIAL": "4",
        "CANDLE_ATTEMPT": "2",
        "CANDLE_SEED": "11",
        "CANDLE_DIR": str(runs.folder),
        "CANDLE_CHECKPOINT": "",
        "CANDLE_METRICS": str(runs.folder / "metrics.jsonl"),
        "CANDLE_PARAMS": str(runs.folder / "params.json"),
        "params": {"lr": 1e-5, "name": "é"},
        "cwd": str(runs.folder),
        "mine": "3",
        "python": sys.executable,
    }


def test_python_can_be_another(runs, root):
    other = root / "other python"
    other.write_text('#!/bin/sh\necho "$@" > args\n')
    other.chmod(0o755)
    ended = runs.command(["python", "-m", "mine"], environment={"python": str(other)})
    assert ended.cause is None
    assert (runs.folder / "args").read_text() == "-m mine\n"


# ------------------------------------------------------------------ reports


def test_json_lines_are_measurements(runs):
    ended = runs.shell(
        'echo \'{"epoch": 0, "loss": 1.5e-05, "note": "x", "ok": true}\' >> $CANDLE_METRICS\n'
        'echo \'{"loss": NaN, "acc": -Infinity}\' >> $CANDLE_METRICS\n'
        "echo >> $CANDLE_METRICS\n"
        'echo \'{"step": 7, "loss": nan, "acc": inf}\' >> $CANDLE_METRICS\n'
        'printf \'{"step": 8, "loss": 3}\' >> $CANDLE_METRICS'
    )
    assert (ended.cause, ended.metrics) == (None, {})
    steps = [step for step, _ in runs.measured()]
    values = [values for _, values in runs.measured()]
    assert steps == [0, 1, 7, 8]
    assert values[0] == {"loss": 1.5e-05}
    assert math.isnan(values[1]["loss"])
    assert values[1]["acc"] == -math.inf
    assert math.isnan(values[2]["loss"])
    assert values[2]["acc"] == math.inf
    assert values[3] == {"loss": 3.0}


def test_measurements_come_while_it_runs(runs, monkeypatch):
    monkeypatch.setattr(command_module, "READ_S", 0.0)
    runs.stop_after = 2
    ended = runs.python(
        "import os, time\n"
        "with open(os.environ['CANDLE_METRICS'], 'a') as file:\n"
        "    for text in ['{\"a\": 1}\\n{\"a\":', ' 2}\\n']:\n"
        "        print(text, end='', file=file, flush=True)\n"
        "        time.sleep(0.5)\n"
        "time.sleep(60)\n"
    )
    assert runs.measured() == [(1, {"a": 1.0}), (2, {"a": 2.0})]
    assert ended.cause is None  # the launcher says why it was stopped


def test_lines_that_mean_nothing_are_named(runs, capsys):
    ended = runs.shell(
        "echo 'loss=3' >> $CANDLE_METRICS; echo '[1]' >> $CANDLE_METRICS;"
        " echo '{\"a\": 1}' >> $CANDLE_METRICS"
    )
    assert ended.cause is None
    assert runs.measured() == [(1, {"a": 1.0})]
    assert capsys.readouterr().err.splitlines() == [
        "metrics.jsonl: not a JSON object: loss=3",
        "metrics.jsonl: not a JSON object: [1]",
    ]


def test_checkpoints_are_announced_by_json_lines(runs, capsys):
    ended = runs.shell(
        'echo 12345 > model; echo \'{"step": 3, "checkpoint": "model"}\' >> $CANDLE_METRICS;'
        ' echo \'{"checkpoint": "gone"}\' >> $CANDLE_METRICS'
    )
    assert ended.cause is None
    (saved,) = runs.sent
    assert isinstance(saved, Checkpointed)
    assert (saved.step, saved.path, saved.bytes) == (3, str(runs.folder / "model"), 6)
    assert f"there is no checkpoint {runs.folder}/gone" in capsys.readouterr().err


def test_csv_log_rows_are_measurements(runs, capsys):
    ended = runs.shell(
        "printf 'epoch,accuracy,loss,lr\\n0,0.5,1.25,NA\\n1,0.75,nan,1e-05\\n' > training.log;"
        " printf '2,0.5\\n3,1.0,0.5,' >> training.log",
        metrics={"csv": "training.log"},
    )
    assert ended.cause is None
    (zeroth, first, third) = runs.measured()
    assert zeroth == (0, {"accuracy": 0.5, "loss": 1.25})
    assert first[0] == 1
    assert first[1]["lr"] == 1e-05
    assert math.isnan(first[1]["loss"])
    assert third == (3, {"accuracy": 1.0, "loss": 0.5})
    seen = "training.log: 2 values in a row, expected 4: 2,0.5"
    assert seen in capsys.readouterr().err


def test_a_missing_csv_log_is_named(runs, capsys):
    assert runs.shell("true", metrics={"csv": "training.log"}).cause is None
    assert "training.log was not written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "metrics"),
    [
        ('{"val_auc": 0.93}', {"val_auc": 0.93}),
        ('{"val_auc": 1}\nbye\n', {"val_auc": 1.0}),
        ('{"val_auc": 1}\n{"val_auc": 2, "loss": 1.5e-05, "by": "me"}\n',
         {"val_auc": 2.0, "loss": 1.5e-05}),
        ('{"val_auc": inf}\n', {"val_auc": math.inf}),
        ('{"val_auc": 1}\n{"event": "end"}\n', {"val_auc": 1.0}),
        ('10 %\r100 %\r{"val_auc": 1}\r\n', {"val_auc": 1.0}),
        ("IMPROVE_RESULT val_loss 1.5e-05\n", {"val_auc": 1.5e-05}),
        ("IMPROVE_RESULT: top5 0.9\nIMPROVE_RESULT -inf\n", {"val_auc": -math.inf}),
        ("2020-01-01 INFO IMPROVE_RESULT 3\n", {"val_auc": 3.0}),
        ("IMPROVE_RESULT none\n", {}),
        ("loss 0.3\n", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_result_line_of_the_output(runs, output, metrics):
    ended = runs.python(f"import sys; sys.stdout.write({output!r})")
    assert (ended.cause, ended.metrics) == (None, metrics)


@pytest.mark.parametrize("token", ["nan", "NaN"])
def test_nan_in_a_result_line(runs, token):
    ended = runs.python(f"print('{{\"val_auc\": {token}}}')")
    assert math.isnan(ended.metrics["val_auc"])


def test_bare_words_inside_text_are_left_alone():
    assert as_object('{"a": nan, "b": "x: nan"}')["b"] == "x: nan"
    assert as_object('{"a": 1') is None


def test_output_goes_where_ours_goes(runs, capfdbinary):
    runs.python("import sys; print('Größe'); print('oh', file=sys.stderr)")
    out, _ = capfdbinary.readouterr()
    assert out == "Größe\noh\n".encode()


def test_a_tail_waits_for_the_end_of_a_line(tmp_path):
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.lines() == []
    path.write_bytes("a\nbé".encode()[:-1])
    assert tail.lines() == ["a"]
    path.write_bytes("a\nbé\nc".encode())
    assert tail.lines() == ["bé"]
    assert tail.lines() == []
    assert tail.lines(final=True) == ["c"]


# ------------------------------------------------------------------ ways of ending


@pytest.mark.parametrize(
    ("script", "cause", "message"),
    [
        ("exit 3", Cause.EXIT, "exit code 3"),
        ("echo 'bad luck'; exit 1", Cause.EXIT, "exit code 1: bad luck"),
        ("kill -SEGV $$", Cause.EXIT, "killed by signal 11 (SIGSEGV)"),
        ("kill -TERM $$", Cause.EXIT, "killed by signal 15 (SIGTERM)"),
        ("kill -KILL $$", Cause.LOST,
         "killed by signal 9 (SIGKILL), which we did not send: out of memory?"),
        ("exit 137", Cause.EXIT, "exit code 137 (a shell's word for signal 9, SIGKILL)"),
        ("echo 'MemoryError' >&2; exit 1", Cause.OOM, "exit code 1: MemoryError"),
        ("echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1", Cause.OOM,
         "exit code 1: torch.OutOfMemoryError: CUDA out of memory."),
    ],
)  # fmt: skip
def test_failure_has_a_cause(runs, script, cause, message):
    ended = runs.shell(script)
    assert (ended.cause, ended.message) == (cause, message)


def test_a_python_error_is_the_message(runs, capfd):
    ended = runs.python("raise ValueError('bad')")
    assert (ended.cause, ended.message) == (Cause.EXIT, "exit code 1: ValueError: bad")
    assert "Traceback" in capfd.readouterr().out


def test_measurements_before_a_failure_count(runs):
    ended = runs.shell("echo '{\"a\": 1}' >> $CANDLE_METRICS; exit 1")
    assert ended.cause is Cause.EXIT
    assert runs.measured() == [(1, {"a": 1.0})]


def test_a_program_that_is_not_there(runs):
    ended = runs.command(["no-such-program", "x"])
    assert ended.cause is Cause.ERROR
    assert "the command's program 'no-such-program' cannot be run" in ended.message


def test_passing_the_time_limit_is_a_timeout(runs):
    ended = runs.shell("sleep 60", time_s=0.2)
    assert ended.cause is Cause.TIMEOUT
    assert "time was up" in ended.message


def test_ending_well_at_the_time_limit_is_success(runs):
    ended = runs.shell(
        'trap \'echo "{\\"val_auc\\": 1}"; exit 0\' TERM; while :; do sleep 0.05; done', time_s=0.2
    )
    assert (ended.cause, ended.metrics) == (None, {"val_auc": 1.0})


def test_what_ignores_the_request_is_killed_with_its_children(runs, monkeypatch):
    monkeypatch.setattr(command_module, "GRACE_S", 0.3)
    monkeypatch.setattr(command_module, "READ_S", 0.0)
    runs.stop_after = 1
    ended = runs.shell(
        f"trap '' TERM; echo '{{\"a\": 1}}' >> $CANDLE_METRICS; {SLEEP} & wait; exit 9"
    )
    assert ended.cause is None
    assert runs.measured() == [(1, {"a": 1.0})]
    _wait_for(lambda: not sleeping())


def test_children_left_behind_are_ended(runs):
    ended = runs.shell(SLEEP + " & echo '{\"val_auc\": 1}'")
    assert (ended.cause, ended.metrics) == (None, {"val_auc": 1.0})
    _wait_for(lambda: not sleeping())


def test_closing_the_output_is_not_the_end(runs):
    ended = runs.shell("exec >&- 2>&-; sleep 0.3; echo '{\"a\": 1}' >> $CANDLE_METRICS")
    assert ended.cause is None
    assert runs.measured() == [(1, {"a": 1.0})]


def test_it_dies_with_its_parent(root):
    script = f"""
from candle_workflow.model import Attempt, Workload
from candle_workflow.trainers.runner import run_attempt
command = ["sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 60"]
work = Workload("c", {str(root)!r}, {{"command": command, "root": {str(root)!r}}})
run_attempt(Attempt(0, 1, {{}}, seed=1), work, send=print, stopping=lambda: False, node="n")
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    path = root / "trials" / "0" / "1" / "pid"
    _wait_for(path.exists)
    child = psutil.Process(int(path.read_text()))
    parent.kill()
    parent.wait()
    _wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_standard_input_is_empty(runs):
    assert runs.shell('test -z "$(cat)"').cause is None


def test_ctrl_c_leaves_nothing(runs):
    def interrupt(event):
        raise KeyboardInterrupt

    trainer = CommandTrainer(
        Workload("c", str(runs.root), {"command": ["sh", "-c", "echo '{{\"a\":1}}' >"
                 " $CANDLE_METRICS; " + SLEEP], "root": str(runs.root)})
    )  # fmt: skip
    workload = Workload("c", str(runs.root), {"command": []})
    with pytest.raises(KeyboardInterrupt):
        run_attempt(
            Attempt(0, 1, {}, seed=1), workload,
            send=interrupt, stopping=lambda: False, node="n", trainer=trainer,
        )  # fmt: skip
    _wait_for(lambda: not sleeping())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def sleeping():
    found = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == SLEEP.split()]
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def _wait_for(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
