"""Old names of a benchmark's parameters, such as CANDLE's ``lr``: accepted, and replaced at once.

Done while a file is read, so that journals, tables and trainers only ever see present names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_workflow import plugins
from candle_workflow.config.places import Places
from candle_workflow.errors import ConfigError


def use_present_names(tree: Mapping[str, Any], places: Places) -> list[str]:
    """Rename aliases in ``params``, ``space`` and its conditions, in place; say which.

    Raises
    ------
    ConfigError
        A parameter stands under both of its names.
    """
    aliases = _aliases(tree.get("benchmark"))
    notices: list[str] = []
    for section in ("params", "space") if aliases else ():
        values = tree.get(section)
        if isinstance(values, dict):
            notices += _rename(values, section, aliases, places)
    space = tree.get("space")
    for name, parameter in space.items() if aliases and isinstance(space, dict) else ():
        when = parameter.get("when") if isinstance(parameter, dict) else None
        if isinstance(when, dict):
            notices += _rename(when, f"space.{name}.when", aliases, places)
    return notices


def _aliases(benchmark: Any) -> Mapping[str, str]:
    """Those of the benchmark, if there is one of that name; ``check`` refuses unknown ones."""
    name = benchmark.get("name") if isinstance(benchmark, dict) else None
    if name not in plugins.names("benchmarks"):
        return {}
    aliases: Mapping[str, str] = plugins.load("benchmarks", name).aliases
    return aliases


def _rename(
    values: dict[str, Any], section: str, aliases: Mapping[str, str], places: Places
) -> list[str]:
    notices = []
    for old in [name for name in values if name in aliases]:
        new = aliases[old]
        if new in values:
            raise ConfigError(
                f"is the old name of '{new}', which stands there too; keep one.",
                key=f"{section}.{old}",
            )
        places.renamed(f"{section}.{old}", f"{section}.{new}")
        # rebuilt, so that the order of the file stays
        renamed = {(new if name == old else name): value for name, value in values.items()}
        values.clear()
        values.update(renamed)
        notices.append(f"{section}.{old} is called '{new}' here; it is read as that")
    return notices
