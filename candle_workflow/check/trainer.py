"""A campaign against the user's own trainer: files, functions, commands and Pythons.

Source is parsed, never imported: what it imports may be slow, or only there on a node.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from candle_workflow.config import CampaignSpec
from candle_workflow.errors import ConfigError, nearest
from candle_workflow.trainers.loading import find_source
from candle_workflow.trainers.template import BUILT_IN, placeholders

FUNCTION, COMMAND = "trainer.function", "trainer.command"
_PYTHONS = ("python", "python3")  # stand for trainer_env.python, else the controller's


def check_trainer(spec: CampaignSpec, *, given: Collection[str] = ()) -> list[str]:
    """Make sure that the trainer is there and takes what trials give it.

    ``given`` are parameters that come from elsewhere than ``params`` and ``space``.

    Raises
    ------
    ConfigError
        It is not; the key says what.
    """
    _check_environment(spec)
    if spec.trainer is None:
        return []
    if spec.trainer.function is not None:
        _check_function(spec, spec.trainer.function)
        return []
    return _check_command(spec, spec.trainer.command or [], given)


def _check_environment(spec: CampaignSpec) -> None:
    if spec.trainer_env["container"]:
        raise ConfigError(
            "trials cannot be put into a container for you; start it yourself:"
            " 'trainer: {command: [apptainer, exec, image.sif, python, train.py]}'.",
            key="trainer_env.container",
        )
    python = spec.trainer_env["python"]
    if python is not None and not _is_there(spec, python):
        raise ConfigError(
            f"there is no program '{python}', expected the path of a Python such as"
            f" {sys.executable}.",
            key="trainer_env.python",
        )


def _is_there(spec: CampaignSpec, program: str) -> bool:
    """Whether a program can be started here; what modules bring is only known on a node."""
    return bool(spec.trainer_env["modules"]) or shutil.which(program) is not None


# ------------------------------------------------------------------ functions


def _check_function(spec: CampaignSpec, reference: str) -> None:
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise ConfigError(
            f"'{reference}' names no function; expected 'train.py:train' (a file relative to"
            " the campaign file) or 'package.module:function'.",
            key=FUNCTION,
        )
    if place.endswith(".py"):
        path: Path | None = _existing(spec.root, place, key=FUNCTION)
    else:
        path = _module_file(spec, place)
    if path is not None:
        _check_source(path, place, name)


def _existing(root: Path, name: str, *, key: str) -> Path:
    path = root / name
    if not path.is_file():
        known = [other.name for other in path.parent.glob("*.py")]
        raise ConfigError(f"there is no file {name} in {root}.{nearest(path.name, known)}", key=key)
    return path


def _module_file(spec: CampaignSpec, place: str) -> Path | None:
    """Find a module's source without importing its packages; None if it has none to read."""
    if place in sys.modules or spec.trainer_env["python"] is not None:
        return None
    try:
        return find_source(place, str(spec.root))
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"there is no module '{place}' for {sys.executable}, nor in {spec.root};"
            " a file is written with its ending: 'train.py:train'.",
            key=FUNCTION,
        ) from error


def _check_source(path: Path, place: str, name: str) -> None:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        lineno = getattr(error, "lineno", None)  # a null byte has no line
        place = f"{path}:{lineno}" if lineno else str(path)
        reason = getattr(error, "msg", error)
        raise ConfigError(f"{place} is not Python: {reason}.", key=FUNCTION) from error
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    if name in functions:
        _check_arguments(functions[name], place)
    elif not _may_define(tree, name):
        raise ConfigError(
            f"{place} has no function '{name}'.{nearest(name, functions)}", key=FUNCTION
        )


def _check_arguments(function: ast.FunctionDef, place: str) -> None:
    """Two positional arguments must do: params and context."""
    a = function.args
    positional = [*a.posonlyargs, *a.args]
    required = len(positional) - len(a.defaults)
    keywords = [k.arg for k, value in zip(a.kwonlyargs, a.kw_defaults, strict=True) if not value]
    if required > 2 or (len(positional) < 2 and a.vararg is None) or keywords:
        raise ConfigError(
            f"'{function.name}' in {place} takes ({ast.unparse(a)}), expected a function that can"
            " be called with (params, context).",
            key=FUNCTION,
        )


def _may_define(tree: ast.Module, name: str) -> bool:
    """Whether a module's name can come from something else than a plain function."""
    return any(found in (name, "*") for found in _names(tree))


def _names(tree: ast.Module) -> Iterator[str]:
    """Names bound anywhere in the module: better too many than a refusal that is wrong."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.ClassDef):
            yield node.name
    for node in tree.body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from (n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef))


# ------------------------------------------------------------------ commands


def _check_command(spec: CampaignSpec, command: list[str], given: Collection[str]) -> list[str]:
    names = [*spec.params, *spec.space.parameters, *given]
    used: set[str] = set()
    for index, argument in enumerate(command):
        for name in placeholders(argument):
            if name not in names and name not in BUILT_IN:
                raise ConfigError(
                    f"'{{{name}}}' is no parameter, neither in 'params' nor in 'space'."
                    f"{nearest(name, [*names, *BUILT_IN])}",
                    key=f"{COMMAND}.{index}",
                )
            used.add(name)
    _check_program(spec, command)
    unused = [name for name in spec.space.parameters if name not in used]
    if not unused:
        return []
    return [
        f"the command does not take {', '.join(unused)}; it only finds them in params.json"
        " in its folder"
    ]


def _check_program(spec: CampaignSpec, command: list[str]) -> None:
    program, script = command[0], command[1] if len(command) > 1 else ""
    if program in _PYTHONS:
        if script.endswith(".py") and not placeholders(script):
            _existing(spec.root, script, key=f"{COMMAND}.1")
        return
    if placeholders(program) or os.access(spec.root / program, os.X_OK):
        return
    if not _is_there(spec, program):
        raise ConfigError(
            f"there is no program '{program}', neither in {spec.root} nor where $PATH says.",
            key=f"{COMMAND}.0",
        )
