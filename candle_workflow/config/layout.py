"""The keys of a campaign file: one table for reading, schema and reference."""

from __future__ import annotations

from candle_workflow.config.kinds import DURATION, SIZE, Anything, Name, Number, Text, Word
from candle_workflow.config.schema import REQUIRED, Either, Key, ListOf, MapOf, Section
from candle_workflow.model import Cause

KINDS = ("hpo",)  # what `candle-workflow run` can be told to run

BENCHMARK = Section(
    short="name",
    keys=(
        Key(
            "name", Text(), REQUIRED, "The benchmark; see `candle-workflow benchmarks list`.", "nt3"
        ),
        Key(
            "preset",
            Text(),
            None,
            "A named set of its settings, over which `params` come.",
            "small",
        ),
    ),
)

TRAINER = Section(
    (
        Key(
            "function",
            Text(),
            None,
            "A Python function `(params, context) -> metrics`: a file relative to the campaign"
            " file, or a module.",
            '"train.py:train"',
        ),
        Key(
            "command",
            ListOf(Word(), filled=True),
            None,
            "A program and its arguments, without a shell. `{name}` stands for a parameter, and"
            " `{trial}`, `{attempt}`, `{seed}`, `{dir}`, `{checkpoint}`, `{root}` for what belongs"
            " to the trial.",
            '[python, train.py, --lr, "{learning_rate}"]',
        ),
        Key(
            "metrics",
            Section(
                (
                    Key(
                        "csv",
                        Text(),
                        REQUIRED,
                        "A file as Keras' CSVLogger writes it.",
                        "training.log",
                    ),
                )
            ),
            None,
            "Where a command leaves its metrics, when neither in `$CANDLE_METRICS` nor in its"
            " last line of output.",
            "{csv: training.log}",
        ),
    )
)

SPLIT = Section(
    (
        Key(
            "valid",
            Number(low=0, high=1, open=True),
            None,
            "The share of samples that are kept for validation; the benchmark's own if not set.",
            "0.25",
        ),
        Key("seed", Number(low=0, whole=True), None, "Which samples these are.", "7"),
        Key(
            "by",
            Text(),
            None,
            "The array of the data that tells which samples stay together, such as those of one"
            " patient.",
            "patient",
        ),
    )
)

DATA = Section(
    short="source",
    keys=(
        Key("source", Text(), None, "One of the benchmark's own data sets.", "bladder"),
        Key(
            "path",
            Text(),
            None,
            "Your data: a file or folder, relative to the campaign file.",
            "pairs.npz",
        ),
        Key(
            "split",
            SPLIT,
            {},
            "How training and validation samples are told apart.",
            "{valid: 0.25, seed: 7}",
        ),
    ),
)

_AT = Either(
    (
        Text(("best", "last")),
        Section((Key("mean", Number(low=1, whole=True), REQUIRED, "Of the last so many.", "3"),)),
    )
)

OBJECTIVE = Section(
    (
        Key("metric", Text(), REQUIRED, "The metric that trials are compared by.", "val_auc"),
        Key("mode", Text(("min", "max")), REQUIRED, "Whether less or more of it is better.", "max"),
        Key(
            "at",
            _AT,
            "best",
            "Which of a trial's measurements counts: its best, its last, or the mean of its last"
            " few.",
            "{mean: 3}",
        ),
    )
)

PLANNER = Section(
    short="name",
    open=True,
    keys=(
        Key(
            "name",
            Text(),
            "tpe",
            "The planner. Every key besides these three is its option.",
            "grid",
        ),
        Key("trials", Number(low=1, whole=True), None, "How many trials in all.", "12"),
        Key(
            "seed", Number(low=0, high=2**32 - 1, whole=True), 0, "Seeds planner and trials.", "42"
        ),
    ),
)

LAUNCHER = Section(
    short="name",
    open=True,
    keys=(Key("name", Text(), "ray", "The launcher. Every other key is its option.", "inline"),),
)

RESOURCES = Section(
    (
        Key("nodes", Number(low=1, whole=True), 1, "Nodes.", "1"),
        Key("processes", Number(low=1, whole=True), 1, "Processes.", "1"),
        Key("cpus", Number(low=1, whole=True), 1, "Cores for each process.", "2"),
        Key(
            "gpus",
            Either((Text(("auto",)), Number(low=0))),
            "auto",
            "GPUs for each process; 0.25 packs four trials on one, `auto` is one if the node has"
            " any.",
            "0.25",
        ),
        Key("memory", SIZE, None, "Passing this ends the attempt as `oom`.", "8GB"),
        Key("time", DURATION, None, "Passing this ends the attempt as `timeout`.", "20m"),
    )
)

