"""Where a campaign's results come from: versions, code, host, data."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
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


def collect(root: Path, data: Path | None = None) -> dict[str, Any]:
    """Describe this run's surroundings as plain JSON.

    Parameters
    ----------
    root : Path
        The folder of the user's campaign file; its git commit and dirtiness are noted.
    data : Path, optional
        The file that the trials read; its size and SHA-256 are noted. Of a folder, those
        of each file in it.
    """
    return {
        "command": sys.argv,
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "host": platform.node(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "user": _user(),
        "git": _git(root),
        "data": _files(data) if data else {},
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


def _files(data: Path) -> dict[str, Any]:
    paths = sorted(p for p in data.rglob("*") if p.is_file()) if data.is_dir() else [data]
    return {str(p): {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in paths}


def sha256(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
