"""Whatever stands in a campaign file, it is read or refused with a ConfigError."""

import random

import pytest

from candle_workflow.config import load_campaign
from candle_workflow.errors import ConfigError

TEXT = """\
name: full
trainer: {command: [python, train.py, --lr, "{lr}"], metrics: {csv: training.log}}
params: &p {epochs: 3, layers: [200, 20], note: on}
space:
  lr: {low: 1e-4, high: 1e-1, log: true}
  batch: {type: choice, choices: [5, 10], when: {kind: [a]}}
  kind: [a, b]
objective: {metric: loss, mode: min, at: {mean: 3}}
planner: {name: tpe, trials: 12, seed: 42}
resources: {gpus: 0.25, memory: 500MB, time: 1h30m}
retries: {oom: 2, lost: 5}
trainer_env: {python: null, modules: [cuda], variables: {A: 1}}
keep: {models: all}
site: local
"""
PIECES = ["{", "}", "[", "]", ":", ": ", ",", "\n", "  ", "-", "- ", "&p ", "*p", "!!int ", "!x "]
PIECES += ["#", "'", '"', "null", "true", "1e9", "-1", ".nan", "~", "|", ">", "?", "%", "@", "\t"]
PIECES += ["<<", "0x", "\x00", "\ufeff", "é", "2026-01-01", "{low: 1}", "[[]]", "{}", "\\", "`"]


def mistaken(rng):
    """The text with a few pieces put in, taken out, or doubled."""
    text = TEXT
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text))
        until = min(len(text), at + rng.choice([0, 0, 1, 3, 20]))
        text = text[:at] + rng.choice([*PIECES, text[at:until] * 2]) + text[until:]
    return text


@pytest.mark.parametrize("seed", range(10))
def test_a_mistaken_file_is_read_or_refused(seed):
    rng = random.Random(seed)
    refused = 0
    for _ in range(60):
        text = mistaken(rng)
        try:
            spec = load_campaign(text)
        except ConfigError as error:
            assert error.file, text
            refused += 1
        else:
            assert load_campaign(text).resolved() == spec.resolved()
    assert refused > 20  # else the mistakes are none


@pytest.mark.parametrize("seed", range(3))
def test_a_mistaken_option_is_read_or_refused(seed):
    rng = random.Random(seed)
    keys = [
        "planner",
        "planner.x",
        "space.lr",
        "space.lr.low",
        "name",
        "params",
        "a.b",
        "keep.models",
    ]
    for _ in range(60):
        value = "".join(rng.choices(PIECES, k=rng.randint(0, 4)))
        try:
            load_campaign(TEXT, overrides={rng.choice(keys): value})
        except ConfigError as error:
            assert error.file
