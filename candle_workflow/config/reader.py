"""Read campaign files: YAML text -> CampaignSpec. The only reader of what users write.

What a file means by itself is settled here; what it means to the plug-ins that it names is
``check``'s. The keys are in ``layout``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from candle_workflow.config.aliases import use_present_names
from candle_workflow.config.layout import CAMPAIGN
from candle_workflow.config.places import Places, apply
from candle_workflow.config.rules import cross_check, refuse_infinite
from candle_workflow.config.spec import (
    CampaignSpec,
    parts,
)
from candle_workflow.config.yaml12 import describe, parse
from candle_workflow.errors import ConfigError, nearest
from candle_workflow.space import Space


def load_campaign(
    source: Path | str,
    *,
    overrides: Mapping[str, str] | None = None,
    kind: str | None = "hpo",
) -> CampaignSpec:
    """Read a campaign.

    Parameters
    ----------
    source : Path or str
        A file, the name of a ready campaign, or a text of several lines.
    overrides : mapping, optional
        Dotted key -> value as YAML text, from ``--set``.
    kind : str or None
        What it must be for; None takes what the file says.

    Raises
    ------
    ConfigError
        Something is wrong; says what, with file, line and key, and what may be meant.
    """
    file = None if isinstance(source, str) and "\n" in source else _find(source, kind or "hpo")
    text = str(source) if file is None else _read(file)
    label = "<text>" if file is None else str(file)
    document = parse(text, file=label)
    if not isinstance(document.value, dict):
        raise _no_mapping(document.value, label)
    places = Places(label, dict(document.lines))
    try:
        tree: dict[str, Any] = CAMPAIGN.expand(document.value)
        apply(tree, overrides or {}, places, CAMPAIGN)
        tree = CAMPAIGN.expand(tree)
        return _build(tree, places, file=file, kind=kind)
    except ConfigError as error:
        raise places.located(error) from error


def from_resolved(values: Mapping[str, Any]) -> CampaignSpec:
    """Build a spec from what ``resolved()`` gave, as a journal holds it.

    Raises
    ------
    ConfigError
        The values are not those of a campaign.
    """
    return _build(dict(values), Places("the journal"), file=None, kind=None)


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a campaign file, for editors."""
    schema = CAMPAIGN.schema()
    either = [{"required": ["benchmark"]}, {"required": ["trainer"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A campaign of candle-workflow",
        **schema,
        "oneOf": either,
    }


def ready_campaigns(kind: str = "hpo") -> dict[str, Path]:
    """List the campaigns that ship, by name."""
    folder = Path(str(files("candle_workflows"))) / kind
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


# ------------------------------------------------------------------ finding and reading


def _find(source: Path | str, kind: str) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, expected a campaign file.")
    ready = ready_campaigns(kind)
    name = str(source).removesuffix(".yaml")
    if name in ready:
        return ready[name]
    near = path.parent.glob("*.y*ml") if path.parent.is_dir() else ()
    known = [*(f"{name}{path.suffix}" for name in ready), *(str(other) for other in near)]
    raise ConfigError(
        f"there is no file {path}, nor a ready campaign of that name.{nearest(str(path), known)}"
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            "is not UTF-8 text; save the file as that.",
            file=str(file),
            line=error.object.count(b"\n", 0, error.start) + 1,
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}.", file=str(file)) from error


def _no_mapping(value: Any, label: str) -> ConfigError:
    seen = "the file is empty" if value is None else f"the file holds {describe(value)}"
    return ConfigError(
        f"{seen}, expected keys such as name, benchmark and objective."
        " 'candle-workflow init' writes a file to start from.",
        file=label,
    )


# ------------------------------------------------------------------ from values to a spec


def _build(
    tree: dict[str, Any], places: Places, *, file: Path | None, kind: str | None
) -> CampaignSpec:
    notices = use_present_names(tree, places)
    refuse_infinite(tree)
    values = CAMPAIGN.read(tree, "")
    cross_check(values, kind)
    root = Path(values["root"] or (file.parent if file else Path.cwd())).absolute()
    values["root"] = str(root)
    space = Space.parse(values["space"])
    values["space"] = space.to_json()  # however it was written
    return CampaignSpec(
        file=file,
        space=space,
        root=root,
        origins=places.origins(tree, values, file.name if file else str(places.file)),
        notices=tuple(notices),
        _values=values,
        _places=places,
        **parts(values),
    )
