"""Write docs/reference/campaign.md and campaign.schema.json from the table of keys.

python scripts/make_reference.py            writes both
python scripts/make_reference.py --check    exit 1 if one is not up to date
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from candle_workflow.config import json_schema
from candle_workflow.config.kinds import Kind, Text
from candle_workflow.config.layout import CAMPAIGN
from candle_workflow.config.schema import REQUIRED, Either, Key, MapOf, Section

FOLDER = Path(__file__).parent.parent / "docs" / "reference"

HEAD = """\
# The campaign file

Every key of a campaign file, as `candle-workflow run` reads it. This page is made from the same
table that the reader uses (`scripts/make_reference.py`); editors that know JSON Schema can use
[campaign.schema.json](campaign.schema.json):

    # yaml-language-server: $schema=docs/reference/campaign.schema.json

A small but complete file:

```yaml
name: nt3-hpo
benchmark: nt3
params: {epochs: 4}
space:
  learning_rate: {low: 1e-4, high: 1e-1, log: true}
  batch_size: [5, 10, 20]
objective: {metric: val_auc, mode: max}
planner: {name: tpe, trials: 12, seed: 42}
```

How values are read:

- **YAML 1.2.** `1e-4` is a number; `on`, `off`, `yes`, `no` and `2026-01-01` are text; only `true`
  and `false` are booleans; `010` is ten. Tags and merge keys are refused, aliases work.
- **Unknown keys are refused**, and so are keys that stand twice; the message names the file, the
  line and the nearest key that exists.
- **Durations** are `90s`, `20m`, `1h30m`, `2d`, or a plain number of seconds. **Sizes** are
  `500MB`, `2GB`, `16GiB`, or a plain number of GB.
- **Short forms.** `benchmark: nt3` is `benchmark: {name: nt3}`; likewise `planner`, `launcher` and
  `site`; `data: bladder` is `data: {source: bladder}`.
- **`--set key=value`** reaches any key: `--set planner.trials=50`, `--set space.dropout.low=0.1`,
  `--set "space.lr=[0.1, 0.2]"`. Naming another planner or launcher in this way drops the options
  that the file has for the former one.
- **Frozen keys.** A campaign that exists keeps its `benchmark`, `trainer`, `data`, `params`,
  `space`, `objective` and `planner` (save `planner.trials`). Everything else may change with any
  `run`.

"""

SPACE = """\
## `space`

Parameters to search over, by name. A name stands here or in `params`, never in both.

| written | means |
|---|---|
| `[5, 10, 20]` | a choice of these: numbers, texts, booleans, null, or lists of them |
| `{low: 0.0, high: 0.5}` | any number between the bounds, both included |
| `{low: 1, high: 8}` | a whole number, because both bounds are |
| `{low: 1e-4, high: 1e-1, log: true}` | each order of magnitude is equally likely; `low` above 0 |
| `{low: 0.0, high: 0.5, step: 0.05}` | 0.0, 0.05, 0.1, ... |
| `{low: 0.0, high: 0.95, when: {optimizer: sgd}}` | only there if `optimizer` is `sgd` |
| `{..., when: {optimizer: [sgd, rmsprop]}}` | only there if it is one of these |
| `{type: choice, choices: [5, 10], when: {...}}` | the long form, which always works |
| `{type: float, low: 1, high: 8}` | the type against what the bounds look like; or `int` |

"""


def main() -> int:
    """Write the files, or compare them."""
    stale = [name for name, text in pages().items() if _differs(FOLDER / name, text)]
    if "--check" in sys.argv[1:]:
        print("\n".join(f"{name} is not up to date" for name in stale), end="")
        return 1 if stale else 0
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """What the files should hold, by name."""
    schema = json.dumps(json_schema(), indent=2) + "\n"
    return {"campaign.md": page(), "campaign.schema.json": schema}


def page() -> str:
    """The reference page."""
    sections = [(key, key.kind) for key in CAMPAIGN if isinstance(key.kind, Section)]
    single = [key for key in CAMPAIGN if not isinstance(key.kind, Section)]
    parts = [HEAD, "## Keys of the file\n\n", _table(CAMPAIGN.keys, sections=True), "\n"]
    parts += ["## Keys that are no sections\n\n", _table(single), "\n", SPACE]
    parts += [_section(key, kind) for key, kind in sections]
    return "".join(parts).rstrip() + "\n"


def _section(key: Key, section: Section) -> str:
    text = f"## `{key.name}`\n\n{key.doc}"
    text += f" A text alone is its `{section.short}`." if section.short else ""
    text += " Other keys are options of the plug-in." if section.open else ""
    return f"{text} For example `{key.name}: {key.example}`\n\n{_table(section.keys)}\n"


def _table(keys: Iterable[Key], *, sections: bool = False) -> str:
    if sections:
        rows = [f"| `{k.name}` | {_need(k)} | {_cell(k.doc)} |\n" for k in keys]
        return "| key | | meaning |\n|---|---|---|\n" + "".join(rows)
    head = "| key | value | default | meaning | example |\n|---|---|---|---|---|\n"
    return head + "".join(_rows("", keys))


def _rows(path: str, keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        name = path + key.name
        kind = "a mapping" if isinstance(key.kind, Section) else _kind(key.kind)
        cells = (f"`{name}`", kind, _default(key), key.doc, f"`{key.name}: {key.example}`")
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |\n"
        if isinstance(key.kind, Section):
            yield from _rows(f"{name}.", key.kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _need(key: Key) -> str:
    return "required" if key.default is REQUIRED else ""


def _kind(kind: Kind) -> str:
    if isinstance(kind, Either):
        return " or ".join(_kind(one) for one in kind.kinds)
    if isinstance(kind, Section):
        return "{" + ", ".join(f"{key.name}: {_kind(key.kind)}" for key in kind) + "}"
    if isinstance(kind, MapOf) and kind.words:
        return f"a mapping of {', '.join(f'`{word}`' for word in kind.words)} to {kind.item.name}"
    if isinstance(kind, Text) and kind.choices:
        return " or ".join(f"`{choice}`" for choice in kind.choices)
    return kind.name


def _default(key: Key) -> str:
    if key.default is REQUIRED:
        return "required"
    if key.default is None or isinstance(key.kind, Section):
        return ""
    words = isinstance(key.kind, MapOf) and key.kind.words
    default = words or key.default
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main())
