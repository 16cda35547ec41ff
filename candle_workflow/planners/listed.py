"""A list of trials from a file: one after the other, exactly as written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError, StateConflict
from candle_workflow.model import Finished, Objective, Suggestion
from candle_workflow.planners.options import limit, refuse_unknown
from candle_workflow.planners.table import Line, read_lines
from candle_workflow.space import Space


class ListedPlanner:
    """Suggests the lines of a file in their order; their ``id`` becomes the label.

    A line may set parameters that the space does not have. Those that it has must be
    within it. Lines may be added at the end of the file while the campaign goes on.

    Parameters
    ----------
    file : str
        CSV with a header, or JSON lines, of which CANDLE's unrolled parameter files (UPF)
        are a case.
    root : Path, optional
        Where a relative ``file`` is looked for: the campaign file's folder.
    """

    def __init__(
        self,
        space: Space,
        *,
        objective: Objective,
        trials: int | None,
        seed: int,
        file: str | None = None,
        root: Path | None = None,
        **options: Any,
    ) -> None:
        refuse_unknown(options, ("file",), planner="listed")
        if not isinstance(file, str) or not file:
            raise ConfigError(
                f"'file' is {file!r}; expected the path of a CSV, JSON-lines or UPF file.",
                key="file",
            )
        self._path = (root or Path()) / Path(file).expanduser()
        self._lines = read_lines(self._path, space)
        self.size = limit(trials, len(self._lines))
        self.names = frozenset(name for line in self._lines for name in line.params)
        self._next = 0

    def ask(self, count: int) -> list[Suggestion]:
        """Give the next lines."""
        assert self.size is not None
        first = self._next
        self._next = max(first, min(first + count, self.size))
        lines = self._lines[first : self._next]
        return [Suggestion(n, dict(e.params), e.label) for n, e in enumerate(lines, start=first)]

    def restore(self, suggestion: Suggestion) -> None:
        """Step past a line that was suggested before.

        Raises
        ------
        StateConflict
            The file has something else there now.
        """
        number = suggestion.number
        line = self._lines[number] if number < len(self._lines) else None
        if line is None or (line.params, line.label) != (suggestion.params, suggestion.label):
            raise StateConflict(self._changed(suggestion, line))
        self._next = number + 1

    def _changed(self, suggestion: Suggestion, line: Line | None) -> str:
        place = f"{self._path}:{line.number}" if line else f"{self._path}: its end"
        return (
            f"{place}: trial {suggestion.number} was made from another line here:"
            f" {suggestion.params}. Restore the line (new ones go at the end of the file), or"
            " begin anew with --new."
        )

    def tell(self, finished: Finished) -> None:
        """Nothing to learn."""

    @property
    def done(self) -> bool:
        """Whether all lines, or the number of trials, are used up."""
        assert self.size is not None
        return self._next >= self.size
