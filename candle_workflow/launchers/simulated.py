"""Rehearse a campaign in virtual time: no trainer runs, durations and faults are drawn.

What is drawn depends on the trial's seed, its number and the attempt, never on the order of
calls or on the clock.

The measured value is made up: with ``t(x) = asinh(1000 x)``, a scale that is linear near zero
and logarithmic beyond, and a phase p that depends on the parameter's name,

    value = 0.5 + 0.5 * mean over parameters of cos(2 pi (t(x) / 10 - p))

Text, booleans, null and lists take a cosine that depends on name and value. So it lies in
[0, 1], is smooth in every number, has its best settings inside the usual ranges whether it is
minimised or maximised, and takes few enough trials to find. The trial's seed adds at most 0.005
either way. Measurements approach the value exponentially from 0.5, the last one is exact.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import math
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from candle_workflow.errors import ConfigError, nearest
from candle_workflow.model import (
    Attempt,
    Cause,
    Ended,
    Event,
    Measured,
    Params,
    Started,
    StopReason,
    Value,
    Workload,
)

NODE = "simulated"
FAULTS = (Cause.ERROR, Cause.EXIT, Cause.OOM, Cause.TIMEOUT, Cause.NAN, Cause.LOST)
_PERIOD = 10.0
_OPTIONS = ("slots", "seconds", "steps", "faults")
_DRAWS = struct.Struct("4Q")


class SimulatedLauncher:
    """Plays attempts in virtual time, many thousands a second.

    ``poll`` moves the clock to the next thing that happens and gives all that happens within
    ``timeout_s`` virtual seconds of it.

    Parameters
    ----------
    workload : Workload
        Its objective is what is measured; ``resources.time`` ends longer trials as timeout.
    slots : int
        Trials at a time.
    seconds : float or {low, high}
        How long a trial takes; drawn evenly from a range.
    steps : int
        Measurements of a trial, evenly spaced; 0 = only the returned value.
    faults : mapping
        Cause -> probability that an attempt ends that way, at an evenly drawn moment.
    """

    isolated = True

    def __init__(
        self,
        workload: Workload,
        *,
        slots: int = 4,
        seconds: float | Mapping[str, float] = 60.0,
        steps: int = 1,
        faults: Mapping[str, float] | None = None,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            raise ConfigError(
                f"the simulated launcher has no option '{name}'.{nearest(name, _OPTIONS)}",
                key=f"launcher.{name}",
            )
        self._slots = _whole("slots", slots, least=1)
        self._steps = _whole("steps", steps, least=0)
        self._low, self._high = _seconds(seconds)
        self._faults = _faults(faults or {})
        self._limit_s = workload.resources.time_s
        self._surface = Surface(workload.objective)
        self._began = time.time()
        self._clock = 0.0  # virtual seconds since then
        self._order = itertools.count()
        self._coming: list[tuple[float, int, Event]] = []  # a heap
        self._running: dict[tuple[int, int], float] = {}  # to the time of its start

    # -------------------------------------------------------------- the protocol

    def __enter__(self) -> SimulatedLauncher:
        return self

    def __exit__(self, *exc: object) -> None:
        self._running.clear()
        self._coming.clear()

    @property
    def free(self) -> int:
        return self._slots - len(self._running)

    def now(self) -> float:
        return self._began + self._clock

    def adopt(self, running: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        return set()

    def start(self, attempts: Sequence[Attempt]) -> None:
        assert len(attempts) <= self.free, "more attempts than free slots"
        for attempt in attempts:
            self._running[attempt.id] = self.now()
            self._play(attempt)

    def stop(self, ids: Iterable[tuple[int, int]], reason: StopReason) -> None:
        now = self.now()
        for number, attempt in sorted(set(ids) & self._running.keys()):
            started = self._running[number, attempt]
            ended = Ended(number, attempt, now, NODE, started, stopped=reason)
            self._push(self._clock, ended)

    def poll(self, timeout_s: float) -> list[Event]:
        events: list[Event] = []
        coming, running = self._coming, self._running
        until: float | None = None
        while coming and (until is None or coming[0][0] <= until):
            at, _, event = heapq.heappop(coming)
            attempt_id = (event.number, event.attempt)
            if attempt_id not in running:
                continue  # it was stopped before this
            if until is None:
                until = at + timeout_s
            self._clock = max(self._clock, at)
            events.append(event)
            if isinstance(event, Ended):
                del running[attempt_id]
        if until is None:
            self._clock += timeout_s
        return events

    # -------------------------------------------------------------- one attempt

    def _play(self, attempt: Attempt) -> None:
        """Draw what becomes of an attempt, and note all its events ahead."""
        number, tried = attempt.id
        length, fate, moment, noise = _draw(attempt)
        seconds = self._low + (self._high - self._low) * length
        cause, until = self._fate(fate, moment, seconds)
        value = self._surface(attempt.params) + (noise - 0.5) / 100
        begin = self._clock
        self._push(begin, Started(number, tried, self.now(), NODE))
        name = self._surface.metric
        for step in range(1, self._steps + 1):
            after = seconds * step / self._steps
            if after > until:
                break
            at = begin + after
            shown = {name: _approach(value, step, self._steps)}
            self._push(at, Measured(number, tried, step, self._began + at, shown))
        self._push(begin + until, self._end(attempt, begin, until, cause, value))

    def _fate(self, fate: float, moment: float, seconds: float) -> tuple[Cause | None, float]:
        """Choose how an attempt ends, and after how many seconds."""
        for cause, below in self._faults:
            if fate < below:
                seconds *= moment
                if cause is Cause.TIMEOUT and self._limit_s is not None:
                    return cause, self._limit_s
                return cause, min(seconds, self._limit_s or seconds)
        if self._limit_s is not None and seconds > self._limit_s:
            return Cause.TIMEOUT, self._limit_s
        return None, seconds

    def _end(
        self, attempt: Attempt, begin: float, after: float, cause: Cause | None, value: float
    ) -> Ended:
        number, tried = attempt.id
        at, started = self._began + begin + after, self._began + begin
        if cause is None:
            return Ended(number, tried, at, NODE, started, {self._surface.metric: value})
        metrics = {self._surface.metric: math.nan} if cause is Cause.NAN else {}
        return Ended(number, tried, at, NODE, started, metrics, cause, f"simulated {cause}")

    def _push(self, at: float, event: Event) -> None:
        heapq.heappush(self._coming, (at, next(self._order), event))


class Surface:
    """The made-up function of the parameters: see the module's first lines."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self._phases: dict[str, float] = {}

    def __call__(self, params: Params) -> float:
        """Give the value of one setting, in [0, 1]."""
        if not params:
            return 0.5
        total = sum(self._cosine(name, value) for name, value in params.items())
        return 0.5 + 0.5 * total / len(params)

    def _cosine(self, name: str, value: Value) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            turns = math.asinh(1000.0 * value) / _PERIOD - self._phase(name)
        else:
            turns = self._phase(name + json.dumps(value))
        return math.cos(2 * math.pi * turns)

    def _phase(self, text: str) -> float:
        phase = self._phases.get(text)
        if phase is None:
            digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
            phase = self._phases[text] = int.from_bytes(digest, "big") / 2**32
        return phase


