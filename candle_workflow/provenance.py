"""Where a campaign's results come from: versions, code, host."""

from __future__ import annotations

import getpass
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "candle-workflow",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
    "ray",
    "optuna",
    "numpy",
    "scikit-learn",
)


_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^/\s]*@")  # in a URL, such as a store's


def collect(root: Path) -> dict[str, Any]:
    """Describe this run's surroundings as plain JSON.

    Parameters
    ----------
    root : Path
        The folder of the user's campaign file; its git commit and dirtiness are noted.
    """
    return {
        "command": [_PASSWORD.sub(r"\1***@", word) for word in sys.argv],
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "host": platform.node(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "user": _user(),
        "git": _git(root),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


def _git(root: Path) -> dict[str, Any] | None:
    """The commit that the user's code is at, and what differs from it; None outside git."""
    commit = _run_git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _run_git(root, "status", "--porcelain", "--", ".") or ""
    return {"commit": commit, "dirty": bool(changed), "changed": changed.splitlines()[:50]}


def _run_git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector of our own
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip("\n")
