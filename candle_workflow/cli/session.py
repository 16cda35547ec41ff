"""What one call of the command line carries along: its options, its log, its campaign."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from candle_workflow.cli.progress import LiveView
    from candle_workflow.folder import CampaignFolder

LOGGER = "candle_workflow"  # never the root logger: an inline trainer's own records are not ours


class LogHandler(logging.Handler):
    """Writes records to standard error, or above a live view while there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.view: LiveView | None = None
        self._stream = sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            if self.view is None:
                print(text, file=self._stream, flush=True)
            else:
                self.view.note(text)
        except OSError:
            pass  # the terminal has gone; the campaign's own log still has the record


@dataclass(slots=True)
class Session:
    """One call of the command line."""

    debug: bool = False
    folder: CampaignFolder | None = None  # of the campaign that this process holds
    handler: LogHandler | None = None
    file: logging.Handler | None = None

    def open_log(self) -> None:
        """Send our warnings to standard error (with ``--debug`` everything)."""
        self.handler = LogHandler()
        self.handler.setLevel(logging.DEBUG if self.debug else logging.WARNING)
        self.handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger = logging.getLogger(LOGGER)
        logger.addHandler(self.handler)
        logger.setLevel(logging.DEBUG if self.debug else logging.INFO)
        logger.propagate = False

    def hold(self, folder: CampaignFolder, *, to_file: bool) -> None:
        """Lead each line with the campaign that is held, and keep a log in its folder."""
        self.folder = folder
        lead = f"campaign {folder.name} %(message)s"
        if self.handler is not None:
            clock = "" if to_file else "%(asctime)s "
            self.handler.setFormatter(logging.Formatter(f"{clock}%(levelname)s: {lead}"))
        if to_file:
            folder.logs.mkdir(parents=True, exist_ok=True)
            self.file = logging.FileHandler(folder.logs / "controller.log")
            self.file.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s: {lead}"))
            logging.getLogger(LOGGER).addHandler(self.file)

    def log_to(self, view: LiveView | None) -> None:
        """Print what is logged above a live view; None puts that back."""
        if self.handler is not None:
            self.handler.view = view

    def close_log(self) -> None:
        """Leave logging as it was found."""
        logger = logging.getLogger(LOGGER)
        for handler in (self.handler, self.file):
            if handler is not None:
                logger.removeHandler(handler)
                handler.close()

    def keep_traceback(self, error: BaseException) -> Path:
        """Write an unexpected error's traceback to a file, and give its path."""
        text = "".join(traceback.format_exception(error))
        name = f"error-{time.strftime('%Y%m%d-%H%M%S')}.log"
        folders = [self.folder.logs] if self.folder is not None else []
        for folder in (*folders, Path(tempfile.mkdtemp(prefix="candle-workflow-"))):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / name
                path.write_text(text, encoding="utf-8")
            except OSError:
                continue
            return path
        return Path("/dev/null")
