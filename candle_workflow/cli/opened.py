"""A campaign as views see it: found by name or path, with the store brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from candle_workflow.errors import ConfigError

if TYPE_CHECKING:
    from candle_workflow.epochs import Holder
    from candle_workflow.folder import CampaignFolder
    from candle_workflow.rows import CampaignRow
    from candle_workflow.store import Store


@dataclass(slots=True)
class Opened:
    """A campaign's folder, its row in the store, and the store."""

    store: Store
    folder: CampaignFolder
    row: CampaignRow

    def refresh(self) -> None:
        """Take what was journaled since."""
        self.store.sync(self.folder)
        self.row = self.store.campaign(self.folder.path)

    @property
    def holder(self) -> Holder | None:
        """The controller that runs the campaign, as far as anybody can tell."""
        return holder(self.folder) if self.row.state == "running" else None

    @property
    def state(self) -> str:
        """The campaign's state; ``vanished`` if its controller is gone without a word."""
        held = self.holder
        vanished = self.row.state == "running" and held is not None and held.is_gone()
        return "vanished" if vanished else self.row.state


@contextmanager
def opened(name: str, url: str | None) -> Iterator[Opened]:
    """Open a campaign by name or path.

    Raises
    ------
    ConfigError
        There is no such campaign, neither in the campaigns' folder nor in the store.
    """
    from candle_workflow.store import Store

    with Store(url) as store:
        folder = locate(name, store)
        store.sync(folder)
        yield Opened(store, folder, store.campaign(folder.path))


def locate(name: str, store: Store) -> CampaignFolder:
    """Find a campaign's folder: by path or name here, else by what the store knows.

    Raises
    ------
    ConfigError
        There is no such campaign.
    """
    from candle_workflow.folder import CampaignFolder, find_campaign

    try:
        return find_campaign(name)
    except ConfigError:
        try:
            return CampaignFolder(store.campaign(name).path)
        except ConfigError:
            pass
        raise


def holder(folder: CampaignFolder) -> Holder | None:
    """Give the process that claimed the campaign last."""
    from candle_workflow.epochs import claim_path, holder_of, newest_epoch

    if not folder.exists():
        return None
    return holder_of(claim_path(folder.journal, newest_epoch(folder.journal)))


def handle(folder: CampaignFolder) -> str:
    """Give the shortest word by which commands find a campaign from here."""
    from candle_workflow.folder import campaigns_root

    return folder.name if folder.path.parent == campaigns_root() else str(folder.path)
