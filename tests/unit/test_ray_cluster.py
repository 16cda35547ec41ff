"""One Ray a process: who shares it, who ends it, and what is left of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from candle_workflow import plugins
from candle_workflow.errors import PluginError
from candle_workflow.launchers import ray_cluster


class FakeRay:
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.running = False
        self.fails: BaseException | None = None
        self.folder = Path()

    def is_initialized(self) -> bool:
        return self.running

    def init(self, *, _temp_dir: str, **settings: object) -> None:
        self.calls.append("init")
        self.folder = Path(_temp_dir)
        assert os.environ["RAY_AUTH_TOKEN_PATH"] == f"{_temp_dir}/token"
        assert (self.folder / "token").stat().st_mode & 0o777 == 0o600
        os.environ["RAY_OF_ITS_OWN"] = "1"
        if self.fails:
            raise self.fails
        self.running = True

    def shutdown(self) -> None:
        self.calls.append("shutdown")
        self.running = False


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setattr(plugins, "require", lambda package, extra: fake)
    return fake


def test_it_leaves_no_folder_and_no_variable(ray: FakeRay) -> None:
    before = dict(os.environ)
    with ray_cluster.embedded() as given:
        assert given is ray
        os.environ["MINE"] = "stays"
    assert ray.calls == ["init", "shutdown"]
    assert not ray.folder.exists()
    assert os.environ.pop("MINE") == "stays"
    assert dict(os.environ) == before


def test_inside_another_it_is_the_same(ray: FakeRay) -> None:
    with ray_cluster.embedded():
        with ray_cluster.embedded() as inner:
            assert inner is ray
        assert ray.calls == ["init"]
    with ray_cluster.embedded():
        pass
    assert ray.calls == ["init", "shutdown"] * 2


def test_another_thread_is_refused_until_it_ends(ray: FakeRay) -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            with ray_cluster.embedded():
                seen.append("it runs")
        except PluginError as error:
            seen.append(str(error))

    def elsewhere() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    with ray_cluster.embedded():
        elsewhere()
        assert ray.calls == ["init"]
    elsewhere()
    assert "one after another" in seen[0]
    assert seen[1] == "it runs"


@pytest.mark.parametrize("error", [RuntimeError("no room"), KeyboardInterrupt()])
def test_a_start_that_fails_leaves_nothing(ray: FakeRay, error: BaseException) -> None:
    before = dict(os.environ)
    ray.fails = error
    with pytest.raises(type(error)), ray_cluster.embedded():
        pass
    assert ray.calls == ["init", "shutdown"]
    assert not ray.folder.exists()
    assert dict(os.environ) == before
    ray.fails = None
    with ray_cluster.embedded():
        pass


def test_a_ray_of_the_users_own_is_left_alone(ray: FakeRay) -> None:
    ray.running = True
    with pytest.raises(PluginError, match=r"ray\.shutdown\(\)"), ray_cluster.embedded():
        pass
    assert (ray.running, ray.calls) == (True, [])


def test_files_where_it_was_started_are_not_taken_for_modules(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shutil.py").write_text("raise RuntimeError('the wrong shutil')\n")
    monkeypatch.chdir(tmp_path)
    with ray_cluster.embedded():
        pass
    assert not ray.folder.exists()
