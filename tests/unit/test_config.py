"""Reading a campaign: values, defaults, origins, and the way back from what is resolved."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from candle_workflow.config import (
    BenchmarkRef,
    LauncherRef,
    PlannerRef,
    SiteRef,
    TrainerSpec,
    from_resolved,
    json_schema,
    load_campaign,
    ready_campaigns,
)
from candle_workflow.config.yaml12 import parse
from candle_workflow.errors import ConfigError
from candle_workflow.limits import Limits
from candle_workflow.model import Cause, Objective, Resources
from candle_workflow.space import Choice, Float

SMALL = """\
name: small
trainer: {function: "train.py:train"}
objective: {metric: loss, mode: min}
"""

FULL = """\
name: full
trainer:
  command: [python, train.py, --lr, "{lr}", --epochs, 3]
  metrics: {csv: training.log}
params: {epochs: 3, layers: [200, 20], note: on}
space:
  lr: {low: 1e-4, high: 1e-1, log: true}
  batch: [5, 10]
objective: {metric: loss, mode: min, at: {mean: 3}}
planner: {name: tpe, trials: 12, seed: 42, group: true}
launcher: {name: ray, isolation: worker}
resources: {nodes: 2, cpus: 4, gpus: 0.25, memory: 500MB, time: 1h30m}
limits: {time: 2d, failures: 5, target: 0.1, node_hours: 10}
retries: {oom: 2, lost: 5}
trainer_env: {python: /usr/bin/python3, modules: [cuda], variables: {A: 1}}
checkpoint_every: 90s
keep: {models: all}
site: {name: local, queue: debug, nodes: 2, walltime: 6h}
"""


def test_a_small_file_gets_every_default():
    spec = load_campaign(SMALL)
    assert (spec.name, spec.kind, spec.root) == ("small", "hpo", Path.cwd())
    assert spec.benchmark is None
    assert spec.trainer == TrainerSpec("train.py:train")
    assert (spec.data, spec.params, spec.space.parameters) == ({}, {}, {})
    assert spec.objective == Objective("loss", "min", "best")
    assert spec.planner == PlannerRef("tpe", trials=None, seed=0, options={})
    assert spec.launcher == LauncherRef("ray", {})
    assert spec.resources == Resources()
    assert spec.limits == Limits(failures=20)
    assert spec.retries == {cause: 3 if cause is Cause.LOST else 0 for cause in Cause}
    assert spec.trainer_env == {"python": None, "modules": [], "container": None, "variables": {}}
    assert (spec.checkpoint_every_s, spec.keep_models) == (600.0, 3)
    assert spec.site == SiteRef("local", None, None, 1, None)


def test_a_full_file_is_read_in_its_units():
    spec = load_campaign(FULL)
    assert spec.trainer == TrainerSpec(
        command=["python", "train.py", "--lr", "{lr}", "--epochs", "3"],
        metrics={"csv": "training.log"},
    )
    assert spec.params == {"epochs": 3, "layers": [200, 20], "note": "on"}
    assert spec.space.parameters == {
        "lr": Float("lr", 1e-4, 1e-1, log=True),
        "batch": Choice("batch", (5, 10)),
    }
    assert spec.objective == Objective("loss", "min", "mean", 3)
    assert spec.planner == PlannerRef("tpe", 12, 42, {"group": True})
    assert spec.launcher == LauncherRef("ray", {"isolation": "worker"})
    assert spec.resources == Resources(2, 1, 4, 0.25, memory_gb=0.5, time_s=5400.0)
    assert spec.limits == Limits(time_s=172800.0, failures=5, target=0.1, node_hours=10)
    assert (spec.retries[Cause.OOM], spec.retries[Cause.LOST]) == (2, 5)
    assert spec.trainer_env["variables"] == {"A": "1"}
    assert (spec.checkpoint_every_s, spec.keep_models) == (90.0, None)
    assert spec.site == SiteRef("local", None, "debug", 2, 21600.0)


def test_short_forms_stand_for_a_name():
    text = "name: a\nbenchmark: other\ndata: pairs\nobjective: {metric: m, mode: max}\n"
    spec = load_campaign(text + "planner: grid\nlauncher: inline\nsite: here\n")
    assert spec.benchmark == BenchmarkRef("other")
    assert spec.data == {"source": "pairs"}
    assert (spec.planner.name, spec.launcher.name, spec.site.name) == ("grid", "inline", "here")


def test_data_hold_only_what_is_set():
    spec = load_campaign(
        "name: a\nbenchmark: other\ndata: {path: a.npz, split: {by: patient}}\n"
        "objective: {metric: m, mode: max}\n"
    )
    assert spec.data == {"path": "a.npz", "split": {"by": "patient"}}


@pytest.mark.parametrize("text", [SMALL, FULL])
def test_what_is_resolved_is_json_and_reads_as_the_same_spec(text):
    spec = load_campaign(text)
    resolved = json.loads(json.dumps(spec.resolved()))
    assert from_resolved(resolved) == spec
    assert from_resolved(resolved).resolved() == resolved
    again = load_campaign(yaml.safe_dump(resolved, sort_keys=False))
    assert again == spec
    assert again.resolved() == resolved


def test_what_is_resolved_is_the_same_however_it_was_written():
    long = SMALL + "space: {b: {type: choice, choices: [1, 2]}}\nplanner: {name: grid}\nlimits:\n"
    short = SMALL + "planner: grid\nspace:\n  b: [1, 2]\n"
    assert load_campaign(long).resolved() == load_campaign(short).resolved()


def test_a_spec_gives_copies():
    spec = load_campaign(FULL)
    spec.resolved()["params"]["layers"].append(1)
    spec.params["layers"].append(1)
    assert spec.resolved()["params"]["layers"] == [200, 20]


def test_specs_differ_if_any_value_does():
    assert load_campaign(SMALL) != load_campaign(SMALL + "keep: {models: 4}\n")


def test_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text(SMALL)
    spec = load_campaign(tmp_path / "a.yaml")
    assert (spec.file, spec.root) == (tmp_path / "a.yaml", tmp_path)
    assert spec.resolved()["root"] == str(tmp_path)
    moved = from_resolved(spec.resolved())
    assert (moved.file, moved.root) == (None, tmp_path)


def test_a_relative_file_has_an_absolute_root(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert load_campaign("a.yaml").root == tmp_path


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load_campaign(tmp_path / "a.yaml").name == "small"


def test_origins_name_line_command_line_or_default(tmp_path):
    (tmp_path / "a.yaml").write_text(FULL)
    spec = load_campaign(tmp_path / "a.yaml", overrides={"planner.trials": "3", "keep.models": "1"})
    origins = spec.origins
    assert origins["name"] == "a.yaml:1"
    assert origins["params.layers"] == "a.yaml:5"
    assert origins["space.lr.low"] == "a.yaml:7"
    assert origins["space.batch.choices"] == "a.yaml:8"
    assert origins["objective.at.mean"] == "a.yaml:9"
    assert origins["planner.group"] == "a.yaml:10"
    assert origins["planner.trials"] == "--set"
    assert origins["keep.models"] == "--set"
    assert origins["retries.error"] == "default"
    assert origins["site.account"] == "default"
    assert origins["root"] == "default"


def test_every_resolved_value_has_an_origin():
    spec = load_campaign(FULL)

    def leaves(value, key=""):
        if isinstance(value, dict) and value:
            for name, item in value.items():
                yield from leaves(item, f"{key}.{name}" if key else name)
        else:
            yield key

    assert sorted(spec.origins) == sorted(leaves(spec.resolved()))


def test_an_error_is_located_by_the_longest_known_part_of_its_key(tmp_path):
    (tmp_path / "a.yaml").write_text(FULL)
    spec = load_campaign(tmp_path / "a.yaml", overrides={"planner.trials": "3"})
    file = str(tmp_path / "a.yaml")

    def place(key):
        error = spec.located(ConfigError("wrong", key=key))
        return error.file, error.line

    assert place("space.lr.high") == (file, 7)
    assert place("space.lr.step") == (file, 7)
    assert place("planner.trials") == ("--set", None)
    assert place("planner.seed") == (file, 10)
    assert place("data.path") == (file, None)


def test_an_error_that_has_a_place_keeps_it():
    error = ConfigError("wrong", key="name", file="other.yaml", line=7)
    assert load_campaign(SMALL).located(error) is error


def test_a_kind_must_be_what_is_run():
    spec = load_campaign(SMALL + "kind: hpo\n", kind=None)
    assert spec.kind == "hpo"
    with pytest.raises(ConfigError, match="kind: is hpo: use 'candle-workflow run hpo', not"):
        load_campaign(SMALL, kind="cv")


def test_a_ready_campaign_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no file nt4\.yaml, nor a ready .* mean 'nt3\.yaml'\?"):
        load_campaign("nt4.yaml")
    assert "nt3" in ready_campaigns("hpo")


def test_the_nearest_file_is_offered(tmp_path):
    (tmp_path / "mine.yaml").write_text(SMALL)
    with pytest.raises(ConfigError, match=r"Did you mean '\S*mine\.yaml'\?"):
        load_campaign(tmp_path / "mnie.yaml")


def test_a_folder_is_no_campaign_file(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        load_campaign(tmp_path)


@pytest.mark.parametrize("text", [SMALL, FULL])
def test_the_json_schema_accepts_what_is_read(text):
    jsonschema.validate(parse(text).value, json_schema())


@pytest.mark.parametrize("path", ready_campaigns().values(), ids=ready_campaigns())
def test_the_json_schema_accepts_the_ready_campaigns(path):
    jsonschema.validate(parse(path.read_text()).value, json_schema())


@pytest.mark.parametrize(
    "wrong",
    [
        "planner: {trials: -1}",
        "limits: {tiem: 3}",
        "retries: {oops: 1}",
        "resources: {time: 3 parsecs}",
        "benchmark: nt3",
    ],
)
def test_the_json_schema_refuses_what_is_refused(wrong):
    text = f"{SMALL}{wrong}\n"
    with pytest.raises(ConfigError):
        load_campaign(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(text).value, json_schema())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1h 30m", 5400), ("2d", 172800), ("1.5h", 5400)],
)
def test_durations(text, seconds):
    assert load_campaign(f"{SMALL}limits: {{time: {text}}}\n").limits.time_s == seconds


@pytest.mark.parametrize(("text", "gb"), [("2GB", 2), ("500MB", 0.5), ("1TB", 1000), ("3", 3)])
def test_sizes(text, gb):
    spec = load_campaign(f"{SMALL}resources: {{memory: {text}}}\n")
    assert spec.resources.memory_gb == pytest.approx(gb)
