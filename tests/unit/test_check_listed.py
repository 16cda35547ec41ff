"""A list of settings, such as CANDLE's UPF files, needs no space: its lines name what they set."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_workflow.check import build_planner, check
from candle_workflow.config import load_campaign
from candle_workflow.errors import ConfigError

UPF = '{"id": "RUN000", "epochs": 1, "lr": 0.01}\n{"id": "RUN001", "epochs": 2, "lr": 0.1}\n'


def campaign(folder: Path, body: str) -> Path:
    (folder / "runs.txt").write_text(UPF)
    path = folder / "c.yaml"
    path.write_text(
        "name: upf\nobjective: {metric: loss, mode: min}\n"
        "planner: {name: listed, file: runs.txt}\n" + body
    )
    return path


def test_a_commands_placeholders_may_come_from_the_list(tmp_path: Path) -> None:
    spec = load_campaign(campaign(tmp_path, 'trainer: {command: [sh, -c, "echo {lr} {epochs}"]}\n'))
    assert check(spec) == []
    first, second = build_planner(spec).ask(5)
    assert (first.label, first.params) == ("RUN000", {"epochs": 1, "lr": 0.01})
    assert (second.label, second.params) == ("RUN001", {"epochs": 2, "lr": 0.1})


def test_a_placeholder_that_no_line_sets_is_refused(tmp_path: Path) -> None:
    path = campaign(tmp_path, 'trainer: {command: [sh, -c, "echo {epoch}"]}\n')
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        check(load_campaign(path))


def test_a_setting_that_the_benchmark_lacks_is_refused(tmp_path: Path) -> None:
    path = campaign(tmp_path, "benchmark: nt3\ndata: {source: bladder}\n")
    with pytest.raises(ConfigError, match="it gives 'lr', which nt3 does not have"):
        check(load_campaign(path, overrides={"objective.metric": "val_loss"}))
