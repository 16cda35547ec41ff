"""One node's agent: gives attempts to its slots, and says how each ended.

An agent is one thread around the connections to its slots' processes and to the ``server``
that starts them. It knows nothing of Ray; launchers/ray.py makes an actor of it. It keeps
every event until the controller acknowledges it as journaled, and ends its trials when it
has not heard of the controller for ``silence_s``.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import selectors
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from candle_workflow.errors import PluginError
from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Attempt, Cause, Ended, Started, StopReason, Workload
from candle_workflow.trainers import process
from candle_workflow.trainers.handle import ServerHandle
from candle_workflow.trainers.mailbox import Mailbox, Reply
from candle_workflow.trainers.place import Place
from candle_workflow.trainers.warden import Warden

log = logging.getLogger(__name__)

TICK_S = 0.5  # how often time limits and memory are looked at
AHEAD_S = 0.1  # a warm slot is given this much work at once, so that it never waits for more
AHEAD_MOST = 256
LINGER_S = 0.02  # while attempts wait for slots, events are collected for so long
STARTING_MOST = 64  # processes that the server is asked for at once; it must never block us


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How an agent runs its trials.

    Attributes
    ----------
    isolation : str
        ``process``: each trial has a process of its own. ``worker``: a slot's process runs
        trial after trial until one breaks it.
    slots : tuple of tuple of int
        One entry a slot: the cores that it owns (empty: not bound to any).
    devices : tuple of str
        One entry a slot: what its device variable is set to; "" for none.
    preload : str
        The framework that the server imports; "" for none.
    python : tuple of str
        What starts the trials' Python.
    node : str
        The node's name, as results show it.
    grace_s : float
        How long a trial may take to save and return when it is asked to stop.
    silence_s : float
        Without a word from the controller for so long, the trials are ended.
    """

    isolation: str
    slots: tuple[tuple[int, ...], ...]
    devices: tuple[str, ...]
    preload: str
    python: tuple[str, ...]
    node: str
    grace_s: float = 20.0
    silence_s: float = 60.0


