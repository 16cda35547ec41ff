"""Read a user's script without running it: its options, its parameters, what it reports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError

NUMBERS = {"int": int, "float": float}
FLAGS = ("store_true", "store_false", "store_const", "count", "append_const")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a script or function can be told.

    Attributes
    ----------
    flags : tuple
        How it is written on a command line; empty for a positional argument, and for a
        function's parameter.
    kind : str
        int, float, bool, text, or switch: an option without a value.
    """

    name: str
    flags: tuple[str, ...] = ()
    kind: str = "text"
    default: Any = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    several: bool = False  # takes several values, which a placeholder cannot give
    help: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What was found in a file."""

    path: Path
    options: list[Option]
    metrics: list[str]  # names that it reports, in the order found
    csv: str | None = None  # the file that Keras' CSVLogger writes


def parse(path: Path) -> ast.Module:
    """Parse a Python file.

    Raises
    ------
    ConfigError
        There is none, or it is not Python.
    """
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise ConfigError(f"is not Python: {error}", file=str(path), line=line) from error


def trainer_of(tree: ast.Module) -> ast.FunctionDef | None:
    """Find the function ``train(params, context)``."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "train":
            return node if len(node.args.args) == 2 else None
    return None


# ------------------------------------------------------------------ argparse


def read_command(path: Path, tree: ast.Module) -> Script:
    """Find a script's argparse options and the metrics that it prints or logs."""
    known = _constants(tree)
    found = [_option(call, known) for call in _calls(tree, "add_argument")]
    options = {option.name: option for option in found if option is not None}
    loggers = [call.args[0] for call in _calls(tree, "CSVLogger") if call.args]
    names = [_literal(logger, known) for logger in loggers]
    csv = next((name for name in names if isinstance(name, str)), None)
    metrics = _keras_metrics(tree, known) if loggers else _printed(tree)
    return Script(path, list(options.values()), metrics, csv)


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method of this name, in the order of the text."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if getattr(call.func, "attr", getattr(call.func, "id", None)) == name:
            yield call


def _constants(tree: ast.Module) -> dict[str, Any]:
    """The module's names for plain values, such as ``EPOCHS = 10``."""
    known: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = _literal(node.value, known)
            if value is not None:
                known[node.targets[0].id] = value
    return known


def _literal(node: ast.AST | None, known: dict[str, Any]) -> Any:
    """A plain value, or None for what only running the script would tell."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return None


def _option(call: ast.Call, known: dict[str, Any]) -> Option | None:
    given = {word.arg: word.value for word in call.keywords if word.arg}
    flags = [_literal(node, known) for node in call.args]
    if not flags or not all(isinstance(flag, str) for flag in flags):
        return None
    action = _action(given.get("action"))
    if action in ("help", "version"):
        return None
    longest = max(flags, key=lambda flag: flag.startswith("--"))
    name = _literal(given.get("dest"), known) or longest.lstrip("-").replace("-", "_")
    dashed = longest.startswith("-")
    default = _literal(given.get("default"), known)
    choices = _literal(given.get("choices"), known) or ()
    return Option(
        name=name,
        flags=_written(longest, action) if dashed else (),
        kind=_kind(action, given.get("type")),
        default=default,
        choices=tuple(choices),
        required=not dashed or _literal(given.get("required"), known) is True,
        several=given.get("nargs") is not None or action in ("append", "extend"),
        help=str(_literal(given.get("help"), known) or "").replace("%%", "%"),
    )


def _action(node: ast.AST | None) -> str:
    if node is None:
        return "store"
    word = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return str(word or getattr(node, "attr", getattr(node, "id", "store")))


def _written(flag: str, action: str) -> tuple[str, ...]:
    return (flag, f"--no-{flag[2:]}") if action == "BooleanOptionalAction" else (flag,)


def _kind(action: str, type_: ast.AST | None) -> str:
    if action in FLAGS or action == "BooleanOptionalAction":
        return "switch"
    word = getattr(type_, "id", None)
    return word if word in NUMBERS else "text"


# ------------------------------------------------------------------ a function


def read_function(path: Path, function: ast.FunctionDef) -> Script:
    """Find which parameters ``train`` looks up, and what it reports or returns."""
    params, context = (argument.arg for argument in function.args.args)
    found: dict[str, Option] = {}
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    nodes = (n for n in ast.walk(function) if isinstance(n, ast.Call | ast.Subscript))
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        option = _looked_up(node, params, parents.get(node))
        if option is not None and (option.name not in found or option.default is not None):
            found[option.name] = option
    return Script(path, list(found.values()), _reported(function, context))


def _looked_up(node: ast.AST, params: str, parent: ast.AST | None) -> Option | None:
    """The parameter in ``params["x"]``, ``int(params["x"])`` or ``params.get("x", 1)``."""
    default = None
    if isinstance(node, ast.Subscript) and _is_name(node.value, params):
        name = _literal(node.slice, {})
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "pop")
        and _is_name(node.func.value, params)
        and node.args
    ):
        name = _literal(node.args[0], {})
        default = _literal(node.args[1], {}) if len(node.args) > 1 else None
    else:
        return None
    if not isinstance(name, str):
        return None
    kind = _kind_of(default) or _converted(parent) or "unknown"
    return Option(name, kind=kind, default=default, required=default is None)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _kind_of(value: Any) -> str | None:
    kinds = {bool: "bool", int: "int", float: "float", str: "text"}
    return kinds.get(type(value))


def _converted(parent: ast.AST | None) -> str | None:
    """The kind of number that a call such as ``int(...)`` or ``range(...)`` makes of it."""
    name = getattr(parent.func, "id", None) if isinstance(parent, ast.Call) else None
    return {"int": "int", "float": "float", "bool": "bool", "range": "int"}.get(str(name))


# ------------------------------------------------------------------ metrics


def _reported(function: ast.FunctionDef, context: str) -> list[str]:
    names: list[str] = []
    for call in _calls(function, "report"):
        if isinstance(call.func, ast.Attribute) and _is_name(call.func.value, context):
            names += [word.arg for word in call.keywords if word.arg and word.arg != "step"]
    for node in ast.walk(function):
        if isinstance(node, ast.Return):
            names += _keys(node.value)
    return list(dict.fromkeys(names))


def _printed(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for call in _calls(tree, "dumps"):
        names += _keys(call.args[0] if call.args else None)
    return [name for name in dict.fromkeys(names) if name not in ("step", "epoch")]


def _keys(node: ast.AST | None) -> list[str]:
    if not isinstance(node, ast.Dict):
        return []
    keys = [_literal(key, {}) for key in node.keys]
    return [key for key in keys if isinstance(key, str)]


def _keras_metrics(tree: ast.Module, known: dict[str, Any]) -> list[str]:
    """The columns that Keras logs: what is compiled, with validation if there is any."""
    words = {word.arg for call in _calls(tree, "fit") for word in call.keywords}
    prefix = "val_" if words & {"validation_data", "validation_split"} else ""
    names = ["loss"]
    for call in _calls(tree, "compile"):
        for word in call.keywords:
            value = _literal(word.value, known) if word.arg == "metrics" else None
            names += [name for name in value or () if isinstance(name, str)]
    return [prefix + name for name in reversed(names)]
