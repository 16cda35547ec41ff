"""Rules between the keys of a campaign file, which need no plug-in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from candle_workflow.config.spec import only_set
from candle_workflow.errors import ConfigError


def cross_check(values: Mapping[str, Any], kind: str | None) -> None:
    """Refuse values that contradict each other, or are for another kind of campaign.

    Raises
    ------
    ConfigError
        With the key of the one to change.
    """
    for rule in (_one_source, _one_way, _no_name_twice, _whole_gpus, _absolute_root):
        rule(values)
    if kind is not None and values["kind"] != kind:
        raise ConfigError(
            f"is {values['kind']}: use 'candle-workflow run {values['kind']}', not 'run {kind}'.",
            key="kind",
        )


def _one_source(values: Mapping[str, Any]) -> None:
    benchmark, trainer = values["benchmark"], values["trainer"]
    if benchmark and trainer:
        raise ConfigError("stands beside 'benchmark'; keep one of the two.", key="trainer")
    if not benchmark and not trainer:
        raise ConfigError(
            "is missing; expected either 'benchmark: NAME' (see 'candle-workflow benchmarks list')"
            " or 'trainer: {function: \"train.py:train\"}' or 'trainer: {command: [...]}'.",
            key="benchmark",
        )
    if trainer and only_set(values["data"]):
        raise ConfigError(
            "is for benchmarks only; tell your own trainer by a parameter, in 'params'.", key="data"
        )
    if values["data"]["source"] and values["data"]["path"]:
        raise ConfigError("stands beside 'source'; keep one of the two.", key="data.path")


def _one_way(values: Mapping[str, Any]) -> None:
    trainer = values["trainer"]
    if not trainer:
        return
    if trainer["function"] and trainer["command"]:
        raise ConfigError("stands beside 'function'; keep one of the two.", key="trainer.command")
    if not trainer["function"] and not trainer["command"]:
        raise ConfigError("needs one of the keys 'function' and 'command'.", key="trainer")
    if trainer["metrics"] and trainer["function"]:
        raise ConfigError(
            "is for commands; a function returns its metrics, or context.report(...)s them.",
            key="trainer.metrics",
        )


def _no_name_twice(values: Mapping[str, Any]) -> None:
    for name in values["space"]:
        if name in values["params"]:
            raise ConfigError(
                "stands in 'params' too; keep it there to fix it, or here to search over it.",
                key=f"space.{name}",
            )


def _whole_gpus(values: Mapping[str, Any]) -> None:
    gpus = values["resources"]["gpus"]
    if gpus != "auto" and gpus > 1 and not float(gpus).is_integer():
        raise ConfigError(
            f"is the number {gpus}, expected a part of one GPU or a whole number of them.",
            key="resources.gpus",
        )


def _absolute_root(values: Mapping[str, Any]) -> None:
    root = values["root"]
    if root is not None and not Path(root).is_absolute():
        raise ConfigError(
            f"is the text '{root}', expected the absolute path of a folder.", key="root"
        )


def refuse_infinite(tree: Mapping[str, Any]) -> None:
    """Refuse ``.inf`` and ``.nan``, which no key can mean and JSON cannot hold."""
    for key, value in _scalars(tree, ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"is the number {value}, expected a finite one.", key=key)


def _scalars(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _scalars(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _scalars(item, f"{key}.{index}")
    else:
        yield key, value