def _draw(attempt: Attempt) -> tuple[float, ...]:
    """Four numbers in [0, 1): length, fate, moment, noise; the noise is the trial's own."""
    key = f"{attempt.seed}/{attempt.number}"
    digest = hashlib.blake2b(f"{key}/{attempt.attempt}".encode(), digest_size=32).digest()
    noise = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") / 2**32
    length, fate, moment, _ = (number / 2**64 for number in _DRAWS.unpack(digest))
    return length, fate, moment, noise


def _approach(value: float, step: int, steps: int) -> float:
    if step == steps:
        return value
    return 0.5 + (value - 0.5) * (1 - math.exp(-4 * step / steps))


def _whole(name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(
            f"{value!r} is not a whole number of at least {least}", key=f"launcher.{name}"
        )
    return value


def _seconds(value: Any) -> tuple[float, float]:
    low = high = value
    if isinstance(value, Mapping) and value.keys() == {"low", "high"}:
        low, high = value["low"], value["high"]
    if not (_is_number(low) and _is_number(high) and 0 <= low <= high < math.inf):
        raise ConfigError(
            f"{value!r} is no duration; expected seconds, or {{low, high}} in seconds",
            key="launcher.seconds",
        )
    return float(low), float(high)


def _faults(faults: object) -> list[tuple[Cause, float]]:
    """Turn probabilities into the bounds below which a draw means each cause."""
    if not isinstance(faults, Mapping):
        raise ConfigError(
            f"{faults!r} is no list of faults; expected {{cause: probability}}",
            key="launcher.faults",
        )
    bounds: list[tuple[Cause, float]] = []
    total = 0.0
    for name, probability in faults.items():
        key = f"launcher.faults.{name}"
        if name not in FAULTS:
            raise ConfigError(f"'{name}' is no fault to draw.{nearest(str(name), FAULTS)}", key=key)
        if not _is_number(probability) or not 0 <= probability <= 1:
            raise ConfigError(f"{probability!r} is no probability from 0 to 1", key=key)
        total += probability
        bounds.append((Cause(name), total))
    if total > 1 + 1e-9:
        raise ConfigError(
            f"the probabilities add up to {total:g}, more than 1", key="launcher.faults"
        )
    return bounds


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