class Agent:
    """Runs attempts in one node's slots.

    ``start``, ``stop``, ``poll`` and ``close`` may be called from any thread; everything else
    belongs to the agent's own.
    """

    def __init__(self, workload: Workload, settings: AgentSettings) -> None:
        self._workload = workload
        self._settings = settings
        self._mark = b"\x1e" + secrets.token_hex(8).encode() + b"\n"
        self._mailbox = Mailbox()
        self._selector = selectors.DefaultSelector()
        folder = CampaignFolder(workload.folder)
        self._places = [
            Place(
                cpus=cpus, device=device, mark=self._mark, folder=folder,
                selector=self._selector, warn=self._mailbox.warn,
            )
            for cpus, device in zip(settings.slots, settings.devices, strict=True)
        ]  # fmt: skip
        self._server = ServerHandle(
            settings.python,
            self._environment(),
            (workload, settings.node, self._mark, settings.preload),
        )
        self._warden = Warden(
            self._places,
            workload.resources,
            grace_s=settings.grace_s,
            send_signal=self._server.signal_slot,
        )
        self._keys = itertools.count(1)
        self._queue: deque[Attempt] = deque()
        self._fork = False
        self._ready = False
        self._mean_s: float | None = None
        waker = self._mailbox.waker
        self._selector.register(waker, selectors.EVENT_READ, lambda: waker.recv(4096))
        self._thread = threading.Thread(target=self._work, name="agent", daemon=True)
        self._thread.start()

    # -------------------------------------------------------------- for the controller

    def start(self, order: int, attempts: Sequence[Attempt]) -> None:
        """Take attempts to run, in this order, as slots become free.

        ``order`` numbers the calls of ``start`` and ``stop`` together, from 0: an actor's
        calls may overtake each other on their way.
        """
        self._mailbox.call(order, "start", list(attempts))

    def stop(self, order: int, ids: Iterable[tuple[int, int]], reason: StopReason) -> None:
        """Ask attempts to end; after a grace time they are killed."""
        self._mailbox.call(order, "stop", set(ids), reason)

    def ready(self) -> str:
        """Wait until trials can be started, the framework imported; or give why they cannot."""
        return self._mailbox.wait_until_ready()

    def poll(self, acknowledged: int, timeout_s: float) -> Reply:
        """Give the events that are not acknowledged, waiting for the first if need be.

        Parameters
        ----------
        acknowledged : int
            How many events of this agent the controller has journaled so far.
        """
        reply = self._mailbox.poll(acknowledged, timeout_s)
        if reply.events and self._queue:  # nobody idles meanwhile, and one message holds more
            time.sleep(LINGER_S)
            reply = self._mailbox.poll(acknowledged, 0.0)
        return reply

    def close(self) -> None:
        """End every process; nothing stays behind."""
        self._mailbox.close()
        self._thread.join()

    # -------------------------------------------------------------- the thread

    def _work(self) -> None:
        try:
            self._server.start()
            self._listen()
            self._loop()
        except PluginError as error:
            self._mailbox.give_up(str(error))
        except Exception:  # whatever it is, the controller must not wait for ever
            log.exception("the agent of node %s failed", self._settings.node)
            self._mailbox.give_up(f"its agent failed: {traceback.format_exc()}")
        finally:
            for place in self._places:
                place.vacate()
            self._server.end()

    def _loop(self) -> None:
        next_tick = time.monotonic() + TICK_S
        while not self._mailbox.closed:
            for key, _ in self._selector.select(max(0.0, next_tick - time.monotonic())):
                if key.fd in self._selector.get_map():  # not closed by one before it
                    key.data()
            self._obey_calls()
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + TICK_S
            self._fill()

    def _obey_calls(self) -> None:
        for kind, *call in self._mailbox.take_calls():
            if kind == "start":
                self._queue.extend(call[0])
            else:
                self._ask_to_stop(*call)

    def _ask_to_stop(self, ids: set[tuple[int, int]], reason: StopReason) -> None:
        waiting = [attempt for attempt in self._queue if attempt.id in ids]
        self._queue = deque(attempt for attempt in self._queue if attempt.id not in ids)
        self._mailbox.put([self._ended(attempt, stopped=reason) for attempt in waiting])
        self._warden.ask(ids, reason)

    def _tick(self) -> None:
        self._warden.look()
        if self._controller_is_silent():
            self._warden.kill_all(Cause.LOST, "the agent did not hear of its controller")

    def _controller_is_silent(self) -> bool:
        return self._mailbox.silence_s > self._settings.silence_s

    # -------------------------------------------------------------- the server

    def _environment(self) -> dict[str, str]:
        variables = self._workload.environment.get("variables", {})
        return {
            **process.QUIET,
            **(process.FORK_VARIABLES if self._settings.preload else {}),
            **os.environ,
            **process.thread_variables(self._workload.resources.cpus),
            **{name: str(value) for name, value in variables.items()},
        }

    def _listen(self) -> None:
        self._selector.register(self._server.socket, selectors.EVENT_READ, self._hear_server)

    def _hear_server(self) -> None:
        messages = self._server.hear()
        if messages is None:
            return self._replace_server()
        for kind, *rest in messages:
            if kind == "ready":
                self._note_ready(*rest)
                continue
            place = next((p for p in self._places if p.key == rest[0]), None)
            if place is None:
                continue  # a process that we had hung up on
            if kind == "began":
                place.pid = rest[1]
            elif kind == "refused":
                self._empty(place, Cause.LOST, f"the node could not start a process: {rest[1]}")
            else:
                self._note_exit(place, rest[1])
        return None

    def _note_ready(self, preloaded: bool, warning: str) -> None:
        self._fork = preloaded or not self._settings.preload
        self._ready = True
        self._mailbox.warn(warning)
        self._mailbox.note_ready()

    def _replace_server(self) -> None:
        log.warning("the server of node %s ended; its trials are lost", self._settings.node)
        self._ready = False
        self._selector.unregister(self._server.socket)
        self._server.end()
        for place in self._places:
            if place.key:
                self._take_events(place)
            if place.key:
                self._empty(place, Cause.LOST, "the process that starts trials was killed")
        self._server.start()
        self._listen()

    # -------------------------------------------------------------- giving work

    def _fill(self) -> None:
        """Give queued attempts to slots that can take them."""
        if not self._ready or self._controller_is_silent():
            return
        ahead = self._ahead()
        starting = sum(place.key > 0 and not place.pid for place in self._places)
        for place in self._places:
            if place.key:
                # one that has hung up is about to be found dead
                if len(place.given) > ahead // 2 or not place.connected:
                    continue
            elif starting >= STARTING_MOST:
                continue
            batch = self._next_attempts(ahead - len(place.given))
            if not batch:
                return
            if not place.key:
                starting += 1
                self._occupy(place)
            place.send(("run", batch))
            place.given.extend(batch)

    def _ahead(self) -> int:
        """How many attempts a slot may hold: one, or what keeps a warm one busy."""
        if self._settings.isolation == "process" or self._mean_s is None:
            return 1
        return min(AHEAD_MOST, max(1, int(AHEAD_S / max(self._mean_s, 1e-6))))

    def _next_attempts(self, count: int) -> list[Attempt]:
        batch: list[Attempt] = []
        while self._queue and len(batch) < count:
            attempt = self._queue.popleft()
            reason = self._warden.release(attempt.id)
            if reason is None:
                batch.append(attempt)
            else:  # it was asked to in a slot whose process then ended
                self._mailbox.put([self._ended(attempt, stopped=reason)])
        return batch

    def _occupy(self, place: Place) -> None:
        """Have the server start a process in a slot."""
        line, output = place.occupy(next(self._keys), lambda: self._take_events(place))
        # gpus: 0 hides them all; with auto and no device there is nothing that we know to hide
        owned = place.device or self._workload.resources.gpus == 0
        variables = {"CUDA_VISIBLE_DEVICES": place.device} if owned else {}
        fork = self._fork and not place.device
        with line:
            message = ("start", place.key, fork, variables, place.cpus)
            self._server.start_slot(message, (line.fileno(), output))
        os.close(output)
        if not fork:
            place.send((self._workload, self._settings.node, self._mark, place.cpus))

    # -------------------------------------------------------------- taking results

    def _take_events(self, place: Place) -> None:
        events = place.hear()
        for index, event in enumerate(events):
            if isinstance(event, Started):
                place.started = event.time
                self._warden.set_deadline(place)
            elif isinstance(event, Ended):
                events[index] = self._finish(place, event)
        self._mailbox.put(events, self._mean_s)

    def _finish(self, place: Place, event: Ended) -> Ended:
        """Close an attempt whose end its own process reports."""
        ending = place.ending
        place.end_attempt(marked=True)
        asked = self._warden.release((event.number, event.attempt))
        if asked is StopReason.CANCEL or (asked is not None and event.cause is not None):
            # being ended is no failure of its own, whatever it made of the signal
            event = replace(event, stopped=asked)
        elif event.cause is not None and ending.cause is not None:
            event = replace(event, cause=ending.cause, message=ending.message)
        duration = event.time - event.started
        self._mean_s = duration if self._mean_s is None else 0.95 * self._mean_s + 0.05 * duration
        if self._settings.isolation == "process":
            place.vacate()
        return event

    def _note_exit(self, place: Place, status: int) -> None:
        """A slot's process is gone: that ended the attempt that was running there, if any."""
        key = place.key
        self._take_events(place)
        if place.key == key:
            cause, message = self._warden.explain(place, os.waitstatus_to_exitcode(status))
            self._empty(place, cause, message)

    def _empty(self, place: Place, cause: Cause, message: str) -> None:
        """Empty a slot whose process is gone: its running attempt ends, the others go back.

        If the process had ended others before and none was running, all go back.
        """
        if place.given and (place.started is not None or not place.served):
            started = place.started
            attempt = place.end_attempt(marked=False)
            stopped = self._warden.release(attempt.id)
            ended = self._ended(attempt, started, stopped=stopped)
            if stopped is None:
                ended = replace(ended, cause=cause, message=message)
            self._mailbox.put([ended])
        self._queue.extendleft(reversed(place.given))
        place.given.clear()
        place.vacate()

    def _ended(
        self, attempt: Attempt, started: float | None = None, *, stopped: StopReason | None
    ) -> Ended:
        now = time.time()
        return Ended(
            attempt.number, attempt.attempt, now, self._settings.node,
            now if started is None else started, stopped=stopped,
        )  # fmt: skip
