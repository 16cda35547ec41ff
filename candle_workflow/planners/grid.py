"""Grid search: every combination of the parameters' values, in a fixed order."""

from __future__ import annotations

from itertools import islice
from typing import Any

from candle_workflow.errors import ConfigError, StateConflict
from candle_workflow.model import Finished, Objective, Suggestion
from candle_workflow.planners.options import limit, refuse_unknown
from candle_workflow.space import Space


class GridPlanner:
    """Enumerates the space's grid; only the current point is in memory.

    Parameters
    ----------
    points : int, optional
        How many values a range of floats without a step has on the grid; both its ends
        are among them, the others evenly spread (by ratio where ``log`` is set).
    """

    def __init__(
        self,
        space: Space,
        *,
        objective: Objective,
        trials: int | None,
        seed: int,
        points: int | None = None,
        **options: Any,
    ) -> None:
        refuse_unknown(options, ("points",), planner="grid")
        if points is not None:
            _check_points(points)
            space = space.discrete(points)
        self._points = space.grid()
        self.size = limit(trials, space.size())
        self._next = 0

    def ask(self, count: int) -> list[Suggestion]:
        """Give the next points of the grid."""
        assert self.size is not None
        count = max(0, min(count, self.size - self._next))
        first, self._next = self._next, self._next + count
        return [
            Suggestion(number, params)
            for number, params in enumerate(islice(self._points, count), start=first)
        ]

    def restore(self, suggestion: Suggestion) -> None:
        """Step past a point that was suggested before.

        Raises
        ------
        StateConflict
            The grid has another point there.
        """
        params = next(self._points, None)
        if params != suggestion.params:
            raise StateConflict(
                f"trial {suggestion.number} was suggested as {suggestion.params}, but the grid"
                f" now has {params} there. Its space or options have changed: restore them, or"
                " begin anew with --new."
            )
        self._next = suggestion.number + 1

    def tell(self, finished: Finished) -> None:
        """Nothing to learn."""

    @property
    def done(self) -> bool:
        """Whether the grid, or the number of trials, is used up."""
        assert self.size is not None
        return self._next >= self.size


def _check_points(points: Any) -> None:
    if isinstance(points, bool) or not isinstance(points, int) or points < 1:
        raise ConfigError(f"{points!r} is no number of points; expected 1, 2, 3, ...", key="points")
