"""Run one attempt: load the campaign's trainer, call it, and say how it ended.

Every launcher that runs trainers comes through here, in whichever process that is.
"""

from __future__ import annotations

import copy
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from candle_workflow import plugins
from candle_workflow.model import Attempt, Ended, Event, Workload
from candle_workflow.trainers.command import CommandTrainer
from candle_workflow.trainers.context import Context
from candle_workflow.trainers.loading import load_function
from candle_workflow.trainers.outcome import as_result, explain, print_trace

Trainer = Callable[[dict[str, Any], Context], Any]


def load_trainer(workload: Workload) -> Trainer:
    """Give what runs a trial of this campaign.

    A benchmark's or a user's function is called with ``random`` seeded by the trial's seed,
    and numpy's global generator too if numpy is imported by then.

    Raises
    ------
    ConfigError, PluginError
        What the campaign names is not there, or is not a trainer. What the user's own
        module raises while it is imported passes through.
    """
    source = workload.trainer
    if "command" in source:
        return CommandTrainer(workload)
    if "benchmark" in source:
        train: Trainer = plugins.load("benchmarks", source["benchmark"]).train
    else:
        train = load_function(source["function"], str(source.get("root") or "."))

    def seeded(params: dict[str, Any], context: Context) -> Any:
        _seed(context.seed)
        return train(params, context)

    return seeded


def _seed(seed: int) -> None:
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def run_attempt(
    attempt: Attempt,
    workload: Workload,
    *,
    send: Callable[[Event], None],
    stopping: Callable[[], bool],
    node: str,
    trainer: Trainer | None = None,
) -> Ended:
    """Run a trainer to its end and give the outcome; the user's errors never pass.

    A trainer that returns by itself is complete with what it measured, also after its time
    limit or when asked to stop; whoever stopped it says so (``stopped``).

    Parameters
    ----------
    send : callable
        Takes the events of the attempt, in order; not the Ended, which is returned.
    stopping : callable
        Whether the launcher wants the attempt to return.
    trainer : callable, optional
        What ``load_trainer`` gave; without it the trainer is loaded for this attempt.

    Raises
    ------
    KeyboardInterrupt
        Someone pressed Ctrl-C: that is not the trial's outcome.
    """
    started = time.time()
    result: dict[str, Any] = {}
    try:
        # the trainer may change what it gets; later attempts get the same values
        params = copy.deepcopy(attempt.params)
        context = Context(attempt, workload, send=send, stopping=stopping)
        returned = (trainer or load_trainer(workload))(params, context)
        result["metrics"] = as_result(returned, workload.objective)
    except SystemExit as error:
        if error.code not in (None, 0):
            result["cause"], result["message"] = explain(error)
            print_trace(error)
    except Exception as error:  # all of it is the user's code
        result["cause"], result["message"] = explain(error)
        print_trace(error)
    return Ended(attempt.number, attempt.attempt, time.time(), node, started, **result)
