"""Trainers that do one thing, well or badly: what the contract suites run.

Named in a campaign as ``candle_workflow.testing.trainers:raises`` and so on; all measure
``score``.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from typing import Any

from candle_workflow.model import Metrics
from candle_workflow.trainers.context import Context, NotANumber

Params = dict[str, Any]


def ok(params: Params, context: Context) -> Metrics:
    """Succeed; the score is the sum of all numbers among the parameters."""
    return {"score": float(sum(v for v in params.values() if isinstance(v, int | float)))}


def number(params: Params, context: Context) -> float:
    """Succeed with a plain number."""
    return 0.25


def echoes(params: Params, context: Context) -> Metrics:
    """Print the parameter ``text``; the score is its length in code points."""
    print(params["text"])  # noqa: T201
    return {"score": float(len(params["text"]))}


def prints(params: Params, context: Context) -> Metrics:
    """Print to both streams, a progress bar too."""
    print("to stdout")  # noqa: T201
    for percent in range(0, 101, 10):
        sys.stdout.write(f"\r{percent:3d} %")
    sys.stdout.write("\n")
    sys.stdout.flush()
    print("to stderr", file=sys.stderr)  # noqa: T201
    return {"score": 1.0}


def reports_steps(params: Params, context: Context) -> None:
    """Report steps 1, 2, ... ``steps``, scores 10, 20, ...; return nothing."""
    for step in range(1, int(params.get("steps", 3)) + 1):
        context.report(step, score=10.0 * step, other=-float(step))


def raises(params: Params, context: Context) -> Metrics:
    """Raise after a measurement."""
    context.report(1, score=0.5)
    raise ValueError("no luck today")


def exits(params: Params, context: Context) -> Metrics:
    """Leave as a script does."""
    sys.exit(3)


def exits_hard(params: Params, context: Context) -> Metrics:
    """Leave without Python's knowledge. Ends the process that runs it."""
    os._exit(3)


def segfault(params: Params, context: Context) -> Metrics:
    """Crash. Ends the process that runs it."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    return {}


def killed(params: Params, context: Context) -> Metrics:
    """Be killed from outside, as far as anyone can tell. Ends the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return {}


def eats_memory(params: Params, context: Context) -> Metrics:
    """Ask for more memory than any machine has, and be refused."""
    return {"score": float(len(bytearray(1 << 60)))}


def grows(params: Params, context: Context) -> Metrics:
    """Fill ``megabytes`` of memory bit by bit, then hold them until asked to stop."""
    held = []
    for _ in range(int(params.get("megabytes", 300)) // 10):
        held.append(os.urandom(1 << 20) * 10)
        time.sleep(0.01)
    return sleeps(params, context)


def nan(params: Params, context: Context) -> Metrics:
    """Succeed with a score that is not a number."""
    return {"score": math.nan}


def not_a_number(params: Params, context: Context) -> Metrics:
    """Give up because of a nan."""
    raise NotANumber("score is not a number at step 1")


def sleeps(params: Params, context: Context) -> Metrics:
    """Wait ``seconds`` (60), but return as soon as asked to; the score says which."""
    until = time.monotonic() + float(params.get("seconds", 60))
    while time.monotonic() < until:
        if context.should_stop():
            return {"score": 0.0}
        time.sleep(0.01)
    return {"score": 1.0}


def ignores_stop(params: Params, context: Context) -> Metrics:
    """Report for ``seconds`` (60) whatever is asked."""
    until = time.monotonic() + float(params.get("seconds", 60))
    while time.monotonic() < until:
        context.report(score=0.0)
        time.sleep(0.01)
    return {"score": 1.0}


def checkpointing(params: Params, context: Context) -> Metrics:
    """Save a step number; go on from the one found. The score counts all steps."""
    begun = int(context.checkpoint.read_text()) if context.checkpoint else 0
    path = context.folder / "checkpoint"
    path.write_text(str(begun + 1))
    context.checkpointed(path, begun + 1)
    return {"score": float(begun + 1)}
