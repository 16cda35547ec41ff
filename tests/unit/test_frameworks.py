"""Which framework is worth importing once for all trials: read from source, nothing is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from candle_workflow.trainers.frameworks import framework_of
from candle_workflow.trainers.loading import find_source

BOMB = "raise SystemExit('it was imported')\n"


def framework(root: Path, source: str | bytes, function: str = "t.py:train") -> str:
    place = function.rpartition(":")[0]
    path = root / (place if place.endswith(".py") else place.replace(".", "/") + ".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return framework_of({"function": function, "root": str(root)})


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import keras", "keras"),
        ("import tensorflow as tf", "keras"),
        ("import numpy, keras.layers", "keras"),
        ("from keras import layers", "keras"),
        ("from tensorflow.keras import layers", "keras"),
        ("def train(p, c):\n    import keras", "keras"),
        ("try:\n    import keras\nexcept ImportError:\n    pass", "keras"),
        ("import torch", ""),
        ("from .keras import x", ""),
        ("import keras_tuner", ""),
        ("'import keras'", ""),
        ("", ""),
        ("import keras\ndef", ""),
        ("import keras\0", ""),
        (b"\xff\xfe import keras", ""),
    ],
)
def test_imports_decide(tmp_path: Path, source: str | bytes, found: str) -> None:
    assert framework(tmp_path, source) == found


def test_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "bomb").mkdir()
    (tmp_path / "bomb" / "__init__.py").write_text(BOMB)
    assert framework(tmp_path, f"import keras\n{BOMB}", "bomb.inner.t:train") == "keras"
    assert "bomb" not in sys.modules


@pytest.mark.parametrize("function", ["none.py:train", "no.such.module:train", "sys:exit", "x"])
def test_what_is_not_there_is_somebody_elses_error(tmp_path: Path, function: str) -> None:
    assert framework_of({"function": function, "root": str(tmp_path)}) == ""


def test_commands_and_benchmarks() -> None:
    assert framework_of({"command": ["python", "train.py"], "root": "."}) == ""
    assert framework_of({"benchmark": "nt3"}) == "keras"


# ------------------------------------------------------------------ finding the source


def test_a_file_beside_the_campaign_comes_first(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    assert find_source("json", str(tmp_path)) == tmp_path / "json.py"
    assert find_source("json", "/nowhere") == Path(sys.modules["json"].__file__ or "")


def test_packages_with_and_without_an_init(tmp_path: Path) -> None:
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "inner" / "t.py").write_text("")
    path = tmp_path / "package" / "inner" / "t.py"
    assert find_source("package.inner.t", str(tmp_path)) == path
    (tmp_path / "package" / "__init__.py").write_text(BOMB)
    assert find_source("package.inner.t", str(tmp_path)) == path


def test_an_editable_install_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import candle_workflow.testing.trainers as module

    here = Path(module.__file__)
    sources = str(here.parent.parent.parent)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", sources)])
    assert find_source("candle_workflow.testing.trainers", "/nowhere") == here


def test_what_has_no_source() -> None:
    assert find_source("sys", "/nowhere") is None


@pytest.mark.parametrize("name", ["no", "json.no", "json.decoder.no", "__main__.x", "", "."])
def test_no_such_module(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        find_source(name, "/nowhere")
