"""The Ray launcher passes the launchers' contract with both isolations."""

from collections.abc import Iterator

import pytest

from candle_workflow.launchers import ray_cluster
from candle_workflow.launchers.ray import RayLauncher
from candle_workflow.testing.launchers import LauncherContract

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One Ray for all of them; every launcher has an agent of its own in it."""
    with ray_cluster.embedded():
        yield


class TestProcess(LauncherContract):
    many = 60

    @pytest.fixture
    def build(self):
        return lambda workload: RayLauncher(workload, slots=2, grace=1.0)


class TestWorker(LauncherContract):
    many = 3000

    @pytest.fixture
    def build(self):
        return lambda workload: RayLauncher(workload, slots=2, grace=1.0, isolation="worker")
