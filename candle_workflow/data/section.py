"""What a campaign's ``data:`` section may say, checked when it is read.

::

    data: {source: bladder, split: {valid: 0.25, seed: 7}}
    data: {path: pairs.npz, split: {by: patient, valid: 0.25, seed: 7}}
    data: {path: folder-with-nt_train2.csv-and-nt_test2.csv}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError, nearest

VALID = 0.25
SEED = 0


@dataclass(frozen=True, slots=True)
class SplitSection:
    """How samples are shared out: the fraction to validate on, and what keeps together.

    ``by`` names a column of the data (a patient, say): all samples with the same value are
    on one side. Without it, each class is split in the same proportion.
    """

    valid: float = VALID
    seed: int = SEED
    by: str | None = None


@dataclass(frozen=True, slots=True)
class DataSection:
    """A ``data:`` section: an embedded source or a path, and the split.

    ``split`` is None when the section has none: data that come as training and test parts
    keep them, others are split by the defaults.
    """

    source: str | None
    path: Path | None
    split: SplitSection | None

    @classmethod
    def parse(cls, section: Mapping[str, Any], root: Path) -> DataSection:
        """Read a section; a relative path is one from ``root``, the campaign file's folder.

        Raises
        ------
        ConfigError
            With the key below ``data`` that is wrong, such as ``data.split.valid``.
        """
        _known(section, ("source", "path", "split"), "data")
        source, path = section.get("source"), section.get("path")
        if (source is None) == (path is None):
            raise ConfigError(
                "says neither 'source' nor 'path'" if source is None else "says both",
                key="data" if source is None else "data.path",
            )
        for name, value in (("source", source), ("path", path)):
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"is {value!r}, expected text", key=f"data.{name}")
        split = section.get("split")
        where = None if path is None else root / Path(path).expanduser()
        return cls(source, where, None if split is None else _split(split))


def _split(section: Any) -> SplitSection:
    if not isinstance(section, Mapping):
        raise ConfigError(
            f"is {section!r}, expected such as {{valid: 0.25, seed: 7}}", key="data.split"
        )
    _known(section, ("valid", "seed", "by"), "data.split")
    valid, seed, by = section.get("valid", VALID), section.get("seed", SEED), section.get("by")
    if isinstance(valid, bool) or not isinstance(valid, (int, float)) or not 0 < valid < 1:
        raise ConfigError(
            f"is {valid!r}, expected a fraction between 0 and 1, such as 0.25",
            key="data.split.valid",
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f"is {seed!r}, expected a whole number from 0", key="data.split.seed")
    if by is not None and not isinstance(by, str):
        raise ConfigError(
            f"is {by!r}, expected the name of a column, such as patient", key="data.split.by"
        )
    return SplitSection(float(valid), seed, by)


def _known(section: Mapping[str, Any], known: Iterable[str], key: str) -> None:
    for name in section:
        if name not in known:
            raise ConfigError(
                f"there is no such key.{nearest(str(name), known)}", key=f"{key}.{name}"
            )
