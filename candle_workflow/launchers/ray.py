"""Runs trials through Ray: one agent a node, each an actor that owns the node's slots.

Messages grow with nodes, not with trials: attempts travel in batches, events too.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from candle_workflow.errors import ConfigError, PluginError, nearest
from candle_workflow.launchers import ray_cluster
from candle_workflow.model import Attempt, Cause, Ended, Event, StopReason, Workload
from candle_workflow.trainers import node
from candle_workflow.trainers.agent import Agent, AgentSettings
from candle_workflow.trainers.frameworks import framework_of

log = logging.getLogger(__name__)

ISOLATIONS = ("process", "worker")
OPTIONS = ("isolation", "slots", "grace", "silence")
AHEAD_S = 1.0  # at most this much work waits at a node for each slot
AHEAD_MOST = 1000
AGENT_DEATHS = 20  # a node whose agent dies more often than this is given up


class RayLauncher:
    """Runs attempts on this machine's cores and GPUs through an embedded Ray.

    Parameters
    ----------
    workload : Workload
    isolation : str
        ``process`` gives each trial a process of its own, forked from one that has
        imported the framework. ``worker`` runs them in warm processes, one a slot.
    slots : int, optional
        Trials at a time; by default as many as cores and GPUs allow.
    grace : float
        Seconds that a trial may take to save and return when it is asked to stop.
    silence : float
        Seconds without a word from the controller after which an agent ends its trials.
    """

    isolated = True

    def __init__(
        self,
        workload: Workload,
        *,
        isolation: str = "process",
        slots: int | None = None,
        grace: float = 20.0,
        silence: float = 60.0,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            raise ConfigError(
                f"the ray launcher has no option '{name}'.{nearest(name, OPTIONS)}",
                key=f"launcher.{name}",
            )
        if isolation not in ISOLATIONS:
            raise ConfigError(
                f"'{isolation}' is no isolation; known: {', '.join(ISOLATIONS)}",
                key="launcher.isolation",
            )
        if slots is not None and (not isinstance(slots, int) or slots < 1):
            raise ConfigError(f"{slots!r} is not a number of slots", key="launcher.slots")
        for key, value in (("grace", grace), ("silence", silence)):
            if not isinstance(value, int | float) or value < 0:
                raise ConfigError(f"{value!r} is not a number of seconds", key=f"launcher.{key}")
        self._workload = workload
        cut = node.cut(
            workload.resources, node.this_nodes_cores(), node.this_nodes_devices(), slots
        )
        python = workload.environment.get("python") or sys.executable
        self._settings = AgentSettings(
            isolation=isolation,
            slots=cut.cpus,
            devices=cut.devices,
            preload=framework_of(workload.trainer),
            python=_python(str(python), workload.environment.get("modules") or ()),
            node=socket.gethostname(),
            grace_s=grace,
            silence_s=silence,
        )
        self._stack = ExitStack()
        self._ray: Any = None
        self._agent: Any = None
        self._running: dict[tuple[int, int], Attempt] = {}
        self._taken = 0  # events of this agent that the last poll gave
        self._mean_s = 0.0
        self._deaths = 0
        self._warned = ""

    @property
    def slots(self) -> int:
        """How many trials run at a time."""
        return len(self._settings.slots)

    # -------------------------------------------------------------- the protocol

    def __enter__(self) -> RayLauncher:
        try:
            self._ray = self._stack.enter_context(ray_cluster.embedded())
            self._start_agent()
            self._refuse(self._ray.get(self._agent.ready.remote()))
        except BaseException:  # nobody else would take Ray down again
            self._stack.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._ray.get(self._agent.close.remote(), timeout=30)
        except (self._ray.exceptions.RayError, self._ray.exceptions.GetTimeoutError):
            log.warning("the agent of node %s did not close by itself", self._settings.node)
        finally:  # also when Ctrl-C was pressed once more
            self._ray.kill(self._agent)
            self._stack.close()

    @property
    def free(self) -> int:
        """Slots, and for short trials as much as a second's work ahead, less what is there."""
        ahead = 1
        if self._mean_s > 0:
            ahead = min(AHEAD_MOST, max(1, math.ceil(AHEAD_S / self._mean_s)))
        return max(0, self.slots * ahead - len(self._running))

    def start(self, attempts: Sequence[Attempt]) -> None:
        self._running.update((attempt.id, attempt) for attempt in attempts)
        self._agent.start.remote(self._next_order(), list(attempts))

    def poll(self, timeout_s: float) -> list[Event]:
        try:
            reply = self._ray.get(self._agent.poll.remote(self._taken, timeout_s))
        except self._ray.exceptions.RayActorError as error:
            return self._replace_agent(str(error))
        if not reply.events:
            self._refuse(reply.failure)
        self._taken += len(reply.events)
        self._mean_s = reply.mean_s
        if reply.warning and reply.warning != self._warned:
            self._warned = reply.warning
            log.warning("node %s: %s", self._settings.node, reply.warning)
        for event in reply.events:
            if isinstance(event, Ended):
                self._running.pop((event.number, event.attempt), None)
        events: list[Event] = reply.events
        return events

    def stop(self, ids: Iterable[tuple[int, int]], reason: StopReason) -> None:
        known = [attempt_id for attempt_id in ids if attempt_id in self._running]
        self._agent.stop.remote(self._next_order(), known, reason)

    def adopt(self, running: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Nothing: an embedded Ray ends with its controller."""
        return set()

    def now(self) -> float:
        return time.time()

    # -------------------------------------------------------------- the agent

    def _start_agent(self) -> None:
        actor = self._ray.remote(Agent).options(num_cpus=0, max_concurrency=4, max_restarts=0)
        self._agent = actor.remote(self._workload, self._settings)
        self._taken = 0
        self._orders = itertools.count()

    def _next_order(self) -> int:
        return next(self._orders)

    def _refuse(self, failure: str) -> None:
        """Raise what keeps the node from running any trial, if something does."""
        if failure:
            raise PluginError(f"node {self._settings.node}: {failure}")

    def _replace_agent(self, why: str) -> list[Event]:
        """The agent died, and its trials with it; say so and start another."""
        self._deaths += 1
        log.warning("the agent of node %s died: %s", self._settings.node, why.splitlines()[0])
        if self._deaths > AGENT_DEATHS:
            raise PluginError(
                f"the agent of node {self._settings.node} died {self._deaths} times; the last"
                f" time: {why}. Ray's own logs are in its temporary folder while it runs."
            )
        now = time.time()
        lost = [
            Ended(number, attempt, now, self._settings.node, now, cause=Cause.LOST,
                  message="the node's agent was killed")
            for number, attempt in self._running
        ]  # fmt: skip
        self._running.clear()
        self._start_agent()
        return list(lost)


def _python(python: str, modules: Sequence[str]) -> tuple[str, ...]:
    """Give the argument vector that starts the trials' Python, after loading modules."""
    if not modules:
        return (os.path.expanduser(python),)  # noqa: PTH111 - may be a bare command name
    # `module` is a shell function; names are arguments, never part of the script
    script = 'count=$1; shift; module load "${@:1:$count}"; shift "$count"; exec "$@"'
    return ("bash", "-lc", script, "bash", str(len(modules)), *modules, python)
