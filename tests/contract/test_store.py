"""The store's contract on SQLite and PostgreSQL, and what concerns one of them only."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from candle_workflow.errors import ConfigError, StoreError
from candle_workflow.store import Store
from candle_workflow.store.database import masked, network_file_system, resolve
from candle_workflow.testing.journals import begin
from candle_workflow.testing.store import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "a new folder" / "store #1?.db")


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def url(self, cluster: Path) -> str:
        name = f"store_{uuid.uuid4().hex}"
        run_as_server(_program("psql"), "-h", cluster, "-d", "postgres", "-qc",
                      f"CREATE DATABASE {name}")  # fmt: skip
        return f"postgresql://{SERVER_USER}@/{name}?host={cluster}"

    def test_an_absent_server_is_named_without_the_password(self, cluster: Path) -> None:
        url = f"postgresql://me:secret@/absent?host={cluster}&sslpassword=secret2"
        with pytest.raises(StoreError) as caught:
            Store(url)
        assert "postgresql://me:***@/absent" in str(caught.value)
        assert "secret" not in str(caught.value)


# PostgreSQL refuses to run as root.
SERVER_USER = "postgres" if os.getuid() == 0 else os.environ.get("USER", "postgres")


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def run_as_server(*argv: object) -> None:
    prefix = ["runuser", "-u", SERVER_USER, "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*prefix, *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Run a private server that listens on a socket in its own folder only."""
    initdb, control = _program("initdb"), _program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("no PostgreSQL server programs (initdb, pg_ctl) on this machine")
    # a socket's path may have 107 bytes, which pytest's own folders pass
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, SERVER_USER)
        data, log = folder / "data", folder / "log"
        run_as_server(initdb, "-D", data, "-A", "trust", "-U", SERVER_USER, "-E", "UTF8", "-N")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run_as_server(control, "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield folder
        finally:
            run_as_server(control, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def test_where_a_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANDLE_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert masked(resolve(None)) == str(tmp_path / "data" / "candle-workflow" / "store.db")
    monkeypatch.setenv("CANDLE_STORE", str(tmp_path / "other.db"))
    assert masked(resolve(None)) == str(tmp_path / "other.db")
    assert masked(resolve(f"sqlite:///{tmp_path}/x.db")) == str(tmp_path / "x.db")
    assert resolve("postgresql://u:p@host/db").drivername == "postgresql+psycopg"
    assert masked(resolve("postgres://u:p@host/db")) == "postgresql://u:***@host/db"


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "sqlite://", "://secret", "pg://x:y:z"])
def test_what_names_no_store(url: str) -> None:
    with pytest.raises(ConfigError, match="names no store") as caught:
        resolve(url)
    assert "secret" not in str(caught.value)


MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
scratch /lus lustre rw 0 0
me@host: /mnt/my\040files fuse.sshfs rw 0 0
systemd-1 /auto autofs rw 0 0
server:/auto /auto nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/store.db", None),
        ("/home/me/store.db", "nfs4"),
        ("/home/local/store.db", None),
        ("/homes/store.db", None),
        ("/lus/store.db", "lustre"),
        ("/mnt/my files/store.db", "fuse.sshfs"),
        ("/auto/store.db", "nfs"),
    ],
)
def test_network_file_systems(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path / 'net'} nfs rw 0 0\n"
    monkeypatch.setattr("candle_workflow.store.database._mounts", lambda: mounts)
    with pytest.raises(StoreError, match=r"\(nfs\).*PostgreSQL"):
        Store(str(tmp_path / "net" / "store.db"))
    assert not (tmp_path / "net").exists()


def test_the_default_avoids_a_home_on_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path / 'home'} nfs rw 0 0\n"
    monkeypatch.setattr("candle_workflow.store.database._mounts", lambda: mounts)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CANDLE_STORE", raising=False)
    folder = tmp_path / "tmp" / f"candle-workflow-{os.getuid()}"
    assert masked(resolve(None)) == str(folder / "store.db")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        resolve(None)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt cannot be used: file is not a database"):
        Store(str(path))
    assert path.read_text() == "no database" * 100


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (x)")
    with pytest.raises(StoreError, match="tables that are not a store's"):
        Store(str(path))


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    path, folder = tmp_path / "store.db", begin(tmp_path / "a")[0]
    code = (
        "import sys\n"
        "from candle_workflow.folder import CampaignFolder\n"
        "from candle_workflow.store import Store\n"
        "print(flush=True); sys.stdin.readline()\n"
        "Store(sys.argv[1]).sync(CampaignFolder(sys.argv[2]))\n"
    )
    argv = [sys.executable, "-c", code, str(path), str(folder.path)]
    pipe = subprocess.PIPE
    viewers = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for viewer in viewers:
        assert viewer.stdout is not None
        viewer.stdout.readline()
    for viewer in viewers:
        assert viewer.stdin is not None
        viewer.stdin.write("go\n")
        viewer.stdin.flush()
    assert [viewer.wait(60) for viewer in viewers] == [0, 0, 0, 0]
    with Store(str(path)) as store:
        assert [row.name for row in store.campaigns()] == ["a"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
