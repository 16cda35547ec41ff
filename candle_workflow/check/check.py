"""Whether a campaign can work, before anything runs: its spec against the plug-ins it names.

Every refusal is a ConfigError with file, line and key. Nothing of the user's is executed, and
no framework is imported.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from candle_workflow import plugins
from candle_workflow.building import build_launcher
from candle_workflow.check.benchmark import check_benchmark
from candle_workflow.check.trainer import check_trainer
from candle_workflow.config import CampaignSpec, load_site
from candle_workflow.config.layout import CAMPAIGN, PLANNER
from candle_workflow.errors import ConfigError, nearest
from candle_workflow.folder import CampaignFolder
from candle_workflow.protocols import Planner

_WORKLOAD = ("self", "workload")  # what a launcher takes besides its options
_GIVEN = ("space", "objective", "trials", "seed", "root")  # what a planner takes besides


def check(spec: CampaignSpec) -> list[str]:
    """Make sure that a campaign can work; return what the user should know all the same.

    Raises
    ------
    ConfigError
        It cannot; says where and why.
    PluginError
        A plug-in's packages are not installed.
    """
    notices = list(spec.notices)
    try:
        notices += check_benchmark(spec)
        notices += check_trainer(spec, given=_names_of_planner(spec))
        for rule in (_check_planner, _check_launcher, _check_site):
            notices += rule(spec)
    except ConfigError as error:
        raise spec.located(error) from error
    return notices


def _names_of_planner(spec: CampaignSpec) -> frozenset[str]:
    """Parameters that trials get from the planner itself, as from the lines of a list."""
    try:
        names: frozenset[str] = getattr(_build_planner(spec), "names", frozenset())
    except ConfigError:
        return frozenset()  # its own rule, which comes later, says what is wrong
    if spec.benchmark is not None:
        settings = plugins.load("benchmarks", spec.benchmark.name).settings
        for name in sorted(names - settings.keys()):
            raise ConfigError(
                f"it gives '{name}', which {spec.benchmark.name} does not have."
                f"{nearest(name, settings)}",
                key="planner",
            )
    return names


def build_planner(spec: CampaignSpec) -> Planner:
    """Make the spec's planner, new and never asked.

    Raises
    ------
    ConfigError
        There is no such planner, or it refuses the space or an option; located.
    """
    try:
        return _build_planner(spec)
    except ConfigError as error:
        raise spec.located(error) from error


def _build_planner(spec: CampaignSpec) -> Planner:
    ref = spec.planner
    factory = _load("planners", ref.name, "planner.name")
    own = [key.name for key in PLANNER if key.name not in ref.options]
    _check_options(factory, ref.options, "planner", known=own, given=_GIVEN)
    extra = {"root": spec.root} if "root" in inspect.signature(factory).parameters else {}
    try:
        planner: Planner = factory(
            spec.space,
            objective=spec.objective,
            trials=ref.trials,
            seed=ref.seed,
            **extra,
            **ref.options,
        )
    except ConfigError as error:
        raise _of_planner(error, ref.options, own) from error
    return planner


def _of_planner(error: ConfigError, options: Iterable[str], own: list[str]) -> ConfigError:
    """Make a planner's complaint one about the file: its keys are relative to its section."""
    key = error.key or ""
    if key.partition(".")[0] in CAMPAIGN.known():
        option = key.removeprefix("planner.")
    else:
        option, key = key, f"planner.{key}" if key else "planner"
    if option in options and difflib.get_close_matches(option, own, n=1, cutoff=0.75):
        return ConfigError(f"unknown key.{nearest(option, own)}", key=key)
    return ConfigError(error.message, key=key)


def _check_planner(spec: CampaignSpec) -> list[str]:
    planner = _build_planner(spec)
    limits = spec.limits
    ends = (spec.planner.trials, getattr(planner, "size", None))
    if all(end is None for end in (*ends, limits.time_s, limits.node_hours, limits.target)):
        raise ConfigError(
            f"is missing, and nothing else ends this campaign: '{spec.planner.name}' can go on"
            " for ever; expected a number of trials, or a limit such as limits.time.",
            key="planner.trials",
        )
    if spec.space.parameters or any(suggestion.params for suggestion in planner.ask(1)):
        return []
    return ["the space is empty: all trials have the same parameters"]


def _check_launcher(spec: CampaignSpec) -> list[str]:
    factory = _load("launchers", spec.launcher.name, "launcher.name")
    _check_options(factory, spec.launcher.options, "launcher", known=["name"], given=_WORKLOAD)
    # it judges its options' values itself; nothing starts before it is entered
    build_launcher(spec, CampaignFolder(spec.root / spec.name))
    return []


def _check_site(spec: CampaignSpec) -> list[str]:
    site = load_site(spec.site.name)
    if site.scheduler != "local":
        return []
    job = {
        "account": spec.site.account,
        "queue": spec.site.queue,
        "walltime": spec.site.walltime_s,
        "nodes": None if spec.site.nodes == 1 else spec.site.nodes,
    }
    return [
        f"site.{key} means nothing on '{site.name}', which has no batch system"
        for key, value in job.items()
        if value is not None
    ]


def _load(kind: str, name: str, key: str) -> Callable[..., Any]:
    known = plugins.names(kind)
    if name not in known:
        raise ConfigError(f"there is no {kind[:-1]} '{name}'.{nearest(name, known)}", key=key)
    factory: Callable[..., Any] = plugins.load(kind, name)
    return factory


def _check_options(
    factory: Callable[..., Any],
    options: Iterable[str],
    section: str,
    *,
    known: list[str],
    given: tuple[str, ...],
) -> None:
    """Refuse options that the factory's signature does not have, if that tells."""
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    accepted = {parameter.name for parameter in parameters} - set(given)
    for option in options:
        if option not in accepted:
            raise ConfigError(
                f"unknown key.{nearest(option, [*known, *accepted])}", key=f"{section}.{option}"
            )
