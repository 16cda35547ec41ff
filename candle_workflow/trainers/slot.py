"""A slot's process: runs the attempts that its agent sends, one after another, until told.

The same for every isolation: with ``process`` it gets exactly one attempt, with ``worker``
many. It is a child forked by ``server``, or a fresh ``python -m candle_workflow.trainers.slot``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from candle_workflow.model import Attempt, Ended, Event, Started, StopReason, Workload
from candle_workflow.trainers import process
from candle_workflow.trainers.context import Context
from candle_workflow.trainers.runner import load_trainer, run_attempt
from candle_workflow.trainers.wire import Line


class Slot:
    """The loop of a slot's process. All calls from its main thread.

    Messages in: ``("run", [Attempt, ...])``, ``("stop", (number, attempt), StopReason)``.
    Messages out: events. Before each Ended the mark is written to the output pipe, so that
    the agent knows where one attempt's output stops and the next one's begins.
    """

    def __init__(self, line: Line, workload: Workload, *, node: str, mark: bytes) -> None:
        self._line = line
        self._workload = workload
        self._node = node
        self._mark = mark
        self._queue: deque[Attempt] = deque()
        self._stops: dict[tuple[int, int], StopReason] = {}
        self._trainer: Callable[[dict[str, Any], Context], Any] | None = None
        self._pid = os.getpid()
        # what a trainer may close or change, to begin the next one with
        self._output = os.dup(1)
        self._home = os.open(".", os.O_RDONLY | os.O_DIRECTORY)

    def serve(self) -> None:
        """Run attempts until the agent hangs up."""
        with contextlib.suppress(EOFError):
            while True:
                while self._queue:
                    self.sort(self._line.waiting())  # a stop may be among it
                    self._run(self._queue.popleft())
                self.sort(self._line.receive())

    def sort(self, messages: list[Any]) -> None:
        """Put messages where they are looked for."""
        for message in messages:
            if message[0] == "run":
                self._queue.extend(message[1])
            else:
                self._stops[message[1]] = message[2]

    def _run(self, attempt: Attempt) -> None:
        begun = time.time()
        process.restore_output(self._output)
        os.fchdir(self._home)
        reason = self._stops.pop(attempt.id, None)
        if reason is not None:
            ended = Ended(attempt.number, attempt.attempt, begun, self._node, begun, stopped=reason)
        else:
            self._send(Started(attempt.number, attempt.attempt, begun, self._node))
            ended = self._train(attempt)
        if os.getpid() != self._pid:
            process.leave(1)  # a child that the trainer forked came back here too
        process.flush()
        os.write(self._output, self._mark)
        self._send(ended)

    def _train(self, attempt: Attempt) -> Ended:
        noticed: list[StopReason] = []

        def stopping() -> bool:
            self.sort(self._line.waiting())
            reason = self._stops.get(attempt.id)
            if reason is not None and not noticed:
                noticed.append(reason)
            return reason is not None

        ended = run_attempt(
            attempt, self._workload, send=self._send, stopping=stopping, node=self._node,
            trainer=self._call,
        )  # fmt: skip
        self._stops.pop(attempt.id, None)
        return replace(ended, stopped=noticed[0]) if noticed else ended

    def _call(self, params: dict[str, Any], context: Context) -> Any:
        """Load the trainer with the first attempt, whose log then shows what goes wrong."""
        if self._trainer is None:
            self._trainer = load_trainer(self._workload)
        return self._trainer(params, context)

    def _send(self, event: Event) -> None:
        self._line.send(event)


def main() -> None:
    """Run a fresh process's slot; the agent's socket is given by its number."""
    process.die_with_parent()
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    (workload, node, mark, cpus), *messages = line.receive()
    process.settle_in(cpus)
    slot = Slot(line, workload, node=node, mark=mark)
    slot.sort(messages)
    slot.serve()
    process.leave()


if __name__ == "__main__":
    main()
