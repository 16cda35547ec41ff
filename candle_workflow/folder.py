"""A campaign's and a trial's paths, writing so that no reader sees half a file.

Nobody else joins path parts of a campaign.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from candle_workflow.errors import ConfigError, nearest


class CampaignFolder:
    """The paths of one campaign. Makes nothing by itself but what it is asked to write."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()

    @property
    def name(self) -> str:
        """The folder's own name, which is the campaign's."""
        return self.path.name

    @property
    def spec(self) -> Path:
        """The campaign file as resolved, for people to read; the journal's copy decides."""
        return self.path / "spec.yaml"

    @property
    def journal(self) -> Path:
        """The journal's folder."""
        return self.path / "journal"

    @property
    def logs(self) -> Path:
        """The controller's own logs."""
        return self.path / "logs"

    @property
    def trials(self) -> Path:
        """The folder of trial folders."""
        return self.path / "trials"

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.path / "report.html"

    @property
    def stop(self) -> Path:
        """Written by ``cancel``; every controller looks for it and ends the campaign."""
        return self.path / "STOP"

    def trial(self, number: int, attempt: int) -> Path:
        """The only folder that an attempt writes in."""
        return self.trials / str(number) / str(attempt)

    def output(self, number: int, attempt: int) -> Path:
        """What an attempt printed, without progress bars; absent if it printed nothing."""
        return self.trial(number, attempt) / "output.log"

    def exists(self) -> bool:
        """Whether a campaign was begun here."""
        try:
            return self.journal.is_dir()
        except OSError:  # a name that is too long for any file
            return False


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file aside, sync it and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes 0600; others may read results as the umask says
        umask = os.umask(0)
        os.umask(umask)
        Path(aside).chmod(0o666 & ~umask)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make new names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def campaigns_root(of_site: Path | None = None) -> Path:
    """Where campaigns live: $CANDLE_CAMPAIGNS, else the site's place, else ``./campaigns``."""
    return Path(os.environ.get("CANDLE_CAMPAIGNS") or of_site or "campaigns").absolute()


def find_campaign(name: str) -> CampaignFolder:
    """Find a campaign by its path or by its name under ``campaigns_root()``.

    Raises
    ------
    ConfigError
        There is none; says where was looked and which names are there.
    """
    for path in (campaigns_root() / name, Path(name)):
        folder = CampaignFolder(path)
        if folder.exists():
            return folder
    root = campaigns_root()
    known = [p.name for p in root.iterdir() if (p / "journal").is_dir()] if root.is_dir() else []
    raise ConfigError(f"there is no campaign '{name}' in {root}.{nearest(name, known)}")
