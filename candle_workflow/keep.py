"""Which trials' saved models stay on disk: those of the best few."""

from __future__ import annotations

import bisect
import logging
import os
import shutil
from pathlib import Path

from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Objective, State
from candle_workflow.replay import Trial

log = logging.getLogger(__name__)

MODELS = "model.*"  # what a trainer saves as its model, in its attempt's folder


class ModelKeeper:
    """Deletes saved models of trials that are not among the best ``keep``.

    Only what is named ``model.*`` in an attempt's folder is touched, and only once the
    trial's end is journaled.
    """

    def __init__(self, folder: CampaignFolder, objective: Objective, keep: int | None) -> None:
        self._folder = folder
        self._trials = str(folder.trials)
        self._sign = -1.0 if objective.mode == "max" else 1.0
        self._keep = keep
        self._best: list[tuple[float, int, int]] = []  # (rank, trial, attempt), best first

    def note(self, trial: Trial) -> None:
        """Take a trial that has ended."""
        if self._keep is None:
            return
        place = (trial.number, trial.attempts)
        for attempt in range(1, trial.attempts):
            self._delete(trial.number, attempt)
        if trial.state is not State.COMPLETE or trial.objective is None:
            self._delete(*place)
            return
        bisect.insort(self._best, (self._sign * trial.objective, *place))
        if len(self._best) > self._keep:
            _, number, attempt = self._best.pop()
            self._delete(number, attempt)

    def _delete(self, number: int, attempt: int) -> None:
        # most trials of a campaign of many thousands wrote nothing: this must cost little
        if os.path.isdir(f"{self._trials}/{number}/{attempt}"):  # noqa: PTH112
            for path in self._folder.trial(number, attempt).glob(MODELS):
                try:
                    _remove(path)
                except OSError as error:  # it only takes room
                    log.warning(
                        "trial %d.%d: %s cannot be deleted: %s", number, attempt, path, error
                    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
