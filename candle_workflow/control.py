"""How a running controller is asked to stop: signals, and the campaign's STOP file."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

from candle_workflow.folder import CampaignFolder

LOOK_S = 1.0  # how often the STOP file is looked for


class Control:
    """Answers the engine's question whether to stop; a context manager around its run.

    The first SIGINT, SIGTERM or SIGHUP drains: nothing new starts, running trials save and
    are given back. A second SIGINT leaves at once. All leave a campaign that continues. The
    STOP file, which ``cancel`` writes, ends the campaign.
    """

    def __init__(self, folder: CampaignFolder) -> None:
        self._folder = folder
        self._asked: str | None = None
        self._looked = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Control:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> str | None:
        """Give None, ``interrupted``, ``now`` or ``cancelled``."""
        if self._asked is None and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            if self._folder.stop.exists():
                self._asked = "cancelled"
        return self._asked

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = self._asked is not None and number == signal.SIGINT
        self._asked = "now" if again else self._asked or "interrupted"
