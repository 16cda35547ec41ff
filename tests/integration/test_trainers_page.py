"""Every example of docs/trainers.md runs as it stands there."""

import random
import re
import sys
from pathlib import Path

import pytest

from candle_workflow.config import load_campaign
from candle_workflow.model import Attempt, Measured, Workload
from candle_workflow.trainers.runner import run_attempt

PAGE = Path(__file__).parents[2] / "docs" / "trainers.md"
BLOCKS = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
CAMPAIGNS = [name for name, _ in BLOCKS if name.endswith(".yaml")]
METRICS = {
    "line.yaml": {"loss", "error"},
    "gives_up.yaml": {"loss"},
    "keras.yaml": {"loss", "accuracy", "val_loss", "val_accuracy"},
    "command.yaml": {"val_auc"},
    "reporter.yaml": {"loss", "accuracy"},
}


def test_every_example_is_expected():
    assert sorted(CAMPAIGNS) == sorted(METRICS)
    assert len(BLOCKS) == 2 * len(CAMPAIGNS)
    assert PAGE.read_text().count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_example_runs(tmp_path, monkeypatch, name):
    if name == "keras.yaml":
        pytest.importorskip("keras")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for file, text in BLOCKS:
        (tmp_path / file).write_text(text)
    spec = load_campaign(tmp_path / name)
    trainer = {
        "function": spec.trainer.function,
        "command": spec.trainer.command,
        "metrics": spec.trainer.metrics,
        "root": str(spec.root),
    }
    workload = Workload(
        spec.name,
        str(tmp_path / "campaign"),
        {key: value for key, value in trainer.items() if value is not None},
        objective=spec.objective.metric,
    )
    params = spec.params | spec.space.sample(random.Random(1))
    sent = []
    ended = run_attempt(
        Attempt(0, 1, params, seed=5),
        workload,
        send=sent.append,
        stopping=lambda: False,
        node="here",
    )
    assert (ended.cause, ended.message) == (None, "")
    measured = {name for e in sent if isinstance(e, Measured) for name in e.values}
    assert measured | set(ended.metrics) == METRICS[name]
