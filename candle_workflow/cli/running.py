"""Run a campaign in this process, with its opening lines, its live view and its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from candle_workflow.cli.detach import report_begun
from candle_workflow.cli.progress import LiveView, View, view
from candle_workflow.cli.summary import best_of, print_begin, print_end

if TYPE_CHECKING:
    from candle_workflow.campaign import Progress, Result
    from candle_workflow.cli.session import Session
    from candle_workflow.holding import Campaign
    from candle_workflow.limits import Verdict


def carry_out(work: Callable[..., Result], session: Session, *, detached: int | None) -> int:
    """Call ``campaign.run`` or ``.resume`` and show what happens; give the exit code.

    Parameters
    ----------
    work : callable
        Takes ``on_begin``, ``on_change`` and ``on_end``.
    detached : int or None
        The pipe in which the process that started this one waits to hear that the campaign
        is held.
    """
    with _Stage(session, detached) as stage:
        result = work(on_begin=stage.begin, on_change=stage.change, on_end=stage.end)
    assert stage.campaign is not None, "campaign: on_begin is called before anything runs"
    objective = stage.campaign.spec.objective
    print_end(
        status=result.status,
        message=result.message,
        folder=result.folder,
        objective=objective,
        best=best_of(result.trials, objective),
        counts=result.counts,
        report=result.report,
    )
    return result.exit_code


class _Stage(ExitStack):
    """What is shown between a campaign's beginning and its end."""

    campaign: Campaign | None = None
    view: View

    def __init__(self, session: Session, detached: int | None) -> None:
        super().__init__()
        self._session = session
        self._detached = detached

    def begin(self, campaign: Campaign) -> None:
        """Say that the campaign is held, and begin the live view."""
        self.campaign = campaign
        if self._detached is not None:
            report_begun(self._detached, campaign.folder)
        self._session.hold(campaign.folder, to_file=self._detached is None)
        print_begin(campaign, detached=self._detached is not None)
        self.view = self.enter_context(view(campaign.spec.objective.metric))
        if isinstance(self.view, LiveView):  # else lines in standard error disturb nothing
            self._session.log_to(self.view)
            self.callback(self._session.log_to, None)

    def change(self, progress: Progress) -> None:
        """Show that something happened."""
        self.view.update(progress)

    def end(self, verdict: Verdict) -> None:
        """Take the live view away: the report may take some seconds."""
        self.close()
