"""What a benchmark is: its settings, presets, metrics, data and trainer.

A benchmark's file defines one ``BENCHMARK`` and an entry point in the group
``candle_workflow.benchmarks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from candle_workflow.trainers.context import Context

Train = Callable[[dict[str, Any], Context], Mapping[str, float] | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter of a benchmark: default, meaning, and what it may be.

    ``choices`` lists the allowed values; ``low`` and ``high`` bound a number, both
    included. A list-valued setting is checked for being a list only.
    """

    default: Any
    doc: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A problem that ships with its trainer.

    Attributes
    ----------
    name, title : str
    settings : mapping
        Every parameter the trainer accepts; a campaign's params and space may name only these.
    presets : mapping
        Named sets of values over the defaults; ``full`` is the published model.
    metrics : mapping
        Metric name -> ``min`` or ``max``: what is reported at every epoch.
    train : callable
        ``(params, context) -> metrics``; params hold every setting.
    describe : callable
        ``params -> {"parameters", "trainable", "input_shape", ...}`` without allocating weights.
    framework : str
        What the trial's server preloads: ``keras`` or nothing.
    sources : tuple
        The names that ``data.source`` may have.
    aliases : mapping
        Old parameter names (CANDLE's ``lr``, ``drop``) -> present ones, accepted with a notice.
    """

    name: str
    title: str
    settings: Mapping[str, Setting]
    presets: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, str]
    train: Train
    describe: Callable[[dict[str, Any]], dict[str, Any]]
    framework: str = "keras"
    sources: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def defaults(self, preset: str | None = None) -> dict[str, Any]:
        """Every setting's value before a campaign's own; KeyError for an unknown preset."""
        values = {name: setting.default for name, setting in self.settings.items()}
        return values | dict(self.presets[preset] if preset else {})
