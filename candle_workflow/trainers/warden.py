"""Ends attempts that must end: asked to stop, past their time, or too large for the node."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from candle_workflow.model import Cause, Resources, StopReason
from candle_workflow.trainers import process, watch
from candle_workflow.trainers.place import Place

TERM_S = 5.0  # between SIGTERM and SIGKILL


class Warden:
    """Watches the attempts that run in an agent's places; belongs to the agent's thread.

    Parameters
    ----------
    places : sequence of Place
    resources : Resources
        What one trial may use.
    grace_s : float
        How long a trial may take to save and return when it is asked to stop.
    send_signal : callable
        Has a place's process sent a signal; takes its key and the signal's number.
    """

    def __init__(
        self,
        places: Sequence[Place],
        resources: Resources,
        *,
        grace_s: float,
        send_signal: Callable[[int, int], None],
    ) -> None:
        self._places = places
        self._resources = resources
        self._grace_s = grace_s
        self._send_signal = send_signal
        self._asked: dict[tuple[int, int], StopReason] = {}
        self._kernel_kills = watch.kernel_kills()

    def ask(self, ids: set[tuple[int, int]], reason: StopReason) -> None:
        """Ask those of the attempts that are in places to stop."""
        for place in self._places:
            for attempt in place.given:
                if attempt.id in ids:
                    self._asked[attempt.id] = reason
                    place.send(("stop", attempt.id, reason))
            if place.given and place.given[0].id in ids:
                self.set_deadline(place)

    def release(self, attempt_id: tuple[int, int]) -> StopReason | None:
        """Forget an attempt, which has ended; give why it was asked to, if it was."""
        return self._asked.pop(attempt_id, None)

    def set_deadline(self, place: Place) -> None:
        """Let an attempt that is past its time, or asked to stop, return by itself for a moment."""
        reason = self._asked.get(place.given[0].id)
        limit = self._resources.time_s
        if reason is not None:
            patience = 0.0 if reason is StopReason.CANCEL else self._grace_s
            place.ending.at = time.monotonic() + patience
        elif limit is not None and place.started is not None:
            grace = min(self._grace_s, max(1.0, 0.1 * limit))
            place.ending.at = time.monotonic() + limit + grace - (time.time() - place.started)

    def look(self) -> None:
        """End what is past its deadline or uses too much memory. Call it now and then."""
        now = time.monotonic()
        busy = self._busy()
        for place in busy:
            if place.ending.at is not None and now >= place.ending.at:
                self._press(place, now)
        self._watch_memory(busy)

    def kill_all(self, cause: Cause, message: str) -> None:
        """End everything that runs."""
        for place in self._busy():
            self._kill(place, cause, message)

    def explain(self, place: Place, code: int) -> tuple[Cause, str]:
        """Say why a process ended whose attempt had not, from its exit code."""
        if place.ending.cause is not None:
            return place.ending.cause, place.ending.message
        if code == -signal.SIGTERM and place.signalled:
            return Cause.LOST, "a signal for the trial before it in this slot came too late"
        if code != -signal.SIGKILL:
            return Cause.EXIT, f"the trial's process {process.how_it_ended(code)}"
        kills = watch.kernel_kills()
        if kills > self._kernel_kills:
            self._kernel_kills = kills
            return Cause.OOM, "the kernel killed the trial's process for memory"
        return Cause.LOST, "the trial's process was killed (SIGKILL) by something unknown"

    def _busy(self) -> list[Place]:
        return [place for place in self._places if place.given and place.pid]

    def _press(self, place: Place, now: float) -> None:
        """Send the next harder signal to an attempt that must end."""
        ending = place.ending
        if ending.cause is None and place.given[0].id not in self._asked:
            ending.cause = Cause.TIMEOUT
            ending.message = f"it ran longer than resources.time ({self._resources.time_s:g} s)"
        self._signal(place, ending.signals[0])
        if len(ending.signals) > 1:
            ending.signals.popleft()
        ending.at = now + TERM_S

    def _watch_memory(self, busy: list[Place]) -> None:
        limit = self._resources.memory_gb
        short = watch.memory_is_short()
        if not busy or (limit is None and not short):
            return
        used = {place: watch.memory_gb(place.pid) for place in busy}
        for place, gigabytes in used.items():
            if limit is not None and gigabytes > limit:
                text = f"it used {gigabytes:.2f} GB, more than resources.memory ({limit:g} GB)"
                self._kill(place, Cause.OOM, text)
        if short:
            place = max(used, key=used.__getitem__)
            text = f"the node ran out of memory and this trial used most: {used[place]:.2f} GB"
            self._kill(place, Cause.OOM, text)

    def _kill(self, place: Place, cause: Cause, message: str) -> None:
        if place.ending.cause is None:
            place.ending.cause, place.ending.message = cause, message
        self._signal(place, signal.SIGKILL)

    def _signal(self, place: Place, number: int) -> None:
        place.signalled = True
        self._send_signal(place.key, number)
