"""The loop: ask -> journal -> start -> poll -> journal -> tell.

Nothing is started or told before its record is durable. The engine's state is what
``history.rebuild`` makes of the journal's records and what it has appended since, nothing else.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from candle_workflow.errors import PluginError
from candle_workflow.history import Course, History, finished
from candle_workflow.journal import Journal
from candle_workflow.limits import Meter, Verdict
from candle_workflow.model import (
    Attempt,
    Cause,
    Checkpointed,
    Ended,
    Event,
    Measured,
    Metrics,
    Objective,
    Params,
    Started,
    State,
    StopReason,
    Suggestion,
)
from candle_workflow.protocols import Launcher, Planner
from candle_workflow.replay import Trial

log = logging.getLogger(__name__)

POLL_S = 0.5  # how often requests to stop are looked at when nothing happens
ABANDONED = "the controller ended"  # says the end of an attempt that ran then
SAME_FAILURES = 3  # this many first trials with one traceback, and none complete, end it


@dataclass(frozen=True, slots=True)
class Rules:
    """What the engine is told of a campaign besides its plug-ins."""

    objective: Objective
    fixed: Params
    seed: int
    retries: Mapping[Cause, int]


class Engine:
    """Runs one campaign until its planner is done, a limit ends it, or it is asked to stop."""

    def __init__(
        self,
        *,
        journal: Journal,
        history: History,
        planner: Planner,
        launcher: Launcher,
        rules: Rules,
        meter: Meter,
        stop_asked: Callable[[], str | None] = lambda: None,
        on_change: Callable[[Engine, list[Trial]], None] = lambda engine, ended: None,
    ) -> None:
        self.journal = journal
        self.history = history
        self.planner = planner
        self.launcher = launcher
        self.rules = rules
        self.meter = meter
        self.failed = 0  # in this run
        self.running: set[tuple[int, int]] = set()
        self._stop_asked = stop_asked
        self._on_change = on_change
        self._waiting: deque[int] = deque()
        self._stopping: StopReason | None = None
        self._first_failures: list[str] = []
        self._first_ends = 0

    # -------------------------------------------------------------- the loop

    def run(self) -> Verdict:
        """Work until the end; return why. Every record is durable when this returns."""
        self._take_up()
        while True:
            verdict = self._verdict()
            if verdict is not None:
                return self._wind_down(verdict)
            if self._stopping is None:
                self._start_more()
            if not self.running:
                return Verdict("done", "the planner is done")
            self._take(self.launcher.poll(POLL_S))

    def _verdict(self) -> Verdict | None:
        asked = self._stop_asked()
        if asked is not None:
            return Verdict(asked, "asked to stop")
        if len(self._first_failures) >= SAME_FAILURES and not self.history.best:
            return Verdict(
                "failed",
                f"the first {SAME_FAILURES} trials failed in the same way:"
                f" {self._first_failures[0]}",
            )
        best = self.history.best.objective if self.history.best else None
        return self.meter.verdict(self.launcher.now(), failed=self.failed, best=best)

    def _wind_down(self, verdict: Verdict) -> Verdict:
        """End what runs: cancelled for good, or given back for a later run."""
        cancel = verdict.status == "cancelled"
        self._stopping = StopReason.CANCEL if cancel else StopReason.DRAIN
        self.launcher.stop(set(self.running), self._stopping)
        while self.running and self._stop_asked() != "now":
            self._take(self.launcher.poll(POLL_S))
        if cancel:
            self._cancel_waiting()
        return verdict

    def _cancel_waiting(self) -> None:
        for trial in list(self.history.trials.values()):
            if trial.state is State.WAITING:
                self._append(
                    "ended", trial=trial.number, attempt=trial.attempts,
                    state=State.CANCELLED, metrics={}, message="cancelled before it ran",
                )  # fmt: skip
        self.journal.commit()

    # -------------------------------------------------------------- starting

    def _take_up(self) -> None:
        """After a restart: adopt what still runs, give the rest of it another attempt."""
        opened = {(t.number, t.attempts) for t in self.history.trials.values() if t.open}
        self.running = self.launcher.adopt(opened) & opened
        # a trial that shares the controller's process may be what killed it
        suspect = self.history.vanished and not self.launcher.isolated
        told: list[Trial] = []
        for number, attempt in sorted(opened - self.running):
            trial = self.history.trials[number]
            if not suspect:
                self._append("retry", trial=number, attempt=attempt, cause=Cause.LOST,
                             counted=False, message=ABANDONED, node=trial.node,
                             started=trial.started)  # fmt: skip
                continue
            now = self.launcher.now()
            lost = Ended(number, attempt, now, trial.node or "", trial.started or now,
                         cause=Cause.LOST, message=ABANDONED)  # fmt: skip
            told += filter(None, [self._end(lost)])
        self._commit_and_tell(told)
        running = {number for number, _ in self.running}
        self._waiting = deque(
            n for n, t in sorted(self.history.trials.items())
            if t.state is State.WAITING and n not in running
        )  # fmt: skip

    def _start_more(self) -> None:
        free = self.launcher.free
        attempts: list[Attempt] = []
        while self._waiting and len(attempts) < free:
            attempts.append(self._next_attempt(self._waiting.popleft()))
        if len(attempts) < free and not self.planner.done:
            for suggestion in self.planner.ask(free - len(attempts)):
                self._append_asked(suggestion)
                attempts.append(self._next_attempt(suggestion.number))
        if attempts:
            self.journal.commit()
            self.running.update(attempt.id for attempt in attempts)
            self.launcher.start(attempts)
        elif not self.running and not self.planner.done and free > 0:
            raise PluginError(
                "the planner gives nothing although nothing runs and it is not done;"
                " this is a fault of the planner's"
            )

    def _append_asked(self, suggestion: Suggestion) -> None:
        body: dict[str, Any] = {"trial": suggestion.number, "params": suggestion.params}
        if suggestion.label is not None:
            body["label"] = suggestion.label
        self._append("asked", **body, seen=self.history.told)

    def _next_attempt(self, number: int) -> Attempt:
        trial = self.history.trials[number]
        self._append("dispatched", trial=number, attempt=trial.attempts + 1)
        return Attempt(
            number=number,
            attempt=trial.attempts,
            params=self.rules.fixed | trial.params,
            seed=trial_seed(self.rules.seed, number),
            checkpoint=trial.checkpoint,
        )

    # -------------------------------------------------------------- events

    def _take(self, events: list[Event]) -> None:
        """Record events, make them durable, then tell the planner."""
        ends = {(e.number, e.attempt) for e in events if isinstance(e, Ended)}
        told: list[Trial] = []
        for event in events:
            if (event.number, event.attempt) not in self.running:
                continue  # of an attempt that was replaced: only the newest may report
            match event:
                case Measured():
                    self._append_at(event, "measured", step=event.step, values=event.values)
                case Checkpointed():
                    self._append_at(
                        event, "checkpoint", step=event.step, path=event.path, bytes=event.bytes
                    )
                case Started():
                    if (event.number, event.attempt) not in ends:  # else its end says it all
                        self._append_at(event, "started", node=event.node)
                case Ended():
                    trial = self._end(event)
                    if trial is not None:
                        told.append(trial)
        self._commit_and_tell(told)
        self._on_change(self, told)

    def _commit_and_tell(self, ended: list[Trial]) -> None:
        self.journal.commit()
        for trial in ended:
            self.planner.tell(finished(trial))

    def _end(self, event: Ended) -> Trial | None:
        """Record an attempt's end; give its trial if that is over."""
        self.running.discard((event.number, event.attempt))
        state, cause, message, objective, metrics = self._judge(event)
        trial = self.history.trials[event.number]
        where = {"node": event.node, "started": event.started}
        if state is State.WAITING:
            self._append_at(event, "retry", cause=cause, message=message, **where)
            self._waiting.append(event.number)
            return None
        body = {"state": state, "metrics": metrics, **where}
        if objective is not None:
            body["objective"] = objective
        if cause is not None:
            body |= {"cause": cause, "message": message}
            log.warning("trial %d.%d %s: %s", event.number, event.attempt, cause, message)
        seq = self._append_at(event, "ended", **body)
        self.history.told = seq
        self._note_first(state, message)
        return trial

    def _judge(self, event: Ended) -> tuple[State, Cause | None, str, float | None, Metrics]:
        """Decide what an attempt's end means for its trial."""
        course = self.history.courses.get(event.number, Course())
        metrics = course.last | event.metrics
        objective = self._objective(course, event)
        cause, message = event.cause, event.message
        if event.stopped is StopReason.CANCEL:
            return State.CANCELLED, None, "", None, metrics
        if event.stopped is StopReason.PRUNE:
            return State.PRUNED, None, "", objective, metrics
        if event.stopped is StopReason.DRAIN:
            return State.WAITING, Cause.PREEMPTED, "the controller left", None, metrics
        if cause is None and objective is None:
            cause = Cause.ERROR
            message = (
                f"the objective '{self.rules.objective.metric}' was never reported; reported:"
                f" {', '.join(sorted(metrics)) or 'nothing'}"
            )
        elif cause is None and objective != objective:
            cause, message = Cause.NAN, f"'{self.rules.objective.metric}' is not a number"
        if cause is None:
            return State.COMPLETE, None, "", objective, metrics
        if self._may_retry(event.number, cause):
            return State.WAITING, cause, message, None, metrics
        return State.FAILED, cause, message, None, metrics

    def _objective(self, course: Course, event: Ended) -> float | None:
        """Reports decide; a returned value counts if the metric was never reported."""
        series = [course.steps[step] for step in sorted(course.steps)]
        returned = event.metrics.get(self.rules.objective.metric)
        if not series and returned is not None:
            series = [returned]
        return self.rules.objective.pick(series)

    def _may_retry(self, number: int, cause: Cause) -> bool:
        if cause in (Cause.WALLTIME, Cause.PREEMPTED):
            return True
        used = self.history.trials[number].ended_by.get(cause, 0)
        return used < self.rules.retries.get(cause, 0)

    def _note_first(self, state: State, message: str) -> None:
        self.failed += state is State.FAILED
        self._first_ends += 1
        unbroken = self._first_ends == len(self._first_failures) + 1 <= SAME_FAILURES
        same = not self._first_failures or self._first_failures[0] == message
        if unbroken and same and message and state is State.FAILED:
            self._first_failures.append(message)

    # -------------------------------------------------------------- records

    def _append(self, kind: str, **body: Any) -> int:
        return self._append_record(self.launcher.now(), kind, body)

    def _append_at(self, event: Event, kind: str, **body: Any) -> int:
        body = {"trial": event.number, "attempt": event.attempt, **body}
        return self._append_record(event.time, kind, body)

    def _append_record(self, now: float, kind: str, body: dict[str, Any]) -> int:
        seq = self.journal.append_at(now, kind, body)
        self.history.apply({"s": seq, "t": now, "k": kind, **body})
        return seq


def trial_seed(seed: int, number: int) -> int:
    """Derive a trial's own seed (31 bits) from the campaign's; the same in every attempt."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
