"""What a campaign file means: frozen dataclasses, every default filled in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from candle_workflow.config.places import Places
from candle_workflow.errors import ConfigError
from candle_workflow.limits import Limits
from candle_workflow.model import Cause, Objective, Resources
from candle_workflow.space import Space


@dataclass(frozen=True, slots=True)
class BenchmarkRef:
    """``benchmark:``; the preset is None for the benchmark's own defaults."""

    name: str
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class TrainerSpec:
    """``trainer:``; a function ("file.py:name" or "module:name") or a command, never both."""

    function: str | None = None
    command: list[str] | None = None
    metrics: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PlannerRef:
    """``planner:``; options are the section's other keys."""

    name: str
    trials: int | None
    seed: int
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LauncherRef:
    """``launcher:``; options are the section's other keys."""

    name: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SiteRef:
    """``site:``; where, and the job that is asked for."""

    name: str
    account: str | None
    queue: str | None
    nodes: int
    walltime_s: float | None


@dataclass(frozen=True)
class CampaignSpec:
    """A campaign file's meaning, every default filled in.

    Two specs are equal if they mean the same campaign, wherever they were read.

    Attributes
    ----------
    file : Path or None
        The file it was read from; None for a text.
    root : Path
        The absolute folder that relative paths in it start from.
    keep_models : int or None
        Of how many best trials models are kept; None = all.
    origins : mapping
        Dotted key -> ``nt3.yaml:12``, ``--set`` or ``default``.
    notices : tuple
        What the user should know of how the file was read.
    """

    name: str
    kind: str
    root: Path
    benchmark: BenchmarkRef | None
    trainer: TrainerSpec | None
    data: dict[str, Any]
    params: dict[str, Any]
    space: Space
    objective: Objective
    planner: PlannerRef
    launcher: LauncherRef
    resources: Resources
    limits: Limits
    retries: dict[Cause, int]
    trainer_env: dict[str, Any]
    checkpoint_every_s: float
    keep_models: int | None
    site: SiteRef
    file: Path | None = field(default=None, compare=False)
    origins: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    notices: tuple[str, ...] = field(default=(), compare=False)
    _values: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _places: Places = field(default_factory=Places, compare=False, repr=False)

    def resolved(self) -> dict[str, Any]:
        """Every value, with the keys of the file, as plain JSON that reads as this spec."""
        return copy.deepcopy(self._values)

    def located(self, error: ConfigError) -> ConfigError:
        """Give the error with the file and line of its key, or of the nearest one above."""
        return self._places.located(error)


def parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give CampaignSpec's fields that stand for sections of the file."""
    benchmark, trainer = values["benchmark"], values["trainer"]
    resources, limits, site = (dict(values[key]) for key in ("resources", "limits", "site"))
    return {
        "name": values["name"],
        "kind": values["kind"],
        "benchmark": BenchmarkRef(**benchmark) if benchmark else None,
        "trainer": TrainerSpec(**trainer) if trainer else None,
        "data": only_set(values["data"]),
        "params": copy.deepcopy(values["params"]),
        "objective": _objective(values["objective"]),
        "planner": PlannerRef(**_with_options(values["planner"], "name", "trials", "seed")),
        "launcher": LauncherRef(**_with_options(values["launcher"], "name")),
        "resources": Resources(
            memory_gb=resources.pop("memory"), time_s=resources.pop("time"), **resources
        ),
        "limits": Limits(time_s=limits.pop("time"), **limits),
        "retries": {Cause(cause): count for cause, count in values["retries"].items()},
        "trainer_env": copy.deepcopy(values["trainer_env"]),
        "checkpoint_every_s": values["checkpoint_every"],
        "keep_models": None if values["keep"]["models"] == "all" else values["keep"]["models"],
        "site": SiteRef(walltime_s=site.pop("walltime"), **site),
    }


def _objective(section: Mapping[str, Any]) -> Objective:
    at = section["at"]
    if isinstance(at, dict):
        return Objective(section["metric"], section["mode"], "mean", at["mean"])
    return Objective(section["metric"], section["mode"], at)


def _with_options(section: Mapping[str, Any], *own: str) -> dict[str, Any]:
    options = {key: value for key, value in section.items() if key not in own}
    return {**{key: section[key] for key in own}, "options": copy.deepcopy(options)}


def only_set(section: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is set in a section: the rest is the benchmark's own to decide."""
    inner = {key: only_set(v) if isinstance(v, Mapping) else v for key, v in section.items()}
    return {key: value for key, value in inner.items() if value is not None and value != {}}