LIMITS = Section(
    (
        Key("time", DURATION, None, "Time that it may run in all.", "30m"),
        Key("node_hours", Number(low=0, open=True), None, "Node-hours in all.", "100"),
        Key(
            "failures",
            Number(low=1, whole=True),
            20,
            "So many failed trials end a run: then it is likely the trainer, not the parameters.",
            "5",
        ),
        Key("target", Number(), None, "An objective that is good enough to stop.", "0.99"),
    )
)

TRAINER_ENV = Section(
    (
        Key(
            "python",
            Text(),
            None,
            "The Python that trials run in, when it is not the controller's.",
            "/opt/tf/bin/python",
        ),
        Key("modules", ListOf(Text()), [], "Environment modules to load first.", "[cuda/12]"),
        Key(
            "container",
            Text(),
            None,
            "An image to run trials in. Nothing here starts one: set, it is refused; begin"
            " `trainer.command` with the container's own command instead.",
            "null",
        ),
        Key("variables", MapOf(Word()), {}, "Environment variables.", "{TF_CPP_MIN_LOG_LEVEL: 3}"),
    )
)

KEEP = Section(
    (
        Key(
            "models",
            Either((Text(("all",)), Number(low=0, whole=True))),
            3,
            "Of how many of the best trials the saved models stay; or `all`.",
            "all",
        ),
    )
)

SITE = Section(
    short="name",
    keys=(
        Key("name", Text(), "local", "The site; `--site` sets this.", "local"),
        Key("account", Text(), None, "What a job is charged to.", "myproject"),
        Key("queue", Text(), None, "The queue of a job.", "debug"),
        Key("nodes", Number(low=1, whole=True), 1, "Nodes of a job.", "4"),
        Key("walltime", DURATION, None, "How long a job may run.", "6h"),
    ),
)

_RETRIES = {str(cause): 3 if cause is Cause.LOST else 0 for cause in Cause}

CAMPAIGN = Section(
    (
        Key("name", Name(), REQUIRED, "The campaign's name, and that of its folder.", "nt3-hpo"),
        Key("kind", Text(KINDS), "hpo", "What `candle-workflow run` is told to run.", "hpo"),
        Key(
            "benchmark",
            BENCHMARK,
            None,
            "A benchmark to train; either this or `trainer`.",
            "{name: nt3, preset: small}",
        ),
        Key(
            "trainer",
            TRAINER,
            None,
            "Your own trainer; either this or `benchmark`.",
            '{function: "train.py:train"}',
        ),
        Key(
            "data",
            DATA,
            {},
            "What a benchmark trains on.",
            "{source: bladder, split: {valid: 0.25}}",
        ),
        Key(
            "params",
            MapOf(Anything()),
            {},
            "Parameters that are the same in every trial.",
            "{epochs: 4}",
        ),
        Key(
            "space",
            MapOf(Anything()),
            {},
            "Parameters to search over. A list is a choice; `{low, high}` is a range, of whole"
            " numbers if both bounds are, with `log: true`, `step`, and `when: {other: value}` for"
            " a parameter that exists only then. `{type: float | int | choice, ...}` always works.",
            "{learning_rate: {low: 1e-4, high: 1e-1, log: true}, batch_size: [5, 10, 20]}",
        ),
        Key(
            "objective",
            OBJECTIVE,
            REQUIRED,
            "Which number of a trial counts.",
            "{metric: val_auc, mode: max}",
        ),
        Key(
            "planner",
            PLANNER,
            {},
            "What decides which trials to make.",
            "{name: tpe, trials: 12, seed: 42}",
        ),
        Key("launcher", LAUNCHER, {}, "What runs them.", "{name: ray, isolation: process}"),
        Key(
            "resources", RESOURCES, {}, "What one trial needs.", "{cpus: 1, gpus: auto, time: 20m}"
        ),
        Key(
            "limits",
            LIMITS,
            {},
            "What ends the campaign before its planner is done.",
            "{time: 30m, failures: 5}",
        ),
        Key(
            "retries",
            MapOf(Number(low=0, whole=True), _RETRIES),
            {},
            "How often a trial is tried again, by the cause of its end. `lost`, `walltime` and"
            " `preempted` never use up the others.",
            "{lost: 3, oom: 1}",
        ),
        Key(
            "trainer_env",
            TRAINER_ENV,
            {},
            "The trials' own environment.",
            "{python: /opt/tf/bin/python}",
        ),
        Key(
            "checkpoint_every",
            DURATION,
            "10m",
            "How often a trainer that can saves its state.",
            "5m",
        ),
        Key("keep", KEEP, {}, "What stays on disk.", "{models: 5}"),
        Key("site", SITE, {}, "Where, and the batch job that is asked for.", "{name: local}"),
        Key(
            "root",
            Text(),
            None,
            "The absolute folder that other paths are relative to; the campaign file's own if not"
            " set.",
            "/data/me/study",
        ),
    )
)
