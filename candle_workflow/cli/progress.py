"""The live view of a campaign: a few lines that stay in place on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from candle_workflow.cli.show import duration, number, pairs, rate
from candle_workflow.model import State

if TYPE_CHECKING:
    from rich.console import RenderableType

    from candle_workflow.campaign import Progress

REFRESH_S = 0.2  # between two pictures on a terminal
LINE_S = 10.0  # between two lines elsewhere, when trials finish
SILENCE_S = 60.0  # between two lines when none does


class View(ABC):
    """Shows a campaign's progress; a context manager, so that a terminal is put back.

    A terminal that has gone does not stop the campaign: the view then stays silent.
    """

    def __init__(self, metric: str, stream: TextIO) -> None:
        self.metric = metric
        self._stream = stream
        self._shown: float | None = None
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Leave what was shown; a view that draws in place takes that away."""
        self._gone = True

    def update(self, progress: Progress) -> None:
        """Take the newest state; shows it if it is time."""
        now = time.monotonic()
        if self._gone or not self._is_due(progress, now):
            return
        self._shown = now
        self._guarded(self._show, progress)

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._guarded(self._print, text)

    def _guarded(self, write: Any, what: Any) -> None:
        try:
            write(what)
        except (OSError, ValueError):  # hung up, or closed
            self._gone = True

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    @abstractmethod
    def _is_due(self, progress: Progress, now: float) -> bool:
        """Whether it is time to show something."""

    @abstractmethod
    def _show(self, progress: Progress) -> None:
        """Show the newest state."""


class LineView(View):
    """One line every few seconds, for files, pipes and batch jobs."""

    _finished = -1

    def _is_due(self, progress: Progress, now: float) -> bool:
        if self._shown is None:
            self._shown = now - LINE_S  # the first end of a trial is shown at once
            self._finished = progress.finished
        waited = now - self._shown
        news = progress.finished != self._finished
        return (news and waited >= LINE_S) or waited >= SILENCE_S

    def _show(self, progress: Progress) -> None:
        self._finished = progress.finished
        words = [time.strftime("%H:%M:%S"), *_figures(progress)]
        if progress.best is not None:
            words.append(f"best {_best(progress, self.metric)}")
        self._print("  ".join(words))


class LiveView(View):
    """A bar and two lines that are drawn again in place."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        # our own stream: an inline trial has sys.stdout for itself while it runs
        self._live = Live(
            console=Console(file=self._stream, highlight=False),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.update(Text("\nstarting the launcher", style="dim"))
        self._guarded(lambda live: live.start(refresh=True), self._live)
        return self

    def __exit__(self, *exc: object) -> None:
        self._guarded(lambda live: live.stop(), self._live)

    def _is_due(self, progress: Progress, now: float) -> bool:
        return self._shown is None or now - self._shown >= REFRESH_S

    def _show(self, progress: Progress) -> None:
        self._live.update(_picture(progress, self.metric), refresh=True)

    def _print(self, text: str) -> None:
        self._live.console.print(text, markup=False)


def view(metric: str) -> View:
    """Give the view that fits where standard output goes."""
    import os

    live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return (LiveView if live else LineView)(metric, sys.stdout)


def _figures(progress: Progress) -> list[str]:
    """Say in a few words each: done of how many, running, failed, rate, time left."""
    counts = progress.counts
    total = "" if progress.planned is None else f"/{progress.planned:,}"
    words = [f"{progress.finished:,}{total} done", f"{progress.running:,} running"]
    for state in (State.FAILED, State.PRUNED, State.CANCELLED):
        if counts.get(state):
            words.append(f"{counts[state]:,} {state}")
    if progress.finished_here:
        words.append(rate(progress.rate_per_s))
    if progress.remaining_s:
        words.append(f"{duration(progress.remaining_s)} left")
    if progress.time_left_s is not None:
        words.append(f"limit in {duration(max(0.0, progress.time_left_s))}")
    return words


def _best(progress: Progress, metric: str) -> str:
    best = progress.best
    assert best is not None
    return f"{metric}={number(best.objective)} (trial {best.number}: {pairs(best.params)})"


def _picture(progress: Progress, metric: str) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    figures = Text("   ".join(_figures(progress)))
    figures.append(f"   {duration(progress.now - progress.began)} so far", style="dim")
    bar = ProgressBar(total=progress.planned, completed=progress.finished, width=20)
    head.add_row(bar, figures)
    best = Text("best  ", style="bold")
    best.append("none yet" if progress.best is None else _best(progress, metric), style="green")
    return Group(Text(""), head, best)
