"""Write a campaign file with comments, from what was found and guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from candle_workflow.cli.init_guessing import FIXED, LEFT, SEARCHED, SEED, Guess, best_metric

if TYPE_CHECKING:
    from candle_workflow.cli.init_reading import Script
    from candle_workflow.trainers.benchmark import Benchmark

_PLAIN = re.compile(r"(?!(?:null|true|false|~|\.nan|\.inf)$)[A-Za-z_./-][\w./=-]*", re.IGNORECASE)
COLUMN = 46  # where comments stand


def value(item: Any) -> str:
    """Write a value as YAML on one line."""
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{key}: {value(inner)}" for key, inner in item.items()) + "}"
    if isinstance(item, list | tuple):
        return "[" + ", ".join(value(inner) for inner in item) + "]"
    if isinstance(item, str) and _PLAIN.fullmatch(item) and item.strip("-"):
        return item
    return json.dumps(item, ensure_ascii=False)


def script_text(
    script: Script, guesses: Iterable[Guess], *, place: str, name: str, file: str
) -> str:
    """Write the campaign of a script or a function; ``place`` is its path from the file."""
    guesses = list(guesses)
    is_function = place.endswith(":train")
    what = "parameters" if is_function else "options"
    trainer = _function(place) if is_function else _command(script, guesses, place)
    return "\n".join(
        [
            *_head(f"A search over the {what} of {script.path.name}", file),
            f"name: {name}",
            *trainer,
            *_params(guesses),
            *_space(guesses),
            *_left(guesses, is_function),
            *_objective(script.metrics, is_function, script.csv),
            *_tail(),
        ]
    )


def benchmark_text(benchmark: Benchmark, guesses: Sequence[Guess], *, name: str, file: str) -> str:
    """Write the campaign of a benchmark, with all its other settings in comments."""
    preset = "small" if "small" in benchmark.presets else None
    known = f"{{name: {benchmark.name}, preset: {preset}}}" if preset else benchmark.name
    return "\n".join(
        [
            *_head(f"A search over settings of {benchmark.name}. {benchmark.title}", file),
            f"name: {name}",
            _noted(f"benchmark: {known}", f"presets: {', '.join(benchmark.presets)}"),
            *_data(benchmark),
            *_settings(benchmark, preset, {one.option.name for one in guesses}),
            *_space(guesses),
            *_benchmark_objective(benchmark),
            *_tail(),
        ]
    )


def _head(title: str, file: str) -> list[str]:
    return [
        f"# {title}.",
        "# Look it through, then:",
        f"#   candle-workflow try {file}        one short trial, to see that it works",
        f"#   candle-workflow run hpo {file}    the search; the same command goes on with it",
    ]


def _tail() -> list[str]:
    planner = "tpe" if find_spec("optuna") else "random"
    launcher = "ray" if find_spec("ray") else "inline"
    return [
        "",
        _noted(f"planner: {{name: {planner}, trials: 20, seed: 1}}", "or random, grid, listed"),
        _noted(f"launcher: {launcher}", "inline runs trials one after another, here"),
        "resources: {cpus: 1, time: 1h}             # of one trial; gpus: auto takes one if any",
        "limits: {failures: 5}                      # also time: 8h, target: 0.99",
        "",
    ]


def _noted(line: str, note: str) -> str:
    return f"{line:<{COLUMN}} # {note}" if note else line


def _function(place: str) -> list[str]:
    return [
        "trainer:",
        "  # called with (params, context); reports by context.report(val_loss=...) or returns",
        f"  function: {value(place)}",
    ]


def _command(script: Script, guesses: list[Guess], place: str) -> list[str]:
    """The command, an option a line; what is not in it stays at the script's own default."""
    lines = [f"    python, {value(place)},"]
    for one in guesses:
        option = one.option
        if one.place == LEFT:
            continue
        slot = f'"{{{"seed" if one.place == SEED else option.name}}}"'
        flag = option.flags[0] if option.flags and option.kind != "switch" else None
        lines.append(f"    {flag}, {slot}," if flag else f"    {slot},")
    metrics = [f"  metrics: {{csv: {value(script.csv)}}}"] if script.csv else []
    return [
        "trainer:",
        "  # {name} stands for a parameter of the trial, {seed} for its own seed",
        "  command: [",
        *lines,
        "  ]",
        *metrics,
    ]


def _params(guesses: list[Guess]) -> list[str]:
    fixed = [one for one in guesses if one.place == FIXED]
    lines = ["", "# The same in every trial.", "params:"] if fixed else []
    for one in fixed:
        note = one.option.help if one.sure else "A GUESS: put what belongs here"
        lines.append(_noted(f"  {one.option.name}: {value(one.value)}", note))
    return lines


def _space(guesses: Iterable[Guess]) -> list[str]:
    lines = ["", "# What is searched: [a, b] is a choice, {low, high} a range.", "space:"]
    for one in guesses:
        if one.place == SEARCHED:
            default = one.option.default
            was = "" if default is None else f"default {value(default)}"
            note = "; ".join(part for part in (one.option.help, was) if part)
            lines.append(_noted(f"  {one.option.name}: {value(one.value)}", note))
    return lines


def _left(guesses: list[Guess], is_function: bool) -> list[str]:
    left = [one.option for one in guesses if one.place == LEFT]
    if not left:
        return []
    names = (option.name if is_function else (*option.flags, option.name)[0] for option in left)
    return [f"# Left at their own defaults: {', '.join(names)}."]


def _objective(metrics: list[str], is_function: bool, csv: str | None) -> list[str]:
    metric, mode, found = best_metric(metrics)
    if found:
        note = f"# Reported: {', '.join(metrics)}."
    elif is_function:
        note = "# A GUESS: name a metric that the function reports or returns."
    else:
        note = (
            "# A GUESS: name a metric that the script reports. It does so by a last line of"
            f' output\n# such as {{"{metric}": 0.5}}, or by such lines appended to the file'
            " $CANDLE_METRICS."
        )
    return ["", note, f"objective: {{metric: {value(metric)}, mode: {mode}}}"]


def _data(benchmark: Benchmark) -> list[str]:
    if not benchmark.sources:
        return []
    others = ", ".join([*benchmark.sources[1:], "your own by path: FILE"])
    return [_noted(f"data: {{source: {benchmark.sources[0]}}}", f"or {others}")]


def _settings(benchmark: Benchmark, preset: str | None, searched: set[str]) -> list[str]:
    lines = ["", "# The same in every trial. Take the first # off to change a setting.", "params:"]
    for name, default in benchmark.defaults(preset).items():
        if name not in searched:
            setting = benchmark.settings[name]
            choices = f" ({', '.join(map(value, setting.choices))})" if setting.choices else ""
            lines.append(_noted(f"  # {name}: {value(default)}", setting.doc + choices))
    return lines


def _benchmark_objective(benchmark: Benchmark) -> list[str]:
    valid = [name for name in benchmark.metrics if name.startswith("val_")]
    rising = [name for name in valid if benchmark.metrics[name] == "max"]
    metric = (rising or valid or list(benchmark.metrics))[0]
    line = f"objective: {{metric: {metric}, mode: {benchmark.metrics[metric]}}}"
    others = [name for name in benchmark.metrics if name != metric]
    return ["", _noted(line, f"or {', '.join(others)}" if others else "")]
