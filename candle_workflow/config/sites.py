"""Sites: one YAML file a machine, the user's own before those that ship."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from candle_workflow.config.kinds import SIZE, Number, Text
from candle_workflow.config.places import Places
from candle_workflow.config.schema import REQUIRED, Either, Key, Section
from candle_workflow.config.yaml12 import parse
from candle_workflow.errors import ConfigError, nearest

_AUTO = Text(("auto",))
_COUNT = Number(low=0, whole=True)

LAYOUT = Section(
    (
        Key("title", Text(), REQUIRED, "One line about the machine."),
        Key("scheduler", Text(("local",)), "local", "The batch system; `local` is none."),
        Key("cores", Either((_AUTO, Number(low=1, whole=True))), "auto", "Cores of a node."),
        Key("memory", Either((_AUTO, SIZE)), "auto", "Memory of a node."),
        Key("gpus", Either((_AUTO, _COUNT)), "auto", "GPUs of a node."),
        Key("campaigns", Text(), None, "Where campaigns live, unless $CANDLE_CAMPAIGNS says."),
    )
)


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One machine. ``"auto"`` means: whatever the node turns out to have."""

    name: str
    file: Path
    title: str
    scheduler: str = "local"
    cores: int | str = "auto"  # of a node
    memory_gb: float | str = "auto"  # of a node
    gpus: int | str = "auto"  # of a node
    campaigns: Path | None = None  # where campaigns live, unless $CANDLE_CAMPAIGNS says

    def resolved(self) -> dict[str, Any]:
        """Every value, with the keys of a site file, as plain JSON."""
        return {
            "name": self.name,
            "file": str(self.file),
            "title": self.title,
            "scheduler": self.scheduler,
            "cores": self.cores,
            "memory": self.memory_gb,
            "gpus": self.gpus,
            "campaigns": str(self.campaigns) if self.campaigns else None,
        }


def user_sites() -> Path:
    """The folder of the user's own site files."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "candle-workflow" / "sites"


def site_names() -> list[str]:
    """List the known sites, sorted."""
    return sorted({path.stem for path in _files()})


def load_site(name: str) -> SiteSpec:
    """Read a site's file.

    Raises
    ------
    ConfigError
        There is no such site, or its file is wrong.
    """
    path = next((path for path in _files() if path.stem == name), None)
    if path is None:
        raise ConfigError(
            f"there is no site '{name}'.{nearest(name, site_names())}"
            f" Your own go into {user_sites()}.",
            key="site.name",
        )
    document = parse(path.read_text(encoding="utf-8"), file=str(path))
    places = Places(str(path), dict(document.lines))
    try:
        values = LAYOUT.read(document.value, "")
    except ConfigError as error:
        raise places.located(error) from error
    campaigns = values.pop("campaigns")
    return SiteSpec(
        name=name,
        file=path,
        campaigns=Path(campaigns).expanduser() if campaigns else None,
        memory_gb=values.pop("memory"),
        **values,
    )


def _files() -> Iterator[Path]:
    shipped = Path(str(files("candle_sites")))
    for folder in (user_sites(), shipped):
        if folder.is_dir():
            yield from sorted(folder.glob("*.yaml"))
