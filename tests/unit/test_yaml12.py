"""The reader of YAML 1.2: values of the core schema, lines, and what it refuses."""

import math

import pytest

from candle_workflow.config.yaml12 import parse, parse_value
from candle_workflow.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("+12", 12),
        ("-0", 0),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0b11", "0b11"),
        ("1e", "1e"),
        ("'1'", "1"),
        ("'null'", "null"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("[a, 1, {b: on}]", ["a", 1, {"b": "on"}]),
    ],
)
def test_values_are_those_of_the_core_schema(text, value):
    found = parse(f"key: {text}").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_float():
    assert math.isnan(parse("a: .nan").value["a"])


def test_every_key_and_item_has_its_line():
    text = "a: 1\nb:\n  c: [x,\n      y]\n  d: {e: 2}\n"
    assert parse(text).lines == {
        "a": 1,
        "b": 2,
        "b.c": 3,
        "b.c.0": 3,
        "b.c.1": 4,
        "b.d": 5,
        "b.d.e": 5,
    }


def test_an_alias_gives_the_same_value_again():
    assert parse("a: &x [1, 2]\nb: *x").value == {"a": [1, 2], "b": [1, 2]}


def test_an_empty_text_is_nothing():
    assert parse("# only a comment\n").value is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, "stands twice, first in line 1"),
        ("a:\n  b: 1\n\tc: 2", 3, "a tab"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: [1, 2", 1, "bracket"),
        ("a: b: c", 1, "':' is not expected"),
        ("a: 1\nb: !!python/object:os.system x", 2, "'!!python/object:os.system' is not allowed"),
        ("a: !thing {}", 1, "'!thing' is not allowed"),
        ("a: !!timestamp 2026-01-01", 1, "'!!timestamp' is not allowed"),
        ("a: !!int x", 1, "cannot be read as int"),
        ("a: {<<: {b: 1}}", 1, "merge keys"),
        ("a: 1\n2: b", 2, "a key must be text"),
        ("a: 1\n[x]: b", 2, "a key must be text"),
        ("a: *b", 1, "undefined alias"),
        ("a: &x [*x]", 1, "nested deeper"),
        ("a: 1\nb: \x07", 2, "character 7 is not allowed"),
        ("a: 123456789012345678901", 1, "cannot be read as int"),
    ],
)
def test_what_is_refused_names_its_line(text, line, words):
    with pytest.raises(ConfigError) as refusal:
        parse(text, file="c.yaml")
    assert words in str(refusal.value)
    assert (refusal.value.file, refusal.value.line) == ("c.yaml", line)


@pytest.mark.parametrize("text", ["[" * 3000, "{a: " * 3000, "[" * 50 + "]" * 50])
def test_deep_nesting_is_refused(text):
    with pytest.raises(ConfigError, match="nested deeper than 40"):
        parse(text)


def test_aliases_cannot_explode():
    levels = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(ConfigError, match="more than 50000 values, aliases expanded"):
        parse("\n".join(levels))


def test_a_huge_text_is_refused():
    with pytest.raises(ConfigError, match="keep data in files of their own"):
        parse("a: 1\n" * 300_000)


def test_a_value_of_the_command_line_reads_as_in_a_file():
    assert parse_value("[0.1, 1e-2, on]", key="space.lr") == [0.1, 0.01, "on"]


def test_a_broken_value_of_the_command_line_names_its_key():
    with pytest.raises(ConfigError, match=r"^--set: space\.lr: in '\[1': this is not YAML"):
        parse_value("[1", key="space.lr")
