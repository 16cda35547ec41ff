"""Campaigns of deep-learning trainings: ``run``, ``load``, ``results``, and what they give.

Everything is imported when first asked for, so that ``import candle_workflow`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from candle_workflow._version import __version__

if TYPE_CHECKING:
    from candle_workflow.api import load, results, run
    from candle_workflow.campaign import Result
    from candle_workflow.errors import (
        CandleError,
        ConfigError,
        DataError,
        EpochHeld,
        JournalDamaged,
        PluginError,
        SchedulerError,
        StateConflict,
        StoreError,
        TrialError,
    )
    from candle_workflow.model import Cause, State
    from candle_workflow.trainers.context import Context, NotANumber

__all__ = [
    "CandleError",
    "Cause",
    "ConfigError",
    "Context",
    "DataError",
    "EpochHeld",
    "JournalDamaged",
    "NotANumber",
    "PluginError",
    "Result",
    "SchedulerError",
    "State",
    "StateConflict",
    "StoreError",
    "TrialError",
    "__version__",
    "load",
    "results",
    "run",
]

_HOMES = {
    "Cause": "model",
    "Context": "trainers.context",
    "NotANumber": "trainers.context",
    "Result": "campaign",
    "State": "model",
    "load": "api",
    "results": "api",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    home = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value = globals()[name] = getattr(home, name)  # the next time it is found at once
    return value


def __dir__() -> list[str]:
    return __all__
