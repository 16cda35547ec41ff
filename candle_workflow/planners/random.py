"""Random search: every suggestion is drawn on its own."""

from __future__ import annotations

import random
from typing import Any

from candle_workflow.model import Finished, Objective, Suggestion
from candle_workflow.planners.options import refuse_unknown
from candle_workflow.space import Space


class RandomPlanner:
    """Draws each suggestion from the space by its seed and number alone.

    What is told makes no difference, and a campaign with more trials begins with the
    same ones.
    """

    def __init__(
        self, space: Space, *, objective: Objective, trials: int | None, seed: int, **options: Any
    ) -> None:
        refuse_unknown(options, (), planner="random")
        self.size = trials
        self._space = space
        self._seed = seed
        self._next = 0

    def ask(self, count: int) -> list[Suggestion]:
        """Draw the next suggestions."""
        end = self._next + count if self.size is None else min(self._next + count, self.size)
        suggestions = [self._suggest(number) for number in range(self._next, end)]
        self._next = max(self._next, end)
        return suggestions

    def _suggest(self, number: int) -> Suggestion:
        rng = random.Random(f"{self._seed}:{number}")  # noqa: S311 - a search, not a secret
        return Suggestion(number, self._space.sample(rng))

    def restore(self, suggestion: Suggestion) -> None:
        """Count a suggestion that was made before."""
        self._next = suggestion.number + 1

    def tell(self, finished: Finished) -> None:
        """Nothing to learn."""

    @property
    def done(self) -> bool:
        """Whether all trials have been suggested."""
        return self.size is not None and self._next >= self.size
