"""Where samples come from: embedded, CANDLE's layout, .npz; and how bad input is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from candle_workflow.data import embedded
from candle_workflow.data.section import DataSection
from candle_workflow.data.sources import load
from candle_workflow.errors import ConfigError, DataError


@pytest.fixture
def pairs(tmp_path):
    x = np.arange(24, dtype=np.float32).reshape(8, 3)
    y = np.array([0, 1] * 4)
    patient = np.repeat(["a", "b", "c", "d"], 2)
    np.savez(tmp_path / "pairs.npz", x=x, y=y, patient=patient, gene=np.array(["g0", "g1", "g2"]))
    return tmp_path


def write(path, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")


def test_bladder_is_what_its_package_says():
    arrays = load({"source": "bladder"}, Path())
    assert arrays.x.shape == (48, 22_283)
    assert arrays.x.dtype == np.float32
    assert arrays.classes == ("Normal", "Cancer")
    assert np.bincount(arrays.y).tolist() == [8, 40]
    assert arrays.names[:2].tolist() == ["1007_s_at", "1053_at"]
    # the first probe of GSM71019 is 10.115170 in the package, kept to 1/1024
    assert abs(arrays.x[0, 0] - 10.115170) <= 0.5 / 1024
    assert arrays.checksum == embedded.describe("bladder")["sha256"]


def test_bladder_file_holds_all_57_samples_and_is_small():
    path = embedded.folder() / "bladder.npz"
    assert path.stat().st_size <= 3_000_000
    with np.load(path, allow_pickle=False) as file:
        assert file["expression"].shape == (57, 22_283)
        assert sorted(set(file["cancer"])) == ["Biopsy", "Cancer", "Normal"]
        assert int((file["cancer"] == "Biopsy").sum()) == 9


def test_a_changed_embedded_file_is_refused(tmp_path, monkeypatch):
    for name in ("bladder.npz", "bladder.json"):
        shutil.copy(embedded.folder() / name, tmp_path / name)
    with (tmp_path / "bladder.npz").open("r+b") as file:
        file.seek(1000)
        file.write(b"\x00")
    monkeypatch.setattr(embedded, "folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"bladder\.npz: its SHA-256 is .*, expected "):
        load({"source": "bladder"}, Path())


def test_every_embedded_source_states_licence_provenance_and_citation():
    assert embedded.sources() == ["bladder"]
    about = embedded.describe("bladder")
    assert about["license"].startswith("Artistic-2.0")
    assert "r-bioc-bladderbatch 1.36.0-1" in about["provenance"]["package"]
    assert "Cancer Research 2004; 64: 4040-4048" in about["citation"][0]
    json.dumps(about)


def test_npz_with_groups(pairs):
    section = {"path": "pairs.npz", "split": {"by": "patient"}}
    arrays = load(section, pairs)
    assert arrays.x.shape == (8, 3)
    assert arrays.classes == ("0", "1")
    assert arrays.groups.tolist() == ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert arrays.names.tolist() == ["g0", "g1", "g2"]


def test_labels_may_be_text(pairs):
    with np.load(pairs / "pairs.npz") as file:
        x = file["x"]
    np.savez(pairs / "text.npz", x=x, y=np.array(["tumour", "normal"] * 4))
    arrays = load({"path": "text.npz"}, pairs)
    assert arrays.classes == ("normal", "tumour")
    assert arrays.y.tolist() == [1, 0] * 4


def test_candle_folder_keeps_its_parts(tmp_path):
    write(tmp_path / "nt_train2.csv", [[0, 1, 2], [1, 3, 4], [0, 5, 6]])
    write(tmp_path / "nt_test2.csv", [[1, 7, 8], [0, 9, 10]])
    arrays = load({"path": str(tmp_path)}, Path("/nowhere"))
    assert arrays.x.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert arrays.y.tolist() == [0, 1, 0, 1, 0]
    assert arrays.given.tolist() == [3, 4]
    before = arrays.checksum
    write(tmp_path / "nt_test2.csv", [[1, 7, 8], [0, 9, 11]])
    assert load({"path": str(tmp_path)}, Path()).checksum != before


def test_candle_folder_refuses_another_split(tmp_path):
    write(tmp_path / "nt_train2.csv", [[0, 1]])
    write(tmp_path / "nt_test2.csv", [[1, 7]])
    with pytest.raises(ConfigError, match="kept as they are") as caught:
        load({"path": str(tmp_path), "split": {"valid": 0.5}}, Path())
    assert caught.value.key == "data.split"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[0, 1, 2], [1, "x7", 4]], r"row 2, column 2 is 'x7', expected a number"),
        ([[0, 1, 2], [1, 3, 4, 5]], r"row 2 has 4 columns, row 1 has 3"),
        ([[0, 1, 2], [1, "", 4]], r"row 2, column 2 is nan, expected a finite number"),
        ([[0, 1, 2], [1, 3, "inf"]], r"row 2, column 3 is inf, expected a finite number"),
        ([["label", "g1"], [1, 3]], r"row 1, column 1 is 'label', expected a number"),
        ([[0], [1]], r"it has 1 column, expected comma-separated numbers"),
    ],
)
def test_a_bad_csv_is_named_by_row_and_column(tmp_path, rows, said):
    write(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=said) as caught:
        load({"path": "a.csv"}, tmp_path)
    assert str(tmp_path / "a.csv") in str(caught.value)


def test_an_empty_csv_and_a_folder_without_parts(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match="it is empty"):
        load({"path": "a.csv"}, tmp_path)
    with pytest.raises(DataError, match=r"expected one file \*train\*\.csv .*found none"):
        load({"path": "."}, tmp_path)


def test_parts_of_different_width(tmp_path):
    write(tmp_path / "nt_train2.csv", [[0, 1, 2], [1, 3, 4]])
    write(tmp_path / "nt_test2.csv", [[1, 7], [0, 2]])
    with pytest.raises(DataError, match=r"it has 2 columns, nt_train2\.csv has 3"):
        load({"path": "."}, tmp_path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y": [0, 1]}, "there is no array 'x'"),
        ({"x": [[1.0], [2.0]]}, "there is no array 'y'"),
        ({"x": [1.0, 2.0], "y": [0, 1]}, r"x is float64 of shape \(2,\), expected numbers"),
        ({"x": [["a"], ["b"]], "y": [0, 1]}, r"x is <U1 of shape"),
        ({"x": [[1.0], [2.0]], "y": [0, 1, 0]}, r"y has shape \(3,\), x has 2 samples"),
        ({"x": [[1.0], [np.nan]], "y": [0, 1]}, r"x: row 1, column 0 is nan"),
        ({"x": [[1.0], [2.0]], "y": [0.0, np.nan]}, r"y of row 1 is nan, expected a class"),
    ],
)
def test_a_bad_npz_is_named(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **{name: np.array(value) for name, value in arrays.items()})
    with pytest.raises(DataError, match=said):
        load({"path": "a.npz"}, tmp_path)


def test_pickled_and_broken_npz_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"evil": 1}], dtype=object), y=np.array([0]))
    with pytest.raises(DataError, match="Python objects are not read"):
        load({"path": "a.npz"}, tmp_path)
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match=r"b\.npz"):
        load({"path": "b.npz"}, tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ({}, "data", "neither 'source' nor 'path'"),
        ({"source": "bladder", "path": "x"}, "data.path", "both"),
        ({"source": "bladdder"}, "data.source", "Did you mean 'bladder'"),
        ({"source": 3}, "data.source", "is 3, expected text"),
        ({"source": "bladder", "splt": {}}, "data.splt", "Did you mean 'split'"),
        ({"source": "bladder", "split": 0.25}, "data.split", "expected such as"),
        ({"source": "bladder", "split": {"valid": 1.5}}, "data.split.valid", "between 0 and 1"),
        ({"source": "bladder", "split": {"valid": True}}, "data.split.valid", "is True"),
        ({"source": "bladder", "split": {"seed": -1}}, "data.split.seed", "from 0"),
        ({"source": "bladder", "split": {"by": 1}}, "data.split.by", "name of a column"),
        ({"source": "bladder", "split": {"by": "bach"}}, "data.split.by", "'batch'"),
        ({"source": "bladder", "split": {"sed": 1}}, "data.split.sed", "'seed'"),
    ],
)
def test_a_bad_section_is_named_by_its_key(section, key, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(section, Path())
    assert caught.value.key == key


def test_unknown_group_column_and_missing_file(pairs):
    with pytest.raises(ConfigError, match="Did you mean 'patient'") as caught:
        load({"path": "pairs.npz", "split": {"by": "patients"}}, pairs)
    assert caught.value.key == "data.split.by"
    with pytest.raises(DataError, match="there is no such file or folder"):
        load({"path": "other.npz"}, pairs)
    (pairs / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"expected an \.npz file"):
        load({"path": "a.txt"}, pairs)


def test_paths_are_relative_to_the_campaign_file():
    assert DataSection.parse({"path": "a/b.npz"}, Path("/c")).path == Path("/c/a/b.npz")
    assert DataSection.parse({"path": "/a/b.npz"}, Path("/c")).path == Path("/a/b.npz")
