"""Run a campaign without a terminal: in a process of its own session, until it ends.

The starting process has checked the campaign; it waits until the other one holds it, or
shows what that one says against it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import BinaryIO

from candle_workflow.cli.opened import handle
from candle_workflow.cli.show import print_fields
from candle_workflow.folder import CampaignFolder


def detach(arguments: Sequence[str]) -> int:
    """Start the command line anew in the background; return when it holds its campaign.

    Parameters
    ----------
    arguments : sequence of str
        A ``run`` or ``resume`` that waits.
    """
    begun, begin = os.pipe()
    with tempfile.TemporaryFile() as output:
        try:
            process = _start(arguments, begin, output)
        finally:
            os.close(begin)
        try:
            with os.fdopen(begun) as pipe:
                said = pipe.readline()
        except KeyboardInterrupt:
            process.terminate()
            raise
        if not said:
            return _refused(process, output)
    _tell(process.pid, CampaignFolder(json.loads(said)))
    return 0


def _start(arguments: Sequence[str], begin: int, output: BinaryIO) -> subprocess.Popen[bytes]:
    # -P: a file in the current folder must not shadow a module
    command, *rest = arguments
    python = [sys.executable, "-P", "-m", "candle_workflow.cli"]
    return subprocess.Popen(  # noqa: S603 - our own program
        [*python, command, f"--detached={begin}", *rest],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=[begin],
    )


def _refused(process: subprocess.Popen[bytes], output: BinaryIO) -> int:
    """Pass on what the other process said before it ended."""
    code = process.wait()
    output.seek(0)
    sys.stderr.write(output.read().decode(errors="replace"))
    return code if code > 0 else 1


def _tell(pid: int, folder: CampaignFolder) -> None:
    word = handle(folder)
    print_fields(
        {
            "campaign": f"{folder.name} runs in process {pid}; this terminal may be closed",
            "results": str(folder.path),
            "log": str(folder.logs / "controller.log"),
            "watch": f"candle-workflow watch {word}",
            "cancel": f"candle-workflow cancel {word}",
        }
    )


def report_begun(pipe: int, folder: CampaignFolder) -> None:
    """In the background process: move our output into the campaign, and say that it is held."""
    folder.logs.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(folder.logs / "controller.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(log, os.pread(1, 1 << 20, 0))  # what was said so far, such as warnings
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    with os.fdopen(pipe, "w") as begun:
        begun.write(json.dumps(str(folder.path)) + "\n")
