"""Every Ray setting that was measured to matter, and the embedded cluster of one machine.

Sources of the settings: docs/design.md, section 8.
"""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from candle_workflow import plugins
from candle_workflow.errors import PluginError
from candle_workflow.launchers import ray_guard
from candle_workflow.trainers import process

_PREFIX = "cwf"
_ENVIRONMENT = {
    # Ray's servers listen on all interfaces whatever one asks: the token is the lock
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # it ends the agent and leaves the trial; the agent watches memory itself
    "RAY_memory_monitor_refresh_ms": "0",
    # an agent's server ends its trials in order, when its socket ends
    "RAY_kill_child_processes_on_worker_exit": "0",
    # one agent a node is all that Ray runs for us: no spare workers
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_LOG_TO_STDERR": "0",
}
_OBJECT_STORE_BYTES = 80 * 1024 * 1024  # about the least that Ray accepts; we keep nothing in it


_ours: tuple[int, Any] | None = None  # the thread that has this process' cluster, and ``ray``


@contextmanager
def embedded() -> Iterator[Any]:
    """Start a Ray of our own on this machine; give the ``ray`` module; leave nothing behind.

    Inside another one of the same thread, it is that one: a process has one Ray.

    Raises
    ------
    PluginError
        Ray is not installed, or this process has a Ray that is not ours.
    """
    global _ours
    thread = threading.get_ident()
    if _ours is not None and _ours[0] == thread:
        yield _ours[1]
        return
    if _ours is not None:  # measured: Ray does not always survive its end in another thread
        raise PluginError(
            "another thread of this process runs a campaign in Ray, and a process can have only"
            " one Ray. Run the campaigns one after another, or in processes of their own."
        )
    _ours = thread, None
    try:
        with _started() as ray:
            _ours = thread, ray
            yield ray
    finally:
        _ours = None


@contextmanager
def _started() -> Iterator[Any]:
    # sockets fail past about 43 characters of path
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir="/tmp"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(_token())
    with ExitStack() as stack:
        pipe, guard = ray_guard.start(folder, token)
        stack.callback(guard.wait)
        stack.callback(os.close, pipe)
        stack.enter_context(_environment({**_ENVIRONMENT, "RAY_AUTH_TOKEN_PATH": str(token)}))
        imported_before = "ray" in sys.modules
        ray = plugins.require("ray", "ray")  # it reads the environment when it is imported
        if ray.is_initialized():
            raise PluginError(
                "this process is connected to a Ray already, and can have only one. Call"
                " ray.shutdown() first, or choose another launcher."
            )
        if imported_before:
            _read_environment_again()
        stack.callback(ray.shutdown)
        try:
            _init(ray, folder)
        except SystemExit as error:  # so Ray answers SIGTERM while it starts
            raise KeyboardInterrupt from error
        yield ray


def _init(ray: Any, folder: Path) -> None:
    ray.init(
        address="local",
        num_cpus=1,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        # without a default route the head would pick another address than its clients
        _node_ip_address="127.0.0.1",
        _temp_dir=str(folder),
        log_to_driver=False,
        configure_logging=False,
        namespace=_PREFIX,
    )


def _read_environment_again() -> None:
    """Have a Ray that somebody imported without our settings take them."""
    core = importlib.import_module("ray._raylet")
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables, and remove in the end also those that Ray itself has set."""
    before = set(os.environ)
    try:
        with process.environment(variables):
            yield
    finally:
        for name in set(os.environ) - before:
            if name.startswith("RAY_"):
                del os.environ[name]


@cache
def _token() -> str:
    """One token a process: Ray reads it once and keeps it for every later cluster."""
    return secrets.token_hex(32)
