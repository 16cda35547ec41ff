"""``init``: write a campaign file to start from."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

from candle_workflow.cli.init_guessing import LEFT, SEARCHED, Guess, best_metric, guess
from candle_workflow.cli.init_reading import (
    Option,
    Script,
    parse,
    read_command,
    read_function,
    trainer_of,
)
from candle_workflow.cli.init_writing import benchmark_text, script_text
from candle_workflow.errors import ConfigError

BENCHMARK_SPACE = ("learning_rate", "batch_size", "dropout", "optimizer")
OPTIMIZERS = ("sgd", "adam")


@click.command(
    short_help="Write a campaign file to start from.",
    epilog="""\b
Examples:
  candle-workflow init                     an example that runs, with its trainer
  candle-workflow init train.py            for a script with argparse options, or with a
                                           function train(params, context)
  candle-workflow init --benchmark nt3""",
)
@click.argument("script", required=False, type=click.Path(path_type=Path))
@click.option("--command", "as_command", is_flag=True, help="Use SCRIPT's options in any case.")
@click.option("--benchmark", metavar="NAME", help="For a benchmark that ships.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the campaign into this file.  [default: beside SCRIPT, with its name]",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(
    *,
    script: Path | None,
    as_command: bool,
    benchmark: str | None,
    output: Path | None,
    force: bool,
) -> int:
    """Write a campaign file with comments, for SCRIPT, for a benchmark, or as an example.

    SCRIPT is read, never run. A range is put around the default of each option that looks
    like one to search over.
    """
    if benchmark and (script or as_command):
        raise click.UsageError("--benchmark and a script exclude each other")
    if as_command and not script:
        raise click.UsageError("--command needs a script")
    if benchmark:
        path = output or Path(f"{benchmark}.yaml")
        _write({path: _for_benchmark(benchmark, path)}, force)
        return _next(path, [])
    if script:
        path = output or script.with_suffix(".yaml")
        text, notes = _for_script(script, path, as_command)
        _write({path: text}, force)
        return _next(path, notes)
    return _example(output or Path("campaign.yaml"), force)


def _for_benchmark(name: str, path: Path) -> str:
    from candle_workflow import plugins
    from candle_workflow.trainers.benchmark import Benchmark

    found: Benchmark = plugins.load("benchmarks", name)
    defaults = found.defaults("small" if "small" in found.presets else None)
    guesses = []
    for key in BENCHMARK_SPACE:
        if key in found.settings:
            setting, default = found.settings[key], defaults[key]
            few = [choice for choice in setting.choices if choice in OPTIMIZERS]
            kind = type(default).__name__ if isinstance(default, int | float) else "text"
            one = guess(
                Option(key, kind=kind, default=default, choices=tuple(few or setting.choices))
            )
            if one.place == SEARCHED:
                guesses.append(one)
    return benchmark_text(found, guesses, name=_name(path), file=path.name)


def _for_script(script: Path, path: Path, as_command: bool) -> tuple[str, list[str]]:
    """Give the campaign's text, and what the user must look at."""
    tree = parse(script)
    function = None if as_command else trainer_of(tree)
    found = read_function(script, function) if function else read_command(script, tree)
    guesses = [guess(option) for option in found.options]
    if not any(one.place == SEARCHED for one in guesses):
        raise _nothing_to_search(found, has_function=function is not None)
    place = os.path.relpath(script, path.absolute().parent)
    text = script_text(
        found,
        guesses,
        place=f"{place}:train" if function else place,
        name=_name(path),
        file=path.name,
    )
    return text, _notes(found, guesses)


def _nothing_to_search(found: Script, *, has_function: bool) -> ConfigError:
    seen = ", ".join(option.name for option in found.options)
    if has_function:
        what = "train(params, context) looks up no parameter, as params['learning_rate'] does"
    else:
        what = (
            "it has neither argparse options nor a function train(params, context)"
            if not found.options
            else "none of its options is one to search over"
        )
    return ConfigError(
        f"{found.path}: {what}{f' (seen: {seen})' if seen else ''}."
        " 'candle-workflow init' without arguments writes an example to compare with."
    )


def _notes(found: Script, guesses: Sequence[Guess]) -> list[str]:
    notes = [
        f"look at params.{one.option.name}: {one.value!r} is a guess"
        for one in guesses
        if not one.sure
    ]
    if not best_metric(found.metrics)[2]:
        notes.append("look at objective.metric: nothing was seen that the script reports")
    left = [one.option.name for one in guesses if one.place == LEFT]
    if left:
        notes.append(f"left at their own defaults: {', '.join(left)}")
    return notes


def _example(path: Path, force: bool) -> int:
    """Write a trainer and its campaign."""
    script = path.parent / "train.py"
    source = Path(__file__).with_name("example_trainer.py").read_text(encoding="utf-8")
    tree = parse(Path(__file__).with_name("example_trainer.py"))
    function = trainer_of(tree)
    assert function is not None, "the example has a trainer"
    found = read_function(script, function)
    guesses = [guess(option) for option in found.options]
    text = script_text(found, guesses, place="train.py:train", name=_name(path), file=path.name)
    _write({script: source, path: text}, force)
    return _next(path, [])


def _name(path: Path) -> str:
    """A campaign's name from its file's."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")
    return f"{plain[:56] or 'my'}-search"


def _write(files: dict[Path, str], force: bool) -> None:
    there = [path for path in files if path.exists()]
    if there and not force:
        raise ConfigError(
            f"{there[0]} is there already. To replace it: --force; to write another: -o FILE"
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


def _next(path: Path, notes: Sequence[str]) -> int:
    for note in notes:
        print(f"note: {note}")
    print(f"next: candle-workflow try {path}")
    print(f"      candle-workflow run hpo {path}")
    return 0
