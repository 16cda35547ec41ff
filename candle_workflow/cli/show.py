"""How values, time spans and tables look in text, and how JSON is printed."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

WIDE = 400  # columns of a table that goes into a file or a pipe


def number(value: Any) -> str:
    """Write a parameter's or a metric's value shortly."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    return value if isinstance(value, str) else json.dumps(value)


def pairs(values: Mapping[str, Any]) -> str:
    """Write parameters on one line."""
    return "  ".join(f"{name}={number(value)}" for name, value in values.items())


def duration(seconds: float | None) -> str:
    """Write a time span: 8.2s, 45s, 3m05s, 2h03m, 4d06h."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f}s"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h:02d}h"
    if hours:
        return f"{hours}h{m:02d}m"
    return f"{minutes}m{s:02d}s" if minutes else f"{s}s"


def rate(per_s: float) -> str:
    """Write trials per time in the unit that gives a readable number."""
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if per_s * size >= 1 or unit == "h":
            return f"{per_s * size:,.1f}/{unit}"
    raise AssertionError


def clock(time_s: float | None) -> str:
    """Write a moment in the user's own time zone."""
    return "-" if time_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_s))


def print_json(value: Any) -> None:
    """Print strict JSON: nan and the infinities, which it cannot say, are null."""
    from candle_workflow.reports.table import strict

    print(json.dumps(strict(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: fitted to a terminal, whole into a file or a pipe."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    terminal = sys.stdout.isatty()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=not terminal)
    for row in rows:
        table.add_row(*row)
    width = shutil.get_terminal_size().columns if terminal else WIDE
    console = Console(width=width, file=sys.stdout, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_fields(fields: Mapping[str, str]) -> None:
    """Print names and values, one a line, the values below each other."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        print(f"{name:<{width}}  {value}")
