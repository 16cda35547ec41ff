"""Checks the options that a campaign's ``planner:`` section gives to a planner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from candle_workflow.errors import ConfigError, nearest


def refuse_unknown(options: Mapping[str, Any], known: Iterable[str], *, planner: str) -> None:
    """Raise ConfigError for the first option that the planner does not have."""
    names = sorted(known)
    for option in options:
        if option not in names:
            hint = nearest(option, names) or " It has none of its own."
            raise ConfigError(
                f"the planner '{planner}' has no option '{option}'.{hint}", key=option
            )


def limit(trials: int | None, available: int | None) -> int | None:
    """Give the smaller of the trials wanted and those that there can be; None for no end."""
    counts = [count for count in (trials, available) if count is not None]
    return min(counts, default=None)
