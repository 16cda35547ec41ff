"""The small process that starts trials: it has imported the framework, and forks.

A child of it begins in milliseconds where a fresh process that imports TensorFlow takes
seconds, and is as isolated. It imports nothing of the user's and touches no device: state
of either kind does not survive a fork. Where forking does not work (a canary child tells),
and where it must not be tried (GPUs), it starts fresh processes instead.

When its agent goes, the socket ends and it kills its children; when it is killed itself,
the kernel kills them.

Messages in: ``("start", slot, fork, environment, cpus)`` with the slot's socket and output
pipe; ``("kill", slot, signal)``. Messages out: ``("ready", preloaded, warning)`` once;
``("began", slot, pid)``; ``("refused", slot, why)``; ``("exited", slot, status)``.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from candle_workflow.model import Workload
from candle_workflow.trainers import process
from candle_workflow.trainers.slot import Slot
from candle_workflow.trainers.wire import Inbox, Line, encode

CANARY_S = 120  # a hung canary is given up after this many seconds


class Server:
    """Starts, watches and ends the processes of one agent's slots. One thread only."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._inbox = Inbox()
        self._slots: dict[int, int] = {}  # pid -> slot
        self._descriptors: list[int] = []
        self._workload: Workload
        self._node: str
        self._mark: bytes

    def serve(self) -> None:
        """Work until the agent hangs up, then end every child."""
        ((self._workload, self._node, self._mark, preload),) = self._messages_wait()
        warning = _preload(preload)
        self._send(("ready", bool(preload) and not warning, warning))
        wake = _wake_on_children()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif not self._obey():
                    return self._end_all()

    def _obey(self) -> bool:
        try:
            messages = self._receive()
        except OSError:
            messages = None
        if messages is None:
            return False
        for message in messages:
            if message[0] == "start":
                self._start(*message[1:])
            else:
                self._kill(*message[1:])
        return True

    # -------------------------------------------------------------- children

    def _start(
        self, slot: int, fork: bool, environment: dict[str, str], cpus: tuple[int, ...]
    ) -> None:
        line, output = self._descriptors.pop(0), self._descriptors.pop(0)
        try:
            pid = os.fork()
        except OSError as error:  # no memory, or too many processes: the others shall go on
            self._send(("refused", slot, str(error)))
        else:
            if pid == 0:
                self._become(line, output, fork, environment, cpus)
            self._slots[pid] = slot
            self._send(("began", slot, pid))
        os.close(line)
        os.close(output)

    def _become(
        self, line: int, output: int, fork: bool, environment: dict[str, str], cpus: tuple[int, ...]
    ) -> NoReturn:
        """Be a child: never return into the server's loop."""
        status = 1
        try:
            process.die_with_parent()
            signal.set_wakeup_fd(-1)
            self._control.close()
            for other in self._descriptors:  # of slots that are still to be started
                os.close(other)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            os.environ.update(environment)
            if not fork:
                os.set_inheritable(line, True)
                module = "candle_workflow.trainers.slot"
                arguments = [sys.executable, "-P", "-m", module, str(line)]
                os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted
            process.settle_in(cpus)
            ending = Line(socket.socket(fileno=line))
            Slot(ending, self._workload, node=self._node, mark=self._mark).serve()
            status = 0
        except BaseException:
            # the slot itself failed, not the trial: its log is the only place left to say so
            import traceback

            traceback.print_exc()
        finally:
            process.leave(status)
        raise AssertionError("unreachable")

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            slot = self._slots.pop(pid, None)
            if slot is not None:
                _kill_group(pid)  # what the trial itself had started
                self._send(("exited", slot, status))

    def _kill(self, slot: int, number: int) -> None:
        for pid, owner in self._slots.items():
            if owner == slot:
                _kill_group(pid, number)

    def _end_all(self) -> None:
        for pid in self._slots:
            _kill_group(pid)
        # what left its trial's group has become our own child: see adopt_orphans
        while children := process.children(os.getpid()):
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)

    # -------------------------------------------------------------- messages

    def _messages_wait(self) -> list[Any]:
        while True:
            messages = self._receive()
            if messages is None:
                sys.exit(0)
            if messages:
                return messages

    def _receive(self) -> list[Any] | None:
        """Read messages and the descriptors that travel with them; None at the end."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 64)
        self._descriptors += descriptors
        return self._inbox.feed(data) if data else None

    def _send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # the agent's end is noticed by reading
            self._control.sendall(encode(message))


def _wake_on_children() -> int:
    """Give a descriptor that becomes readable when a child ends."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    # the child makes its own group as its first act; before that only its pid is there
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, number)
            return


def _preload(framework: str) -> str:
    """Import a framework once for all children; give a warning if they could not use it."""
    if not framework:
        return ""
    try:
        __import__(framework)
    except Exception as error:  # a framework of the user's choice
        return f"{framework} cannot be imported here ({error}); each trial imports it itself"
    gc.collect()
    gc.freeze()  # children then share these pages for good
    return _canary(framework)


def _canary(framework: str) -> str:
    """Fork one child that computes something; a framework that does not survive hangs or dies."""
    threads = threading.active_count()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            process.die_with_parent()
            if framework == "keras":
                import keras

                assert float(keras.ops.sum(keras.ops.ones((2, 2)))) == 4.0
            os._exit(0)
        os._exit(1)
    status = _wait(pid, CANARY_S)
    if status == 0 and threads == 1:
        return ""
    return (
        f"a child forked after importing {framework} failed (status {status}, {threads} threads);"
        " trials start in fresh processes, which takes seconds each"
    )


def _wait(pid: int, timeout_s: float) -> int | None:
    """Wait for a child; kill it and give None when it takes too long."""
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], timeout_s)[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(handle)


def main() -> None:
    """Serve the agent whose socket's number is the only argument."""
    process.adopt_orphans()
    Server(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
