"""What a trial's process does to itself: die with its parent, stay on its cores, leave quickly."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36


# Else TensorFlow begins every trial's output with notices.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}

# A fork copies the page tables of all memory that was written: of 260 MB once TensorFlow is
# imported. In huge pages that is a fifth of the work (measured: 110 forks/s instead of 23);
# glibc's allocator can ask for them, Python's own cannot.
FORK_VARIABLES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONMALLOC": "malloc"}


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel knew
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that they can be ended too."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def settle_in(cpus: Iterable[int]) -> None:
    """Keep to these cores (all of them if empty), lead a group, read nothing from a terminal."""
    cores = set(cpus)
    if cores:
        os.sched_setaffinity(0, cores)
    if os.getpgid(0) != os.getpid():
        os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # real streams here
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def restore_output(descriptor: int) -> None:
    """Have stdout and stderr write there, whatever a trainer has done to them."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(descriptor, number)
        stream = getattr(sys, f"__{name}__")
        if stream.closed:
            stream = open(number, "w", buffering=1, closefd=False)  # noqa: SIM115
            setattr(sys, f"__{name}__", stream)
        setattr(sys, name, stream)


def flush() -> None:
    """Write out what was printed, if a trainer left something that can be written to."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # it may be anything by now, or closed
            stream.flush()


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and put back what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def leave(status: int = 0) -> NoReturn:
    """End at once; frameworks take long to tear down what the kernel frees anyway."""
    flush()
    os._exit(status)


def how_it_ended(code: int) -> str:
    """Say how a process ended, from its exit code (negative: a signal's number)."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # most real-time signals have none
        name = "SIGRTMIN+" + str(-code - signal.SIGRTMIN)
    return f"was ended by signal {-code} ({name})"


def thread_variables(cpus: int) -> dict[str, str]:
    """Environment variables that give numerical libraries ``cpus`` threads.

    They are read when a library is first imported. Ray sets OMP_NUM_THREADS=1 in its
    workers, which halves the speed of a trial that owns more than one core.
    """
    count = str(cpus)
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "NUM_INTRA_THREADS",
    )
    return dict.fromkeys(names, count) | {"TF_NUM_INTEROP_THREADS": "1", "NUM_INTER_THREADS": "1"}


def children(pid: int) -> list[int]:
    """List the processes that a process has started and that have not been waited for."""
    found = []
    with contextlib.suppress(OSError):  # it, or one of its threads, has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
