"""One attempt: loading the trainer, and what each way of ending means."""

import math
import pickle
import random
import subprocess
import sys

import pytest

from candle_workflow.errors import ConfigError, PluginError
from candle_workflow.model import Attempt, Cause, Ended, Measured, Workload
from candle_workflow.trainers.context import NotANumber
from candle_workflow.trainers.runner import load_trainer, run_attempt


@pytest.fixture(autouse=True)
def _modules_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def work(tmp_path, function="train.py:train", **more):
    trainer = {"function": function, "root": str(tmp_path)}
    return Workload("c", str(tmp_path / "campaign"), trainer, objective="val_auc", **more)


def run(tmp_path, body, *, params=None, attempt=None):
    """Run ``def train(params, context):`` with this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (tmp_path / "train.py").write_text(f"def train(params, context):\n{lines}\n")
    return go(work(tmp_path), params=params, attempt=attempt)


def go(workload, *, params=None, attempt=None, trainer=None):
    sent = []
    attempt = attempt or Attempt(4, 2, params or {}, seed=11)
    ended = run_attempt(
        attempt,
        workload,
        send=sent.append,
        stopping=lambda: False,
        node="here",
        trainer=trainer,
    )
    assert isinstance(ended, Ended)
    ended_as = (ended.number, ended.attempt, ended.node, ended.stopped)
    assert ended_as == (attempt.number, attempt.attempt, "here", None)
    assert ended.started <= ended.time
    return ended, sent


# ------------------------------------------------------------------ what it returns


@pytest.mark.parametrize(
    ("body", "metrics"),
    [
        ("return {'val_auc': 1.5e-05, 'n': 3}", {"val_auc": 1.5e-05, "n": 3.0}),
        ("return 0.25", {"val_auc": 0.25}),
        ("return 3", {"val_auc": 3.0}),
        ("pass", {}),
        ("import numpy; return numpy.float32(0.5)", {"val_auc": 0.5}),
        ("import numpy; return {'a': numpy.array(2.0)}", {"a": 2.0}),
        (
            "class History: history = {'loss': [3, 2, 1], 'val_auc': [.1, .2], 'no': []}\n"
            "return History()",
            {"loss": 1.0, "val_auc": 0.2},
        ),
        ("import sys; sys.exit()", {}),
        ("import sys; sys.exit(0)", {}),
    ],
)
def test_result_becomes_metrics(tmp_path, body, metrics):
    ended, _ = run(tmp_path, body)
    assert (ended.cause, ended.message) == (None, "")
    assert ended.metrics == metrics
    assert {type(value) for value in ended.metrics.values()} <= {float}


def test_nan_is_a_result(tmp_path):
    ended, _ = run(tmp_path, "return float('nan')")
    assert ended.cause is None
    assert math.isnan(ended.metrics["val_auc"])


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("return 'good'", "the trainer returned a str, expected a mapping of metrics"),
        ("return (1, 2)", "the trainer returned a tuple, expected"),
        ("return True", "the trainer returned a bool, expected"),
        ("return [0.5]", "the trainer returned a list, expected"),
        ("return {'val_auc': '0.9'}", "metric 'val_auc' is '0.9', expected a number"),
        ("return {'val_auc': [0.1, 0.9]}", "metric 'val_auc' is [0.1, 0.9], expected a number"),
    ],
)
def test_other_results_are_errors(tmp_path, body, seen):
    ended, _ = run(tmp_path, body)
    assert ended.cause is Cause.ERROR
    assert seen in ended.message


def test_measurements_pass_before_the_end(tmp_path):
    ended, sent = run(tmp_path, "context.report(1, loss=2)\ncontext.report(2, loss=1)")
    assert [(e.step, e.values) for e in sent] == [(1, {"loss": 2.0}), (2, {"loss": 1.0})]
    assert all(isinstance(e, Measured) and e.number == 4 for e in sent)
    assert ended.metrics == {}


# ------------------------------------------------------------------ what it raises


@pytest.mark.parametrize(
    ("body", "cause", "message"),
    [
        ("raise ValueError('bad  luck\\nagain')", "error",
         "ValueError: bad luck again (train.py:2 in train)"),
        ("raise KeyError", "error", "KeyError (train.py:2 in train)"),
        ("raise MemoryError()", "oom", "MemoryError (train.py:2 in train)"),
        ("raise RuntimeError('CUDA out of memory. Tried to allocate')", "oom",
         "RuntimeError: CUDA out of memory. Tried to allocate (train.py:2 in train)"),
        ("raise RuntimeError('RESOURCE_EXHAUSTED: 1 GB')", "oom",
         "RuntimeError: RESOURCE_EXHAUSTED: 1 GB (train.py:2 in train)"),
        ("raise ValueError('a word about out of memory')", "error",
         "ValueError: a word about out of memory (train.py:2 in train)"),
        ("class ResourceExhaustedError(Exception): pass\nraise ResourceExhaustedError('OOM')",
         "oom", "ResourceExhaustedError: OOM (train.py:3 in train)"),
        ("class Base(Exception): pass\nclass OutOfMemoryError(Base): pass\n"
         "raise OutOfMemoryError", "oom", "OutOfMemoryError (train.py:4 in train)"),
        ("try: raise MemoryError\nexcept MemoryError as e: raise RuntimeError('step') from e",
         "oom", "RuntimeError: step (train.py:3 in train)"),
        ("import sys; sys.exit(3)", "exit", "exit code 3"),
        ("import sys; sys.exit('no data')", "exit", "exit code 1: no data"),
        ("context.report(1, loss='low')", "error",
         "TypeError: metric 'loss' is 'low', expected a number (train.py:2 in train)"),
        ("import json\njson.loads('{')", "error", None),
        ("raise ValueError(f'{object()!r}')", "error",
         "ValueError: <object object at 0x...> (train.py:2 in train)"),
        ("class Odd(Exception):\n  def __str__(self): raise TypeError\nraise Odd", "error",
         "Odd: (its text cannot be shown) (train.py:4 in train)"),
    ],
)  # fmt: skip
def test_exception_becomes_a_cause(tmp_path, capsys, body, cause, message):
    ended, _ = run(tmp_path, body)
    assert ended.cause == cause
    if message is None:  # the library's own line is not where the user looks
        assert ended.message.endswith(" (train.py:3 in train)")
    else:
        assert ended.message == message
    assert capsys.readouterr().err


def test_nan_exception_is_a_nan(tmp_path):
    def trainer(params, context):
        raise NotANumber("loss is not a number at epoch 3")

    ended, _ = go(work(tmp_path), trainer=trainer)
    assert (ended.cause, ended.message) == (Cause.NAN, "loss is not a number at epoch 3")


def test_keyboard_interrupt_passes(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "raise KeyboardInterrupt")


def test_long_texts_are_cut(tmp_path):
    ended, _ = run(tmp_path, "raise ValueError('x' * 10_000)")
    assert len(ended.message) < 400


def test_what_is_no_unicode_is_replaced(tmp_path):
    ended, _ = run(tmp_path, "raise ValueError('a file named \\udcff')")
    assert ended.message == "ValueError: a file named ? (train.py:2 in train)"


def test_message_names_the_users_innermost_line(tmp_path):
    (tmp_path / "helper.py").write_text("def load(name):\n    return open(name)\n")
    (tmp_path / "train.py").write_text(
        "import helper\n\ndef train(params, context):\n    helper.load('/no/such')\n"
    )
    ended, _ = go(work(tmp_path))
    assert ended.message == (
        "FileNotFoundError: [Errno 2] No such file or directory: '/no/such' (helper.py:2 in load)"
    )


def test_trace_begins_with_the_users_code(tmp_path, capsys):
    run(tmp_path, "raise ValueError('bad')")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path}/train.py", line 2, in train'
    assert lines[-1] == "ValueError: bad"


# ------------------------------------------------------------------ params and seeds


def test_params_are_the_trials_own(tmp_path):
    params = {"layers": [1, 2]}
    ended, _ = run(tmp_path, "params['layers'].append(3)\nparams['x'] = 1", params=params)
    assert ended.cause is None
    assert params == {"layers": [1, 2]}


def test_random_is_seeded_by_the_trial(tmp_path):
    import numpy

    (tmp_path / "train.py").write_text(
        "import random, numpy\ndef train(params, context):\n"
        "    return {'a': random.random(), 'b': numpy.random.rand()}\n"
    )
    trainer = load_trainer(work(tmp_path))
    first, again, other = (
        go(work(tmp_path), trainer=trainer, attempt=Attempt(0, 1, {}, seed=seed))[0].metrics
        for seed in (5, 5, 6)
    )
    expected = {"a": random.Random(5).random(), "b": numpy.random.RandomState(5).rand()}
    assert first == again == expected
    assert other["a"] != first["a"]
    assert other["b"] != first["b"]


# ------------------------------------------------------------------ loading


def test_a_benchmark_is_a_trainer(tmp_path):
    with pytest.raises(PluginError, match="there is no benchmark 'nt33'"):
        load_trainer(Workload("c", str(tmp_path), {"benchmark": "nt33"}))


def test_a_module_is_found_beside_the_campaign_file(tmp_path):
    package = tmp_path / "my_own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "fit.py").write_text("def train(params, context):\n    return params['x']\n")
    ended, _ = go(work(tmp_path, "my_own_package.fit:train"), params={"x": 7})
    assert ended.metrics == {"val_auc": 7.0}


def test_a_file_may_have_any_name(tmp_path):
    folder = tmp_path / "my scripts é"
    folder.mkdir()
    (folder / "random.py").write_text("def train(params, context):\n    return 1\n")
    ended, _ = go(work(tmp_path, "my scripts é/random.py:train"))
    assert ended.metrics == {"val_auc": 1.0}
    assert random.__file__ == sys.modules["random"].__file__


def test_a_file_is_read_anew_each_time(tmp_path):
    assert run(tmp_path, "return 1")[0].metrics == {"val_auc": 1.0}
    assert run(tmp_path, "return 22")[0].metrics == {"val_auc": 22.0}


def test_what_a_file_defines_can_be_pickled(tmp_path):
    (tmp_path / "candy_trainer.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Sample:\n    x: int\n"
        "def train(params, context):\n    return 0.0\n"
        "train.sample = Sample(5)\n"
    )
    load_trainer(work(tmp_path, "candy_trainer.py:train"))
    text = pickle.dumps(sys.modules["candy_trainer"].train.sample)
    assert pickle.loads(text).x == 5
    elsewhere = [sys.executable, "-c", f"import pickle; print(pickle.loads({text!r}).x)"]
    done = subprocess.run(elsewhere, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "5\n"


@pytest.mark.parametrize(
    ("reference", "seen"),
    [
        ("train.py", "'train.py' names no function; expected 'train.py:train'"),
        ("trian.py:train", "Did you mean 'train.py'?"),
        ("train.py:trian", "train.py has no 'trian'. Did you mean 'train'?"),
        ("train.py:NUMBER", "'NUMBER' in train.py is of type int, expected a function"),
        ("train.py:one", "takes (params), expected a function that can be called with"),
        ("no_such_module_here:train", "there is no module 'no_such_module_here'"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path, reference, seen):
    (tmp_path / "train.py").write_text(
        "NUMBER = 3\ndef one(params): pass\ndef train(params, context): pass\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_trainer(work(tmp_path, reference))
    assert seen in str(caught.value)
    assert caught.value.key == "trainer.function"
    ended, _ = go(work(tmp_path, reference))
    assert (ended.cause, ended.message) == (Cause.ERROR, str(caught.value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_thing\n", "No module named 'no_such_thing' (train.py:1 in <module>)"),
        ("def train(:\n", "SyntaxError: invalid syntax (train.py, line 1)"),
        ("1 / 0\n", "ZeroDivisionError: division by zero (train.py:1 in <module>)"),
    ],
)
def test_a_file_that_does_not_load_is_the_users_error(tmp_path, capsys, monkeypatch, text, message):
    monkeypatch.delitem(sys.modules, "train", raising=False)  # another test's
    (tmp_path / "train.py").write_text(text)
    ended, _ = go(work(tmp_path))
    assert ended.cause is Cause.ERROR
    assert ended.message.endswith(message)
    printed = capsys.readouterr().err
    assert "train.py" in printed
    assert "importlib" not in printed
    assert "train" not in sys.modules
