"""Find plug-ins by kind and name over entry points; built-ins use the same ones.

Groups are ``candle_workflow.planners``, ``.launchers``, ``.benchmarks``; adding a plug-in
is one file and one entry point.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from candle_workflow.errors import PluginError, nearest

KINDS = ("planners", "launchers", "benchmarks")


@cache
def _points(kind: str) -> dict[str, EntryPoint]:
    assert kind in KINDS, kind
    return {point.name: point for point in entry_points(group=f"candle_workflow.{kind}")}


def names(kind: str) -> list[str]:
    """List the plug-ins of a kind, sorted."""
    return sorted(_points(kind))


def load(kind: str, name: str) -> Any:
    """Import a plug-in.

    Raises
    ------
    PluginError
        The name is unknown (the known ones are listed), or its packages are missing
        (the extra to install is named).
    """
    point = _points(kind).get(name)
    if point is None:
        raise PluginError(f"there is no {kind[:-1]} '{name}'.{nearest(name, names(kind))}")
    try:
        return point.load()
    except ImportError as error:
        extras = point.extras or ()
        hint = f" Try: pip install 'candle-workflow[{','.join(extras)}]'." if extras else ""
        raise PluginError(f"the {kind[:-1]} '{name}' cannot be loaded: {error}.{hint}") from error


def require(module: str, extra: str) -> Any:
    """Import an optional package, or say which extra brings it.

    Raises
    ------
    PluginError
        The package is not installed.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise PluginError(
            f"this needs the package '{module.split('.')[0]}', which is not installed ({error}). "
            f"Try: pip install 'candle-workflow[{extra}]'."
        ) from error
