"""The built-in launchers that need nothing installed pass the launchers' contract."""

import pytest

from candle_workflow.launchers.inline import InlineLauncher
from candle_workflow.launchers.simulated import SimulatedLauncher
from candle_workflow.testing.launchers import LauncherContract

FAULT_OF = {
    "raises": "error",
    "exits": "exit",
    "eats_memory": "oom",
    "not_a_number": "nan",
    "ignores_stop": "timeout",
}


class TestInline(LauncherContract):
    concurrent = False

    @pytest.fixture
    def build(self):
        return InlineLauncher


class TestSimulated(LauncherContract):
    runs_trainers = False
    many = 5000

    @pytest.fixture
    def build(self):
        def build(workload):
            trainer = workload.trainer["function"].rpartition(":")[2]
            faults = {FAULT_OF[trainer]: 1.0} if trainer in FAULT_OF else {}
            return SimulatedLauncher(workload, slots=3, steps=5, faults=faults)

        return build
