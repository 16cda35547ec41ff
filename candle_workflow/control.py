"""How a running controller is asked to stop: signals, and the campaign's STOP file."""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

from candle_workflow.folder import CampaignFolder

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ANNOUNCED = "running trials may save and are given back; Ctrl-C (again) leaves at once"
LOOK_S = 1.0  # how often the STOP file is looked for


class Control:
    """Answers the engine's question whether to stop; a context manager around its run.

    The first SIGINT, SIGTERM or SIGHUP drains: nothing new starts, running trials save and
    are given back. A second SIGINT leaves at once: the engine does so when it asks again, and
    where it does not (it is not there yet, or a trial runs in this very process) it is
    interrupted. A third one interrupts anyway. All leave a campaign that continues. The STOP
    file, which ``cancel`` writes, ends the campaign.
    """

    def __init__(self, folder: CampaignFolder) -> None:
        self._folder = folder
        self._asked: str | None = None
        self._looked = 0.0
        self._announced = False
        self._watched = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Control:
        self.listen()
        return self

    def listen(self, *, watched: bool = False) -> None:
        """Take the signals, again if something else (Ray) took them in between.

        Parameters
        ----------
        watched : bool
            Whether the engine asks often from now on.
        """
        self._watched = watched
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may; whoever started this one decides
        for number in SIGNALS:
            before = signal.getsignal(number)
            if number == signal.SIGHUP and before is signal.SIG_IGN:
                continue  # nohup: the terminal may go
            signal.signal(number, self._note)
            self._before.setdefault(number, before)

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> str | None:
        """Give None, ``interrupted``, ``now`` or ``cancelled``."""
        if self._asked is None and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            if self._folder.stop.exists():
                self._asked = "cancelled"
        if self._asked is not None and not self._announced:
            self._announced = True
            log.warning("stopping (%s): %s", self._asked, ANNOUNCED)
        return self._asked

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is None:
            self._asked = "interrupted"
        elif number == signal.SIGINT:
            if self._asked == "now" or not self._watched:
                raise KeyboardInterrupt
            self._asked = "now"
