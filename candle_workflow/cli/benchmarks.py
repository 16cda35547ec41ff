"""``benchmarks``: the problems that ship with their trainer."""

from __future__ import annotations

from typing import Any

import click

from candle_workflow.cli import options
from candle_workflow.cli.show import number, print_fields, print_json, print_table
from candle_workflow.errors import PluginError


@click.group(
    epilog="""\b
Example:
  candle-workflow benchmarks describe nt3"""
)
def command() -> None:
    """The problems that ship with their trainer."""


preset_option = click.option("--preset", metavar="NAME", help="A named set of its settings.")


@command.command(
    "list",
    epilog="""\b
Example:
  candle-workflow benchmarks list --format json""",
)
@options.as_json
def list_benchmarks(*, form: str) -> int:
    """List the benchmarks."""
    from candle_workflow import plugins

    rows = [_line(name) for name in plugins.names("benchmarks")]
    if form == "json":
        print_json(rows)
    else:
        columns = ["name", "title"]
        print_table(columns, [[row[column] for column in columns] for row in rows])
    return 0


def _line(name: str) -> dict[str, Any]:
    from candle_workflow import plugins

    try:
        found = plugins.load("benchmarks", name)
    except PluginError as error:  # its packages are missing; the others are still of use
        return {"name": name, "title": f"not available: {error}", "presets": [], "sources": []}
    return {
        "name": name,
        "title": found.title,
        "presets": list(found.presets),
        "sources": list(found.sources),
    }


@command.command(
    epilog="""\b
Examples:
  candle-workflow benchmarks describe nt3 --format json
  candle-workflow benchmarks describe nt3 --preset small --set dense=[100,20]"""
)
@click.argument("name")
@preset_option
@click.option(
    "--set", "sets", multiple=True, metavar="SETTING=VALUE", help="Change a setting; repeatable."
)
@options.as_json
def describe(*, name: str, preset: str | None, sets: tuple[str, ...], form: str) -> int:
    """Show the model's size, what it takes and reports, and every setting of NAME."""
    found = _describe(name, preset, sets)
    if form == "json":
        print_json(found)
        return 0
    settings = found.pop("settings")
    aliases = found.pop("aliases")
    found["presets"] = ", ".join(found["presets"])
    found["sources"] = ", ".join(found["sources"])
    print_fields({key: _text(value) for key, value in found.items() if value != ""})
    print()
    columns = ["setting", "value", "may be", "meaning"]
    rows = [[key, number(one["value"]), _allowed(one), one["doc"]] for key, one in settings.items()]
    print_table(columns, rows)
    if aliases:
        print("\nalso known as: " + ", ".join(f"{old} = {new}" for old, new in aliases.items()))
    return 0


def _text(value: Any) -> str:
    """Write what a benchmark says of itself on one line."""
    if isinstance(value, dict) and "kind" in value:  # a layer
        return f"{value['kind']} {_text(value.get('parameters'))}"
    if isinstance(value, dict):
        return ", ".join(f"{key} ({_text(inner)})" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_text(inner) for inner in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return number(value)


def _describe(name: str, preset: str | None, sets: tuple[str, ...]) -> dict[str, Any]:
    from candle_workflow import plugins
    from candle_workflow.trainers.benchmark import Benchmark

    benchmark: Benchmark = plugins.load("benchmarks", name)
    spec = _spec(benchmark, preset, sets)
    values = benchmark.defaults(preset) | spec.params
    settings = {
        key: {
            "value": values[key],
            "default": setting.default,
            "doc": setting.doc,
            "choices": list(setting.choices),
            "low": setting.low,
            "high": setting.high,
        }
        for key, setting in benchmark.settings.items()
    }
    return {
        "name": name,
        "title": benchmark.title,
        **benchmark.describe(values),
        "metrics": dict(benchmark.metrics),
        "presets": {key: dict(inner) for key, inner in benchmark.presets.items()},
        "sources": list(benchmark.sources),
        "aliases": dict(benchmark.aliases),
        "settings": settings,
    }


def _allowed(setting: dict[str, Any]) -> str:
    if setting["choices"]:
        return ", ".join(number(choice) for choice in setting["choices"])
    low, high = setting["low"], setting["high"]
    if low is None and high is None:
        return ""
    return f"{'' if low is None else number(low)} ... {'' if high is None else number(high)}"


def _spec(benchmark: Any, preset: str | None, sets: tuple[str, ...]) -> Any:
    """A campaign of one trial with these settings, checked as any campaign is."""
    import json

    from candle_workflow.check import check
    from candle_workflow.config import load_campaign, parse_set

    known = list(benchmark.metrics)
    metric = next((name for name in known if name.startswith("val_")), known[0])
    text = {
        "name": f"{benchmark.name}-once",
        "benchmark": {"name": benchmark.name, "preset": preset},
        "data": {"source": benchmark.sources[0]} if benchmark.sources else {},
        "objective": {"metric": metric, "mode": benchmark.metrics[metric]},
        "planner": {"name": "random", "trials": 1},
        "launcher": "inline",
    }
    # a plain name is a setting; with a point it is a key of a campaign, such as data.path
    overrides = {
        key if "." in key else f"params.{key}": value
        for key, value in parse_set(list(sets)).items()
    }
    spec = load_campaign(json.dumps(text) + "\n", overrides=overrides)
    check(spec)
    return spec


@command.command(
    "run",
    epilog="""\b
Examples:
  candle-workflow benchmarks run nt3 --preset small
  candle-workflow benchmarks run nt3 --set epochs=2 --set data.source=bladder""",
)
@click.argument("name")
@preset_option
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="SETTING=VALUE",
    help="Change a setting, or a key of a campaign file, such as data.path; repeatable.",
)
def run_once(*, name: str, preset: str | None, sets: tuple[str, ...]) -> int:
    """Train NAME once, in this terminal, with its own or these settings; nothing is recorded."""
    from candle_workflow import plugins
    from candle_workflow.cli.try_one import tell
    from candle_workflow.single import try_one

    spec = _spec(plugins.load("benchmarks", name), preset, sets)
    return tell(spec, try_one(spec, epochs=None))
