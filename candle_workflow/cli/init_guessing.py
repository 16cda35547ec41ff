"""Guess what to search over: a range around an option's default, by its kind and name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from candle_workflow.cli.init_reading import Option

SEARCHED, FIXED, SEED, LEFT = "searched", "fixed", "seed", "left"

# words in names of what no search should change
_SURROUNDINGS = re.compile(
    r"cache|checkpoint|config|cuda|data|dataset|debug|device|dir|directory|dry|experiment"
    r"|file|folder|gpu|gpus|host|interval|job|jobs|log|logdir|logger|logging|mps|name"
    r"|output|out|path|plot|port|print|quiet|resume|root|run|save|silent|test|threads|train"
    r"|valid|validation|verbose|verbosity|version|wandb|worker|workers"
)
_LENGTHS = frozenset(["epoch", "epochs", "iterations", "iters", "steps"])
_FRACTIONS = {"dropout": 0.6, "drop": 0.6, "momentum": 0.99, "beta1": 0.99, "beta2": 0.999}
_PENALTIES = frozenset(["decay", "l1", "l2", "penalty", "reg", "regularization"])

# for parameters of functions that are looked up without a default
_USUAL: dict[str, Any] = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": [16, 32, 64],
    "dropout": {"low": 0.0, "high": 0.5},
    "momentum": {"low": 0.0, "high": 0.99},
    "weight_decay": {"low": 1e-6, "high": 1e-2, "log": True},
    "optimizer": ["sgd", "adam"],
    "activation": ["relu", "tanh"],
    "units": {"low": 8, "high": 128, "log": True},
    "hidden": {"low": 8, "high": 128, "log": True},
    "layers": {"low": 1, "high": 4},
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What becomes of an option: searched over, fixed, the trial's seed, or left alone."""

    option: Option
    place: str
    value: Any = None
    sure: bool = True  # False: the user must look at the value


def guess(option: Option) -> Guess:
    """Decide what becomes of an option."""
    words = set(re.split(r"[\W_]+", option.name.lower()))
    if "seed" in words or option.name == "random_state":
        return Guess(option, SEED)
    if words & _LENGTHS and option.kind in ("int", "unknown") and not option.choices:
        sure = option.default is not None
        return Guess(option, FIXED, option.default if sure else 5, sure)
    searched = None
    if not (any(map(_SURROUNDINGS.fullmatch, words)) or option.several):
        searched = _searched(option, words)
    if searched is not None:
        return Guess(option, SEARCHED, searched)
    return _needed(option) if option.required else Guess(option, LEFT)


def _searched(option: Option, words: set[str]) -> Any:
    """A space's entry; None if nothing sensible can be said."""
    if option.choices:
        return list(option.choices) if len(option.choices) > 1 else None
    if option.kind == "switch":
        # nothing stands for the switch left out
        return list(option.flags) if len(option.flags) == 2 else [None, option.flags[0]]
    if option.kind == "bool":
        return [False, True]
    if option.default is None:
        return _USUAL.get(option.name)
    if option.kind == "float" and isinstance(option.default, int | float):
        return _floats(float(option.default), words)
    if option.kind == "int" and isinstance(option.default, int):
        return _integers(option.default, words)
    return _USUAL.get(option.name) if option.kind == "text" else None


def _floats(default: float, words: set[str]) -> Any:
    fraction = next((high for word, high in _FRACTIONS.items() if word in words), None)
    if fraction is not None and 0 <= default <= fraction:
        return {"low": 0.0, "high": fraction}
    if default == 0:
        small = {"low": 1e-6, "high": 1e-2, "log": True}
        return small if words & _PENALTIES else {"low": 0.0, "high": 1.0}
    if default < 0:
        return None
    if 0.1 < default <= 1:
        return {"low": _rounded(default / 2), "high": min(1.0, _rounded(default * 2))}
    return {"low": _rounded(default / 10), "high": _rounded(default * 10), "log": True}


def _integers(default: int, words: set[str]) -> Any:
    if default < 0:
        return None
    if "batch" in words and default > 1:
        return [default // 2, default, default * 2]
    return {"low": max(1, default // 2), "high": default * 2} if default else {"low": 0, "high": 4}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _needed(option: Option) -> Guess:
    """A value for what must be given and has no default."""
    if option.choices or option.default is not None:
        value = option.choices[0] if option.choices else option.default
        return Guess(option, FIXED, value)
    values: dict[str, Any] = {"int": 1, "float": 1.0, "unknown": 1, "bool": False}
    return Guess(option, FIXED, values.get(option.kind, "CHANGE-ME"), sure=False)


def best_metric(metrics: list[str]) -> tuple[str, str, bool]:
    """Choose a metric of those reported and its mode; and whether there was one."""
    valid = [name for name in metrics if name.startswith(("val", "test"))]
    name = next(iter(valid or metrics), "val_loss")
    lower = re.search(r"loss|err|mse|mae|rmse|perplexity|nll|cost", name)
    return name, "min" if lower else "max", bool(metrics)
