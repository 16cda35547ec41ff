"""What a trainer sees of its trial."""

import math

import numpy as np
import pytest

from candle_workflow.model import Attempt, Cause, Checkpointed, Measured, Resources, Workload
from candle_workflow.trainers.context import Context, NotANumber, as_metrics, is_number


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def make(tmp_path, sent, clock):
    def make(*, time_s=None, stopping=lambda: False, checkpoint=None, every=600.0):
        workload = Workload(
            "c",
            str(tmp_path),
            {"function": "m:f", "root": "/some/where"},
            data={"source": "bladder"},
            resources=Resources(time_s=time_s),
            checkpoint_every_s=every,
        )
        attempt = Attempt(3, 2, {"x": 1}, seed=77, checkpoint=checkpoint)
        return Context(attempt, workload, send=sent.append, stopping=stopping, clock=clock)

    return make


def test_knows_its_trial(make, tmp_path):
    context = make(checkpoint="/c/kpt")
    assert (context.number, context.attempt, context.seed) == (3, 2, 77)
    assert context.data == {"source": "bladder"}
    assert str(context.root) == "/some/where"
    assert str(context.checkpoint) == "/c/kpt"
    assert make().checkpoint is None


def test_makes_its_folder_only_when_asked(make, tmp_path):
    context = make()
    assert list(tmp_path.iterdir()) == []
    assert context.folder == tmp_path / "trials" / "3" / "2"
    assert context.folder.is_dir()


def test_reports_are_sent_in_order_with_steps_of_their_own(make, sent, clock):
    context = make()
    context.report(loss=0.5)
    context.report(10, loss=0.25, acc=1)
    clock.now += 5
    context.report(loss=math.inf)
    assert sent == [
        Measured(3, 2, 1, 1000.0, {"loss": 0.5}),
        Measured(3, 2, 10, 1000.0, {"loss": 0.25, "acc": 1.0}),
        Measured(3, 2, 11, 1005.0, {"loss": math.inf}),
    ]
    assert context.measured == {"loss": [0.5, 0.25, math.inf], "acc": [1.0]}


@pytest.mark.parametrize("value", ["0.9", b"1", None, [1.0], {"a": 1}])
def test_refuses_what_is_not_a_number(make, sent, value):
    with pytest.raises(TypeError, match=r"metric 'loss' is .*, expected a number"):
        make().report(loss=value)
    assert sent == []


@pytest.mark.parametrize("step", ["1", 1.0, None, float("nan"), 2**63, -(2**63), [1]])
def test_refuses_what_is_no_step(make, sent, step, tmp_path):
    if step is not None:  # a report without a step numbers itself
        with pytest.raises(TypeError, match="step is"):
            make().report(step, loss=1.0)
    (tmp_path / "saved").touch()
    with pytest.raises(TypeError, match="step is"):
        make().checkpointed(tmp_path / "saved", step)
    assert sent == []


def test_takes_steps_of_numpy(make, sent, tmp_path):
    (tmp_path / "saved").touch()
    context = make()
    context.report(np.int64(3), loss=1.0)
    context.report(loss=1.0)
    context.checkpointed(tmp_path / "saved", np.uint8(4))
    assert [(event.step, type(event.step)) for event in sent] == [(3, int), (4, int), (4, int)]


def test_takes_numpy_scalars():
    numpy = pytest.importorskip("numpy")
    values = as_metrics({"a": numpy.float32(0.5), "b": numpy.array(2), "c": numpy.int64(3)})
    assert values == {"a": 0.5, "b": 2.0, "c": 3.0}
    assert {type(value) for value in values.values()} == {float}


def test_stops_when_asked_or_out_of_time(make, clock):
    asked = []
    context = make(time_s=60.0, stopping=lambda: bool(asked))
    assert context.time_left() == 60.0
    assert not context.should_stop()
    clock.now += 60
    assert context.time_left() == 0.0
    assert context.should_stop()
    unlimited = make(stopping=lambda: bool(asked))
    assert unlimited.time_left() is None
    assert not unlimited.should_stop()
    asked.append(True)
    assert unlimited.should_stop()


def test_checkpoints_are_due_by_time_and_before_a_stop(make, clock, tmp_path):
    asked = []
    context = make(every=600.0, stopping=lambda: bool(asked))
    assert not context.checkpoint_due()
    clock.now += 600
    assert context.checkpoint_due()
    path = context.folder / "one"
    path.write_bytes(b"1234")
    context.checkpointed(path, step=4)
    assert not context.checkpoint_due()
    asked.append(True)
    assert context.checkpoint_due()


def test_announces_a_checkpoint_with_all_its_bytes(make, sent, tmp_path):
    context = make()
    folder = context.folder / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"123")
    (folder / "deep" / "b").write_bytes(b"45")
    context.checkpointed(folder, step=9)
    assert sent == [Checkpointed(3, 2, 9, 1000.0, str(folder.resolve()), 5)]


def test_not_a_number_names_its_cause():
    assert NotANumber("loss is nan").cause is Cause.NAN
    assert is_number(math.inf)
    assert not is_number(math.nan)
    assert not is_number(None)
