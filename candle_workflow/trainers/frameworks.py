"""Which framework a campaign's trainer uses: what is worth importing once for all trials."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from candle_workflow import plugins
from candle_workflow.trainers.loading import find_source

KERAS = ("keras", "tensorflow")  # importing keras imports its backend too


def framework_of(trainer: Mapping[str, Any]) -> str:
    """Give ``keras``, or "" when nothing is gained by preloading.

    A benchmark says so itself. Of a user's function only the import statements of its
    file are read; the file is not run, since what it makes at import time would not
    survive a fork.
    """
    if "benchmark" in trainer:
        return str(plugins.load("benchmarks", trainer["benchmark"]).framework)
    if "function" not in trainer:
        return ""
    source = _source(str(trainer["function"]).rpartition(":")[0], Path(str(trainer["root"])))
    return "keras" if source and _imports(source) & set(KERAS) else ""


def _source(place: str, root: Path) -> str | None:
    try:
        path = root / place if place.endswith(".py") else find_source(place, str(root))
        return path.read_text() if path else None
    except (OSError, ImportError, UnicodeDecodeError):
        return None  # whoever loads it will say what is wrong


def _imports(source: str) -> set[str]:
    """Give the top-level names of all modules that a source imports, anywhere in it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a null byte is the latter
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
