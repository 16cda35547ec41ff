"""Make what a spec names: the launcher, and what all of a campaign's attempts share."""

from __future__ import annotations

from typing import Any

from candle_workflow import plugins
from candle_workflow.config import CampaignSpec
from candle_workflow.errors import ConfigError
from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Workload


def build_launcher(spec: CampaignSpec, folder: CampaignFolder) -> Any:
    """Make the spec's launcher for this campaign; nothing starts before it is entered.

    Raises
    ------
    ConfigError
        An option is unknown or wrong, or the node too small for a trial.
    """
    factory = plugins.load("launchers", spec.launcher.name)
    try:
        return factory(workload(spec, folder), **spec.launcher.options)
    except ConfigError as error:
        raise spec.located(error) from error


def workload(spec: CampaignSpec, folder: CampaignFolder) -> Workload:
    """Say what all attempts of a campaign share."""
    return Workload(
        campaign=spec.name,
        folder=str(folder.path),
        objective=spec.objective.metric,
        trainer=_trainer(spec),
        data=spec.data,
        resources=spec.resources,
        environment=spec.trainer_env,
        checkpoint_every_s=spec.checkpoint_every_s,
    )


def _trainer(spec: CampaignSpec) -> dict[str, Any]:
    root = str(spec.root)
    if spec.benchmark is not None:
        return {"benchmark": spec.benchmark.name, "root": root}
    assert spec.trainer is not None, "config: a campaign has a benchmark or a trainer"
    if spec.trainer.function is not None:
        return {"function": spec.trainer.function, "root": root}
    command = list(spec.trainer.command or ())
    return {"command": command, "metrics": spec.trainer.metrics, "root": root}


def fixed_params(spec: CampaignSpec) -> dict[str, Any]:
    """The parameters that every trial has: the benchmark's own, then the campaign's."""
    if spec.benchmark is None:
        return dict(spec.params)
    benchmark = plugins.load("benchmarks", spec.benchmark.name)
    return {**benchmark.defaults(spec.benchmark.preset), **spec.params}
