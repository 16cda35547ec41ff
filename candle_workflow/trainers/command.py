"""Run a trial as a command of the user's: any program, in any language.

The command runs in the attempt's own folder, so that files of two trials never collide, in a
process group of its own that ends with it. What it prints goes where our own output goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError, nearest
from candle_workflow.model import Cause, Metrics, Workload
from candle_workflow.trainers.context import AttemptError, Context, OutOfTime
from candle_workflow.trainers.outcome import speaks_of_memory
from candle_workflow.trainers.process import die_with_parent
from candle_workflow.trainers.results import CsvRows, JsonLines, OutputScan
from candle_workflow.trainers.template import KEY, placeholders, render

TICK_S = 0.2  # how soon a request to stop is noticed
READ_S = 1.0  # how often files of metrics are read: a shared disk serves many trials
GRACE_S = 10.0  # between SIGTERM and SIGKILL; less than agents allow, so that we end the group
_PYTHONS = ("python", "python3")


class CommandTrainer:
    """A trainer that renders the campaign's command for a trial and runs it.

    Raises
    ------
    ConfigError
        The command is empty or has a malformed placeholder; ``metrics`` has an unknown key.
    """

    def __init__(self, workload: Workload) -> None:
        source = workload.trainer
        self._command = [str(argument) for argument in source["command"]]
        if not self._command:
            raise ConfigError("the command is empty; expected [program, argument, ...]", key=KEY)
        for argument in self._command:
            placeholders(argument)
        self._csv = _csv_name(source.get("metrics") or {})
        self._python = str(workload.environment.get("python") or sys.executable)
        self._variables = workload.environment.get("variables") or {}
        self._limit_s = workload.resources.time_s
        self._objective = workload.objective

    def __call__(self, params: dict[str, Any], context: Context) -> Metrics:
        """Run the command for one trial; give what its result line says."""
        folder = context.folder
        reports: list[JsonLines | CsvRows] = [JsonLines(folder / "metrics.jsonl", context)]
        if self._csv:
            reports.append(CsvRows(folder / self._csv, context))
        run = _Run(context, reports, OutputScan(self._objective), self._grace_s(context))
        run.run(self._argv(params, context), self._environment(params, context))
        return run.conclude()

    def _grace_s(self, context: Context) -> float:
        # agents leave a trial that is past its time a tenth of that, and at least a second
        limit = self._limit_s
        return GRACE_S if limit is None else min(GRACE_S, max(0.5, 0.05 * limit))

    def _argv(self, params: dict[str, Any], context: Context) -> list[str]:
        values = {
            "trial": context.number,
            "attempt": context.attempt,
            "seed": context.seed,
            "dir": str(context.folder),
            "checkpoint": str(context.checkpoint) if context.checkpoint else None,
            "root": str(context.root),
        }
        argv = render(self._command, values | params, context.root)
        if argv and argv[0] in _PYTHONS:
            argv[0] = self._python
        return argv

    def _environment(self, params: dict[str, Any], context: Context) -> dict[str, str]:
        path = context.folder / "params.json"
        path.write_text(json.dumps(params, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        ours = {
            "CANDLE_TRIAL": context.number,
            "CANDLE_ATTEMPT": context.attempt,
            "CANDLE_SEED": context.seed,
            "CANDLE_DIR": context.folder,
            "CANDLE_CHECKPOINT": context.checkpoint or "",
            "CANDLE_METRICS": context.folder / "metrics.jsonl",
            "CANDLE_PARAMS": path,
        }
        # a Python that is killed would take its last lines with it
        start = {"PYTHONUNBUFFERED": "1", **os.environ}
        return start | _texts(self._variables) | _texts(ours)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _csv_name(metrics: Mapping[str, Any]) -> str | None:
    for key in metrics:
        if key != "csv":
            raise ConfigError(
                f"unknown key '{key}'.{nearest(key, ['csv'])}", key=f"trainer.metrics.{key}"
            )
    return str(metrics["csv"]) if metrics else None


@dataclass(slots=True)
class _Run:
    """One run of a command, from its start to what it means."""

    context: Context
    reports: list[JsonLines | CsvRows]
    scan: OutputScan
    grace_s: float
    process: subprocess.Popen[bytes] | None = None
    out_of_time: bool = False
    kill_at: float | None = None  # when SIGKILL follows the SIGTERM that was sent
    killed: bool = False

    def run(self, argv: list[str], environment: dict[str, str]) -> None:
        """Run to the end; nothing of the command's group is left when this returns."""
        self.process = _start(argv, environment, self.context.folder)
        try:
            self._attend(self.process)
        finally:
            _end_group(self.process)

    def _attend(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        os.set_blocking(pipe, False)
        read_at = time.monotonic() + READ_S
        is_open = True
        while not _has_exited(process.pid):
            if is_open:
                select.select([pipe], [], [], TICK_S)
                is_open = self._pump(pipe)
            else:  # it closed its output; it has exited, or will
                time.sleep(0.01 if self.kill_at is None else TICK_S)
            self._stop_if_asked(process.pid)
            if time.monotonic() >= read_at:
                self._report()
                read_at = time.monotonic() + READ_S
        self._pump(pipe)

    def _pump(self, pipe: int) -> bool:
        """Pass on the output that is there; False at its end."""
        while True:
            try:
                data = os.read(pipe, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            _tee(data)
            self.scan.feed(data)

    def _report(self, *, final: bool = False) -> None:
        for report in self.reports:
            report.report(final=final)

    def _stop_if_asked(self, pid: int) -> None:
        now = time.monotonic()
        if self.kill_at is None and self.context.should_stop():
            left = self.context.time_left()
            self.out_of_time = left is not None and left <= 0
            self.kill_at = now + self.grace_s
            os.killpg(pid, signal.SIGTERM)
        elif self.kill_at is not None and now >= self.kill_at and not self.killed:
            self.killed = True
            os.killpg(pid, signal.SIGKILL)

    def conclude(self) -> Metrics:
        """Take the last measurements; give the metrics of the result line.

        Raises
        ------
        AttemptError
            The command failed.
        """
        assert self.process is not None
        self._report(final=True)
        result = self.scan.result()
        status = self.process.returncode
        if status == 0 or (self.kill_at is not None and not self.out_of_time):
            return result
        if self.out_of_time:
            raise OutOfTime("the command did not end by itself when its time was up")
        raise AttemptError(*_meaning(status, self.scan.last))


def _meaning(status: int, last: str) -> tuple[Cause, str]:
    """Say what an exit status other than 0 means, with the last line of output."""
    said = f": {last[:200]}" if last else ""
    if status == -signal.SIGKILL:
        # nobody of us sent it: the kernel's memory killer, or a person
        return Cause.LOST, "killed by signal 9 (SIGKILL), which we did not send: out of memory?"
    if status < 0:
        return Cause.EXIT, f"killed by signal {-status} ({_signal_name(-status)}){said}"
    cause = Cause.OOM if speaks_of_memory(last) else Cause.EXIT
    if status > 128 and _signal_name(status - 128):
        said = f" (a shell's word for signal {status - 128}, {_signal_name(status - 128)}){said}"
    return cause, f"exit code {status}{said}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _start(argv: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def tie() -> None:
        die_with_parent()
        if os.getppid() != parent:  # we went between the fork and here
            os._exit(1)

    try:
        return subprocess.Popen(  # noqa: S603  an argument vector, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            process_group=0,
            preexec_fn=tie,
        )
    except (OSError, IndexError) as error:
        program = argv[0] if argv else ""
        raise AttemptError(
            Cause.ERROR,
            f"the command's program '{program}' cannot be run: {error}. Expected the path of a"
            " program, or a name that is found on PATH",
        ) from error


def _has_exited(pid: int) -> bool:
    """Look without reaping: until then the group's number belongs to nobody else."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _tee(data: bytes) -> None:
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # a notebook's stream takes text only
        sys.stdout.write(data.decode(errors="replace"))
    else:
        sys.stdout.flush()
        buffer.write(data)
        buffer.flush()
