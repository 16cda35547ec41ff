"""Lists of trials: CSV, JSON lines and CANDLE's UPF, and what can be wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from candle_workflow.errors import ConfigError, StateConflict
from candle_workflow.model import Objective, Suggestion
from candle_workflow.planners.listed import ListedPlanner
from candle_workflow.space import Space

SPACE = Space.parse(
    {
        "rate": {"low": 1e-5, "high": 1.0, "log": True},
        "optimizer": ["sgd", "adam"],
        "momentum": {"low": 0.0, "high": 1.0, "when": {"optimizer": "sgd"}},
        "code": ["1", "x"],
    }
)


def planner(path: Path, text: str, name: str, *, space: Space = SPACE, **kw: Any) -> ListedPlanner:
    (path / name).write_text(text, encoding="utf-8")
    arguments = {"trials": None, "seed": 0, "root": path, "file": name} | kw
    return ListedPlanner(space, objective=Objective("loss"), **arguments)


def test_a_upf_is_read_as_it_is(tmp_path: Path) -> None:
    text = (
        '{"id": "RUN000", "epochs": 1}\n'
        "\n"
        '{"id": "RUN001", "epochs": 2, "dense": [100, 50], "train_sources": "CCLE", "gpu": null}\n'
        '{"learning_rate": 1e-3, "residual": true, "conv": [[1, 2], [3, 4]]}\n'
    )
    suggestions = planner(tmp_path, text, "list.txt", space=Space.parse({})).ask(9)
    assert suggestions == [
        Suggestion(0, {"epochs": 1}, "RUN000"),
        Suggestion(
            1, {"epochs": 2, "dense": [100, 50], "train_sources": "CCLE", "gpu": None}, "RUN001"
        ),
        Suggestion(2, {"learning_rate": 1e-3, "residual": True, "conv": [[1, 2], [3, 4]]}, None),
    ]


def test_a_csv_is_read_as_yaml_would(tmp_path: Path) -> None:
    text = (
        "\ufeffid,rate,optimizer,momentum,code,flag,layers,name\r\n"
        '007,1e-4,sgd,.5,1,true,"[64, 32]","a, b"\r\n'
        ",1,adam,,x,False,[oops,1.5.2\r\n"
        "\r\n"
        "9,+0.5,,,,NULL,-3,nan\r\n"
    )
    assert planner(tmp_path, text, "l.csv").ask(9) == [
        Suggestion(
            0,
            {"rate": 1e-4, "optimizer": "sgd", "momentum": 0.5, "code": "1", "flag": True,
             "layers": [64, 32], "name": "a, b"},
            "007",
        ),
        Suggestion(
            1,
            {"rate": 1, "optimizer": "adam", "code": "x", "flag": False, "layers": "[oops",
             "name": "1.5.2"},
        ),
        Suggestion(2, {"rate": 0.5, "flag": None, "layers": -3, "name": "nan"}, "9"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "place", "message"),
    [
        ("l.txt", '{"id": "a"}\n\n{"id": "a"}\n', ":3", "the id 'a' is also that of line 1"),
        ("l.txt", '{"id": 1}\n{"id": "1"}\n', ":2", "the id '1' is also that of line 1"),
        ("l.csv", "id,x\na,1\na,2\n", ":3", "the id 'a' is also that of line 2"),
        ("l.txt", '{"id": ["a"]}\n', ":1", "neither text nor a number"),
        ("l.txt", '{"a": 1}\n{"a": 1,}\n', ":2", "not a JSON object"),
        ("l.txt", '{"a": 1}\n[1, 2]\n', ":2", "[1, 2] is not a JSON object"),
        ("l.txt", '{"a": 1, "a": 2}\n', ":1", "'a' is there twice"),
        ("l.txt", '{"a": NaN}\n', ":1", "NaN is not a number that JSON has"),
        ("l.dat", "a,b\n1,2\n", ":1", "must be named *.csv"),
        ("l.csv", "a,b\n1,2\n1,2,3\n", ":3", "3 values under a header of 2 names"),
        ("l.csv", "a,b,a\n1,2,3\n", ":1", "names 'a' twice"),
        ("l.csv", "a,,b\n1,2,3\n", ":1", "column 2 of the header has no name"),
        ("l.csv", 'a,b\n1,"2\n', ":2", "is not CSV"),
        ("l.csv", "a,b\n", "", "holds no lines"),
        ("l.csv", "", "", "holds no lines"),
        ("l.txt", "\n \n", "", "holds no lines"),
        ("l.txt", '{"rate": 0.1}\n{"rate": 2.0}\n', ":2", "'rate' is 2.0, which is not a number"),
        ("l.csv", "rate\nhigh\n", ":2", "'rate' is 'high'"),
        ("l.txt", '{"optimizer": "adam", "momentum": 0.5}\n', ":1", "'momentum' is given, but nee"),
    ],
)
def test_mistakes_are_refused_with_file_and_line(
    tmp_path: Path, name: str, text: str, place: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        planner(tmp_path, text, name)
    assert caught.value.key == "file"
    assert f"{tmp_path / name}{place}" in caught.value.message
    assert message in caught.value.message


def test_a_file_that_is_missing_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("a\n1\n")
    with pytest.raises(ConfigError, match=r"Did you mean 'trials.csv'\?") as caught:
        planner(tmp_path, "{}", "x.txt", file="trails.csv")
    assert caught.value.key == "file"


@pytest.mark.parametrize("file", [None, "", 3, ["a.csv"]])
def test_file_must_be_a_path(tmp_path: Path, file: Any) -> None:
    with pytest.raises(ConfigError, match="expected the path") as caught:
        planner(tmp_path, "{}", "x.txt", file=file)
    assert caught.value.key == "file"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        planner(tmp_path, "{}", "x.txt", file="a.csv")


def test_an_absolute_path_needs_no_root(tmp_path: Path) -> None:
    file = str(tmp_path / "x.txt")
    assert planner(tmp_path, "{}", "x.txt", file=file, root=None).ask(1) == [Suggestion(0, {})]


def test_trials_cap_the_list(tmp_path: Path) -> None:
    lines = "".join(f'{{"a": {i}}}\n' for i in range(5))
    few, many = planner(tmp_path, lines, "x.txt", trials=2), planner(tmp_path, lines, "x.txt")
    assert [s.params for s in few.ask(9)] == [{"a": 0}, {"a": 1}]
    assert (few.done, few.size, many.size, many.done) == (True, 2, 5, False)


def test_lines_may_be_added_but_not_changed(tmp_path: Path) -> None:
    first = planner(tmp_path, '{"id": "a", "x": 1}\n{"x": 2}\n', "x.txt").ask(2)
    longer = planner(tmp_path, '{"id": "a", "x": 1}\n{"x": 2}\n{"x": 3}\n', "x.txt")
    for suggestion in first:
        longer.restore(suggestion)
    assert longer.ask(5) == [Suggestion(2, {"x": 3})]
    for text in ('{"id": "b", "x": 1}\n', '{"id": "a", "x": 9}\n', '{"x": 1}\n'):
        changed = planner(tmp_path, text, "x.txt")
        with pytest.raises(StateConflict, match=r"x\.txt:1: trial 0 was made from another line"):
            changed.restore(first[0])
    shorter = planner(tmp_path, '{"id": "a", "x": 1}\n', "x.txt")
    shorter.restore(first[0])
    with pytest.raises(StateConflict, match="its end"):
        shorter.restore(first[1])
