"""One trial by itself: tried before a campaign, or taken out of one to keep.

Nothing here is journaled.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from candle_workflow.building import fixed_params, workload
from candle_workflow.check import build_planner, check
from candle_workflow.config import CampaignSpec, from_resolved
from candle_workflow.engine import trial_seed
from candle_workflow.folder import CampaignFolder, atomic_write
from candle_workflow.keep import MODELS
from candle_workflow.model import Attempt, Ended
from candle_workflow.replay import Trial
from candle_workflow.trainers import process
from candle_workflow.trainers.runner import run_attempt

log = logging.getLogger(__name__)


def try_one(spec: CampaignSpec, *, epochs: int | None = 1) -> Ended:
    """Run the first trial of a campaign in this process, and give how it ended.

    What it measured last is in its metrics. What it writes goes to a folder that is
    removed afterwards.

    Parameters
    ----------
    epochs : int or None
        Train so long: sets a benchmark's ``epochs``, and $KERAS_MAX_EPOCHS and
        $CANDLE_EPOCHS for other trainers. None changes nothing.

    Raises
    ------
    ConfigError, PluginError, DataError
        As ``campaign.run`` would.
    """
    check(spec)
    (suggestion,) = build_planner(spec).ask(1)
    params = fixed_params(spec) | suggestion.params
    own = {name: str(value) for name, value in spec.trainer_env["variables"].items()}
    variables = {k: v for k, v in process.QUIET.items() if k not in os.environ} | own
    if epochs is not None:
        variables |= {"KERAS_MAX_EPOCHS": str(epochs), "CANDLE_EPOCHS": str(epochs)}
        if "epochs" in params:
            params["epochs"] = epochs
    last: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="candle-try-") as folder,
        process.environment(variables),
    ):
        ended = run_attempt(
            Attempt(0, 1, params, trial_seed(spec.planner.seed, 0)),
            workload(spec, CampaignFolder(folder)),
            send=lambda event: last.update(getattr(event, "values", {})),
            stopping=lambda: False,
            node=socket.gethostname(),
        )
    ended.metrics.update(last | ended.metrics)
    return ended


def save(folder: CampaignFolder, spec: Mapping[str, Any], trial: Trial, into: Path) -> list[Path]:
    """Write a trial's model, its parameters, and a campaign that trains it again.

    Parameters
    ----------
    spec : mapping
        The campaign's resolved spec, as its journal has it.
    into : Path
        A folder; made if absent.

    Returns
    -------
    The files: the saved models, ``params.yaml``, ``again.yaml``, ``again.jsonl``, ``again.sh``.
    A trial without a model gives the others, and a warning.
    """
    models = sorted(folder.trial(trial.number, trial.attempts).glob(MODELS))
    if not models:
        log.warning(
            "trial %d has no %s in its folder: its trainer saved none there (context.folder), or"
            " it was not among the best few whose models are kept (keep.models)",
            trial.number, MODELS,
        )  # fmt: skip
    into.mkdir(parents=True, exist_ok=True)
    files = [_copy(model, into / model.name) for model in models]
    loaded = from_resolved(dict(spec))
    params = fixed_params(loaded) | trial.params
    result = f"{loaded.objective.metric} {trial.objective}"
    about = f"# trial {trial.number} of {folder.path}: {result}\n"
    python = shlex.quote(sys.executable)  # whose packages trained it; it may not be on PATH
    again = _again(spec, trial, (into / "again.jsonl").absolute())
    texts = {
        "params.yaml": about + yaml.safe_dump(params, sort_keys=False, allow_unicode=True),
        "again.yaml": about + yaml.safe_dump(again, sort_keys=False),
        "again.jsonl": json.dumps(trial.params) + "\n",
        "again.sh": f"#!/bin/sh\n{about}cd \"$(dirname \"$0\")\" && exec {python} -m"
        f" candle_workflow.cli run {loaded.kind} again.yaml\n",
    }  # fmt: skip
    for name, text in texts.items():
        atomic_write(into / name, text.encode())
        files.append(into / name)
    (into / "again.sh").chmod(0o755)
    return files


def _copy(model: Path, to: Path) -> Path:
    if model.is_dir():
        return Path(shutil.copytree(model, to, dirs_exist_ok=True))
    return Path(shutil.copy2(model, to))


def _again(spec: Mapping[str, Any], trial: Trial, listed: Path) -> dict[str, Any]:
    """The campaign with this one trial in it."""
    return {
        **spec,
        "name": f"{spec['name']}-trial-{trial.number}",
        "planner": {"name": "listed", "file": str(listed), "seed": spec["planner"]["seed"]},
    }
