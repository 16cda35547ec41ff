"""Hold a campaign: claim its epoch, compare the spec with what is recorded, replay, and close.

Nobody runs or changes a campaign but through ``hold``.
"""

from __future__ import annotations

import logging
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from candle_workflow._version import __version__
from candle_workflow.check import build_planner
from candle_workflow.config import CampaignSpec, from_resolved, load_site
from candle_workflow.data import dataset
from candle_workflow.errors import CandleError, ConfigError, EpochHeld, StateConflict
from candle_workflow.folder import CampaignFolder, atomic_write, campaigns_root
from candle_workflow.history import History, rebuild
from candle_workflow.journal import Journal, read
from candle_workflow.provenance import collect

log = logging.getLogger(__name__)

FROZEN = ("benchmark", "trainer", "data", "params", "space", "objective")


@dataclass(slots=True)
class Campaign:
    """One campaign that this process holds, between ``hold`` and its end."""

    spec: CampaignSpec
    folder: CampaignFolder
    journal: Journal
    history: History
    planner: Any
    began: float = field(default_factory=time.time)
    continued: bool = False
    changes: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def planned(self) -> int | None:
        """How many trials the campaign will have; None if only its planner's end tells."""
        return planned_by(self.planner, self.spec)


def choose_folder(spec: CampaignSpec, new: bool) -> CampaignFolder:
    """The campaign of this name; with ``new`` the first name-2, name-3, ... that is free."""
    root = campaigns_root(load_site(spec.site.name).campaigns)
    folder = CampaignFolder(root / spec.name)
    number = 2
    while new and folder.exists():
        folder = CampaignFolder(root / f"{spec.name}-{number}")
        number += 1
    return folder


def _recorded(folder: CampaignFolder) -> tuple[dict[str, Any] | None, int]:
    """The resolved spec in a campaign's journal with its changes, or None; and its trials."""
    spec: dict[str, Any] | None = None
    asked = 0
    for record in read(folder.journal).records:
        if record["k"] == "campaign":
            spec = record["spec"]
        elif record["k"] == "changed" and spec is not None:
            for key, (_, new) in record["changes"].items():
                spec[key] = new
        asked += record["k"] == "asked"
    return spec, asked


def _known(spec: CampaignSpec, folder: CampaignFolder) -> tuple[bool, int, dict[str, list[Any]]]:
    """Whether the campaign was begun, how many trials it has, and what the spec changes in it."""
    recorded, asked = _recorded(folder)
    if recorded is None:
        return False, asked, {}
    return True, asked, compare(recorded, spec.resolved())


def _sizes(folder: CampaignFolder) -> dict[str, int]:
    """The journal's files by name, to see whether somebody writes them."""
    return {path.name: path.stat().st_size for path in folder.journal.glob("*.jsonl")}


def _at_least(spec: CampaignSpec, asked: int) -> CampaignSpec:
    """Let the planner repeat what was asked, even if fewer trials are wanted by now."""
    trials = spec.planner.trials
    if trials is None or trials >= asked:
        return spec
    return replace(spec, planner=replace(spec.planner, trials=asked))


def planned_by(planner: Any, spec: CampaignSpec) -> int | None:
    """How many trials there will be; None if only the planner's end tells."""
    size: int | None = getattr(planner, "size", None)
    return spec.planner.trials if size is None else size


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give what differs between a recorded and a present spec: section -> [old, new].

    Raises
    ------
    ConfigError
        Something differs that makes it another campaign.
    """
    changes = {
        key: [old.get(key), new.get(key)]
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    }
    frozen = [key for key in FROZEN if key in changes]
    if "planner" in changes:
        before, after = (_frozen_planner(section or {}) for section in changes["planner"])
        frozen += [f"planner.{k}" for k in sorted(before | after) if before.get(k) != after.get(k)]
    if frozen:
        key = frozen[0]
        before, after = (_at(side, key) for side in (old, new))
        raise ConfigError(
            f"campaign '{new['name']}' exists with {key} = {before!r}, but the file now says"
            f" {after!r}. A campaign keeps its {', '.join((*FROZEN, 'planner'))}. Give it another"
            " name (--set name=...), begin anew (--new), or restore the value.",
            key=key,
        )
    return changes


def _frozen_planner(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key != "trials"}


def _at(spec: Mapping[str, Any], key: str) -> Any:
    value: Any = spec
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def recorded_spec(folder: CampaignFolder) -> CampaignSpec:
    """Read a campaign's spec, with all changes since, from its journal.

    Raises
    ------
    StateConflict
        The campaign's first record was never written.
    """
    recorded, _ = _recorded(folder)
    if recorded is None:
        raise StateConflict(
            f"{folder.path} has no campaign in its journal. Remove it, or use --new."
        )
    return from_resolved(recorded)


@contextmanager
def hold(
    spec: CampaignSpec, folder: CampaignFolder, *, take_over: bool = False, resume: bool = False
) -> Iterator[Campaign]:
    """Claim the next epoch, replay the journal, and open this controller's segment.

    On leaving, the journal is closed with how it ended, so that the next controller need
    not wonder whether this one lives.
    """
    seen = _sizes(folder)
    known, asked, changes = _known(spec, folder)
    about = {} if known else _about(spec)
    if folder.stop.exists() and not resume:
        raise StateConflict(
            f"campaign '{folder.name}' was cancelled."
            f" To go on all the same: candle-workflow resume {folder.name}"
        )
    journal = Journal.claim(folder.journal, take_over=take_over)
    try:
        if _sizes(folder) != seen:  # another controller worked on it until a moment ago
            known, asked, changes = _known(spec, folder)
        if resume:
            folder.stop.unlink(missing_ok=True)
        reading = read(folder.journal)
        planner = build_planner(_at_least(spec, asked))
        history = rebuild(reading.records, planner, spec.objective)
        for damage in reading.damage:
            log.warning("campaign %s: %s", folder.name, damage)
        journal.begin(reading, host=socket.gethostname(), version=__version__)
        if not known:
            _introduce(journal, spec, folder, about)
        elif changes:
            journal.append("changed", changes=changes)
            journal.commit()
        campaign = Campaign(
            spec, folder, journal, history, planner,
            continued=known, changes=changes,
        )  # fmt: skip
        yield campaign
    except EpochHeld:
        journal.close()
        raise
    except BaseException as error:
        _close(journal, "interrupted", f"{type(error).__name__}: {error}".rstrip(": "))
        raise
    journal.close()


def _close(journal: Journal, status: str, message: str) -> None:
    """Write the last record, if the journal was begun and can still be written."""
    try:
        if journal.begun:
            journal.append("closed", status=status, message=message)
            journal.commit()
            journal.close()
        else:
            journal.release()
    except CandleError as error:
        log.error("%s", error)
        journal.release()


def _introduce(
    journal: Journal, spec: CampaignSpec, folder: CampaignFolder, about: dict[str, Any]
) -> None:
    """Write a new campaign's first record, and its spec for people to read."""
    resolved = spec.resolved()
    journal.append(
        "campaign",
        id=uuid.uuid4().hex,
        spec=resolved,
        origins=dict(spec.origins),
        provenance=about,
    )
    journal.commit()
    text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
    atomic_write(folder.spec, text.encode())


def _about(spec: CampaignSpec) -> dict[str, Any]:
    """Say where a new campaign comes from; its data are read once, before anything runs."""
    data = dataset.record(spec.data, spec.root) if spec.benchmark is not None and spec.data else {}
    return {**collect(spec.root), "data": data}
