"""What an attempt's end means: its metrics if it returned, its Cause and a message if it raised.

Frameworks are recognised by names, nothing is imported for it.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from candle_workflow.errors import CandleError
from candle_workflow.model import Cause, Metrics
from candle_workflow.trainers.context import AttemptError, as_metrics

_OURS = str(Path(__file__).parent) + "/"
_LONGEST = 300  # characters of an exception's text in a message
_OOM_CLASSES = {"ResourceExhaustedError", "OutOfMemoryError"}  # TensorFlow; torch (and CuPy)
_OOM_TEXT = re.compile(
    r"\b(MemoryError|RESOURCE_EXHAUSTED|ResourceExhaustedError|OutOfMemoryError)\b"
    r"|\bout of memory\b",
    re.IGNORECASE,
)


def as_result(value: Any, objective: str) -> Metrics:
    """Turn what a trainer returned into metrics.

    None (everything was reported), a mapping of metrics, a Keras History (the last value of
    each metric), or one number: the objective's metric.

    Raises
    ------
    AttemptError
        It is something else.
    """
    history = getattr(value, "history", None)
    if value is None:
        return {}
    try:
        if isinstance(value, Mapping):
            return as_metrics(value)
        if isinstance(history, Mapping):
            return as_metrics({name: series[-1] for name, series in history.items() if series})
        if not isinstance(value, bool):
            return as_metrics({objective: value})
    except TypeError as error:
        if isinstance(value, Mapping) or isinstance(history, Mapping):
            raise AttemptError(Cause.ERROR, f"the trainer returned: {error}") from error
    raise AttemptError(
        Cause.ERROR,
        f"the trainer returned {_kind(value)}, expected a mapping of metrics such as"
        f" {{'{objective}': 0.93}}, a number (which is '{objective}'), a Keras History, or"
        " nothing if it reported its metrics",
    )


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def explain(error: BaseException) -> tuple[Cause, str]:
    """Name the cause and say in one line what happened and where in the user's code.

    The same mistake in two trials gives the same message.
    """
    if isinstance(error, AttemptError):
        return error.cause, str(error)
    if isinstance(error, SystemExit):
        return Cause.EXIT, _exit_message(error)
    if isinstance(error, CandleError):
        return Cause.ERROR, str(error)
    message = f"{type(error).__name__}: {_text(error)}".rstrip(": ") + _place(error)
    return (Cause.OOM if _is_out_of_memory(error) else Cause.ERROR), message


def print_trace(error: BaseException) -> None:
    """Print an exception's traceback to stderr, which is the trial's log, from user code on."""
    if isinstance(error, (CandleError, SystemExit)):
        sys.stderr.write(f"{explain(error)[1]}\n")
    else:
        traceback.print_exception(error.with_traceback(_from_user_code(error.__traceback__)))
    sys.stderr.flush()


def speaks_of_memory(text: str) -> bool:
    """Whether a line of output says that memory ran out."""
    return _OOM_TEXT.search(text) is not None


def _exit_message(error: SystemExit) -> str:
    code = error.code
    return f"exit code {code}" if isinstance(code, int) else f"exit code 1: {_one_line(str(code))}"


def _is_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, MemoryError) or names & _OOM_CLASSES:
            return True
        # jax (XlaRuntimeError) and older torch say it in the text of a RuntimeError
        if isinstance(error, RuntimeError) and speaks_of_memory(_text(error)):
            return True
        error = error.__cause__
    return False


def _text(error: BaseException) -> str:
    try:
        return _one_line(str(error))
    except Exception:  # the user's own __str__
        return "(its text cannot be shown)"


def _one_line(text: str) -> str:
    text = text.encode(errors="replace").decode()  # the name of a file need not be Unicode
    text = re.sub(r"0x[0-9a-f]{6,}", "0x...", " ".join(text.split()))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _place(error: BaseException) -> str:
    """Say " (file.py:12 in train)": the innermost frame that the user wrote."""
    frames = traceback.extract_tb(_from_user_code(error.__traceback__))
    if not frames:
        return ""
    own = [frame for frame in frames if not _is_library(frame.filename)]
    frame = own[-1] if own else frames[0]
    return f" ({Path(frame.filename).name}:{frame.lineno} in {frame.name})"


def _from_user_code(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_plumbing(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_plumbing(filename: str) -> bool:
    importing = filename.startswith("<frozen importlib") or "/importlib/" in filename
    return filename.startswith(_OURS) or importing


def _is_library(filename: str) -> bool:
    libraries = (str(Path(traceback.__file__).parent) + "/", _OURS, "<frozen ")
    parts = Path(filename).parts
    installed = "site-packages" in parts or "dist-packages" in parts
    return installed or filename.startswith(libraries)
