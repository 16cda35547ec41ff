"""Every Ray setting that was measured to matter, and the embedded cluster of one machine.

Sources of the settings: docs/design.md, section 8.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from candle_workflow import plugins
from candle_workflow.launchers import ray_guard

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


_running: Any = None  # the ray module, while this process has an embedded cluster


@contextmanager
def embedded() -> Iterator[Any]:
    """Start a Ray of our own on this machine; give the ``ray`` module; leave nothing behind.

    Inside another one of the same process, it is that one: a process has one Ray.
    """
    global _running
    if _running is not None:
        yield _running
        return
    with _started() as _running:
        try:
            yield _running
        finally:
            _running = None


@contextmanager
def _started() -> Iterator[Any]:
    # sockets fail past about 43 characters of path
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir="/tmp"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(_token())
    pipe, guard = ray_guard.start(folder, token)
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT, RAY_AUTH_TOKEN_PATH=str(token))
    ray = plugins.require("ray", "ray")
    try:
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
        yield ray
    finally:
        ray.shutdown()
        os.environ.clear()
        os.environ.update(before)
        os.close(pipe)
        guard.wait()


@cache
def _token() -> str:
    """One token a process: Ray reads it once and keeps it for every later cluster."""
    return secrets.token_hex(32)
