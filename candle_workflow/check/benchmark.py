"""A campaign against its benchmark: settings, their values, metric and data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from candle_workflow import plugins
from candle_workflow.config import CampaignSpec
from candle_workflow.config.yaml12 import describe
from candle_workflow.errors import ConfigError, nearest
from candle_workflow.space import Choice, Float, Parameter
from candle_workflow.trainers.benchmark import Benchmark, Setting


def check_benchmark(spec: CampaignSpec) -> list[str]:
    """Make sure that the benchmark has what the campaign asks of it.

    Raises
    ------
    ConfigError
        It has not; the key says what.
    """
    if spec.benchmark is None:
        return []
    name, preset = spec.benchmark.name, spec.benchmark.preset
    known = plugins.names("benchmarks")
    if name not in known:
        raise ConfigError(
            f"there is no benchmark '{name}'.{nearest(name, known)}", key="benchmark.name"
        )
    benchmark: Benchmark = plugins.load("benchmarks", name)
    if preset is not None and preset not in benchmark.presets:
        raise ConfigError(
            f"{name} has no preset '{preset}'.{nearest(preset, benchmark.presets)}",
            key="benchmark.preset",
        )
    _check_settings(spec, benchmark)
    _check_data(spec, benchmark)
    return _check_metric(spec, benchmark)


def _check_settings(spec: CampaignSpec, benchmark: Benchmark) -> None:
    for name, value in spec.params.items():
        check_value(_setting(benchmark, name, f"params.{name}"), value, f"params.{name}")
    for name, parameter in spec.space.parameters.items():
        setting = _setting(benchmark, name, f"space.{name}")
        _refuse_floats(setting, parameter)
        for key, value in _extremes(parameter):
            check_value(setting, value, key)


def _setting(benchmark: Benchmark, name: str, key: str) -> Setting:
    if name not in benchmark.settings:
        raise ConfigError(
            f"{benchmark.name} has no parameter '{name}'.{nearest(name, benchmark.settings)}",
            key=key,
        )
    return benchmark.settings[name]


def _extremes(parameter: Parameter) -> Iterator[tuple[str, Any]]:
    """The values that decide whether all of a parameter's are allowed, with their keys."""
    key = f"space.{parameter.name}"
    if isinstance(parameter, Choice):
        for value in parameter.choices:
            yield key, value
    else:
        yield f"{key}.low", parameter.low
        yield f"{key}.high", parameter.high


def _refuse_floats(setting: Setting, parameter: Parameter) -> None:
    if isinstance(parameter, Float) and _is_whole(setting.default):
        raise ConfigError(
            f"is a range of floats, but '{parameter.name}' is a whole number; write both bounds"
            " without a decimal point.",
            key=f"space.{parameter.name}",
        )


def check_value(setting: Setting, value: Any, key: str) -> None:
    """Make sure that a setting may have a value.

    Raises
    ------
    ConfigError
        It may not; says what is expected.
    """
    if value is None and setting.default is None:
        return
    if setting.choices:
        if not any(_same(value, choice) for choice in setting.choices):
            raise ConfigError(
                f"is {describe(value)}, which is no choice.{nearest(str(value), setting.choices)}",
                key=key,
            )
        return
    expected = _expected(setting.default, value)
    if expected:
        raise ConfigError(f"is {describe(value)}, expected {expected}.", key=key)
    if _is_number(value):
        _check_bounds(setting, value, key)


def _expected(default: Any, value: Any) -> str | None:
    """What was expected, if the value is not of the default's kind."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if _is_whole(default):
        return None if _is_whole(value) else "a whole number"
    if isinstance(default, float):
        return None if _is_number(value) else "a number"
    if isinstance(default, str):
        return None if isinstance(value, str) else "text"
    if isinstance(default, list | tuple):
        return None if isinstance(value, list | tuple) else "a list"
    return None


def _check_bounds(setting: Setting, value: float, key: str) -> None:
    if setting.low is not None and value < setting.low:
        raise ConfigError(f"is the number {value}, expected at least {setting.low}.", key=key)
    if setting.high is not None and value > setting.high:
        raise ConfigError(f"is the number {value}, expected at most {setting.high}.", key=key)


def _same(value: Any, choice: Any) -> bool:
    # Python's True == 1, a user's true is not
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_data(spec: CampaignSpec, benchmark: Benchmark) -> None:
    source, path = spec.data.get("source"), spec.data.get("path")
    if source is not None and source not in benchmark.sources:
        raise ConfigError(
            f"{benchmark.name} has no data set '{source}'.{nearest(source, benchmark.sources)}"
            " For your own data write data.path.",
            key="data.source",
        )
    if path is not None and not (spec.root / path).exists():
        folder = (spec.root / path).parent
        suffix = Path(path).suffix
        near = [other.name for other in folder.glob(f"*{suffix}")] if folder.is_dir() else []
        raise ConfigError(
            f"there is no {path} in {spec.root}.{nearest(Path(path).name, near)}", key="data.path"
        )


def _check_metric(spec: CampaignSpec, benchmark: Benchmark) -> list[str]:
    metric, mode = spec.objective.metric, spec.objective.mode
    if metric not in benchmark.metrics:
        raise ConfigError(
            f"{benchmark.name} does not report '{metric}'.{nearest(metric, benchmark.metrics)}",
            key="objective.metric",
        )
    if mode != benchmark.metrics[metric]:
        return [
            f"objective.mode is {mode}, but {metric} is usually {benchmark.metrics[metric]}imized:"
            " the best trial will be the worst"
        ]
    return []
