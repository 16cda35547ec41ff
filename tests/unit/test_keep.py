"""Which saved models stay on disk."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from candle_workflow.folder import CampaignFolder
from candle_workflow.keep import ModelKeeper
from candle_workflow.model import Objective, State
from candle_workflow.replay import Trial


class Disk:
    """Trials that saved something, and which of that is left."""

    def __init__(self, root: Path) -> None:
        self.folder = CampaignFolder(root)

    def trial(
        self,
        number: int,
        objective: float | None,
        *,
        state: State = State.COMPLETE,
        attempts: int = 1,
        name: str = "model.keras",
    ) -> Trial:
        for attempt in range(1, attempts + 1):
            place = self.folder.trial(number, attempt)
            place.mkdir(parents=True)
            (place / name).write_text("weights")
            (place / "history.csv").write_text("stays")
        return Trial(number, {}, asked=0.0, state=state, attempts=attempts, objective=objective)

    @property
    def left(self) -> set[str]:
        found = self.folder.trials.glob("*/*/model*")
        return {"/".join(path.relative_to(self.folder.trials).parts[:2]) for path in found}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "c [a]*")


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("keep", [0, 1, 3])
def test_the_best_few_stay_in_whatever_order_they_end(disk: Disk, mode: str, keep: int) -> None:
    values = [float(value) for value in (3, 1, 4, 1, 5, 9, 2, 6)]
    trials = [disk.trial(number, value) for number, value in enumerate(values)]
    random.Random(keep).shuffle(trials)
    keeper = ModelKeeper(disk.folder, Objective("v", mode), keep)
    for trial in trials:
        keeper.note(trial)
    sign = -1 if mode == "max" else 1
    best = sorted(range(len(values)), key=lambda n: (sign * values[n], n))[:keep]
    assert disk.left == {f"{number}/1" for number in best}
    assert len(list(disk.folder.trials.glob("*/1/history.csv"))) == len(values)


def test_all_stay_if_wanted(disk: Disk) -> None:
    keeper = ModelKeeper(disk.folder, Objective("v"), None)
    keeper.note(disk.trial(0, 1.0))
    keeper.note(disk.trial(1, None, state=State.FAILED))
    assert disk.left == {"0/1", "1/1"}


def test_only_the_last_attempt_of_a_complete_trial_counts(disk: Disk) -> None:
    keeper = ModelKeeper(disk.folder, Objective("v"), 3)
    keeper.note(disk.trial(0, 1.0, attempts=3))
    keeper.note(disk.trial(1, None, state=State.FAILED, attempts=2))
    keeper.note(disk.trial(2, 0.5, state=State.PRUNED))
    assert disk.left == {"0/3"}


def test_a_model_may_be_a_folder_or_a_link(disk: Disk, tmp_path: Path) -> None:
    keeper = ModelKeeper(disk.folder, Objective("v"), 0)
    trial = disk.trial(0, 1.0)
    saved = disk.folder.trial(0, 1) / "model.tf"
    (saved / "variables").mkdir(parents=True)
    (saved / "variables" / "data").write_text("weights")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (disk.folder.trial(0, 1) / "model.link").symlink_to(elsewhere)
    keeper.note(trial)
    assert disk.left == set()
    assert elsewhere.is_dir()


def test_what_cannot_be_deleted_stops_nothing(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    keeper = ModelKeeper(disk.folder, Objective("v"), 0)
    trial = disk.trial(0, 1.0)
    monkeypatch.setattr(Path, "unlink", refuse)
    keeper.note(trial)
    assert "Permission denied" in caplog.text


def test_trials_without_a_folder_are_no_trouble(disk: Disk) -> None:
    keeper = ModelKeeper(disk.folder, Objective("v"), 1)
    for number in range(3):
        keeper.note(Trial(number, {}, asked=0.0, state=State.COMPLETE, attempts=1, objective=1.0))
    assert not disk.folder.trials.exists()
