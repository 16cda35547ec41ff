"""Where a store lives: its URL, and an engine with the settings that each database needs.

SQLite works in WAL mode, which needs memory shared between its processes: on a network file
system it loses writes or hangs, so such paths are refused.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from candle_workflow.errors import ConfigError, StoreError
from candle_workflow.plugins import require

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "cvmfs2",
        "davfs",
        "dvs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "nfs",
        "nfs4",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "wekafs",
    }
)
BUSY_S = 60.0  # how long a writer waits for another viewer's


def resolve(url: str | None) -> URL:
    """Turn what ``--store`` says into a URL: a path, ``sqlite:///path`` or ``postgresql://...``.

    None stands for $CANDLE_STORE, else a file in the user's data folder, or in the temporary
    folder where the former is on a network file system.

    Raises
    ------
    ConfigError
        It is none of these.
    StoreError
        The file would be on a network file system.
    """
    url = url or os.environ.get("CANDLE_STORE")
    if not url:
        return _sqlite(_default_file())
    if "://" not in url:
        return _sqlite(Path(url).expanduser())
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _not_a_store("this URL") from error
    family = parsed.drivername.partition("+")[0]
    if family in ("postgresql", "postgres"):
        require("psycopg", "postgres")
        return parsed.set(drivername="postgresql+psycopg")
    if family == "sqlite" and parsed.database:
        return _sqlite(Path(parsed.database).expanduser())
    raise _not_a_store(f"'{masked(parsed)}'")


def masked(url: URL) -> str:
    """Write a URL for people: a file's path, or everything but the password."""
    if url.drivername == "sqlite":
        return str(url.database)
    query = {k: "***" if "pass" in k.lower() else v for k, v in url.query.items()}
    url = url.set(drivername="postgresql", query=query)
    return url.render_as_string(hide_password=True)


def open_engine(url: URL) -> Engine:
    """Make the engine; with SQLite, ``execution_options(writes=True)`` begins as a writer."""
    if url.drivername != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    _make_folder(Path(str(url.database)).parent)
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def network_file_system(path: Path, mounts: str) -> str | None:
    """Name the network file system that holds a path, given the text of /proc/mounts."""
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].encode("ascii", "replace").decode("unicode_escape")  # \040 = space
        # a later mount on the same point hides the earlier one
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _not_a_store(what: str) -> ConfigError:
    return ConfigError(
        f"{what} names no store; expected a file's path, sqlite:///path or"
        " postgresql://user@host/database",
        key="--store",
    )


def _sqlite(path: Path) -> URL:
    path = path.resolve()
    kind = network_file_system(path, _mounts())
    if kind is not None:
        raise StoreError(
            f"{path} is on a network file system ({kind}), where an SQLite store loses writes."
            " Name a path on this machine's own disk (--store or CANDLE_STORE; a store can be"
            " rebuilt at any time), or a PostgreSQL database: postgresql://user@host/database."
        )
    return URL.create("sqlite", database=str(path))


def _default_file() -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = data / "candle-workflow"
    if network_file_system(folder.resolve(), _mounts()) is not None:
        folder = Path(tempfile.gettempdir()) / f"candle-workflow-{os.getuid()}"
        _refuse_foreign_folder(folder)
    return folder / "store.db"


def _refuse_foreign_folder(folder: Path) -> None:
    """In a folder that everyone may write in, somebody else may have made ours."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise StoreError(f"{folder} belongs to somebody else. Name another path with --store.")


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text()
    except OSError:
        return ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the store's folder cannot be made: {error}. Name another path with --store."
        ) from error


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says
    for _ in range(200):
        try:
            # while another process switches a new file to WAL, this fails without waiting
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        time.sleep(0.02)
    # enough in WAL mode to survive a crash undamaged; the journal has what is lost
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-65536")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
