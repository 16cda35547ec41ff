"""A node's cores and devices, cut into slots for trials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from candle_workflow.errors import ConfigError
from candle_workflow.model import Resources


@dataclass(frozen=True, slots=True)
class Slots:
    """One entry a slot: the cores that it owns, and the device variable's value ("" = none)."""

    cpus: tuple[tuple[int, ...], ...]
    devices: tuple[str, ...]


def this_nodes_cores() -> list[int]:
    """The cores that this process may use; fewer than the machine has inside a job."""
    return sorted(os.sched_getaffinity(0))


def this_nodes_devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return [name for name in names if name not in ("", "-1")]
    names = [path.name[len("nvidia") :] for path in Path("/dev").glob("nvidia[0-9]*")]
    return sorted(names, key=int)


def cut(
    resources: Resources, cores: Sequence[int], devices: Sequence[str], wanted: int | None = None
) -> Slots:
    """Cut a node into as many slots as its cores and devices allow.

    Parameters
    ----------
    resources : Resources
        What one trial needs; ``gpus`` of 0.25 puts four slots on each device.
    wanted : int, optional
        Make exactly this many. More than the cores allow share them unbound.

    Raises
    ------
    ConfigError
        The node cannot hold even one trial.
    """
    cpus = resources.cpus * resources.processes
    gpus = _gpus(resources, devices)
    most = max(1, len(cores) // cpus) if len(cores) >= cpus else 0
    if most == 0 and wanted is None:
        raise ConfigError(
            f"a trial needs {cpus} cores and this node has {len(cores)}", key="resources.cpus"
        )
    if gpus > 1 and not gpus.is_integer():
        raise ConfigError(
            f"a trial's processes need {gpus:g} GPUs together, expected a part of one or a whole"
            " number of them",
            key="resources.gpus",
        )
    places = _device_places(gpus, devices)
    if gpus and not places:
        raise ConfigError(
            f"a trial needs {gpus:g} GPUs and this node has {len(devices)}", key="resources.gpus"
        )
    count = wanted or (min(most, len(places)) if gpus else most)
    if gpus and count > len(places):
        raise ConfigError(
            f"{count} slots of {gpus:g} GPUs each do not fit on {len(devices)}",
            key="launcher.slots",
        )
    bound = count <= most
    sets = [tuple(cores[i * cpus : (i + 1) * cpus]) if bound else () for i in range(count)]
    return Slots(tuple(sets), tuple(places[:count]) if gpus else ("",) * count)


def _gpus(resources: Resources, devices: Sequence[str]) -> float:
    """GPUs of one trial; ``auto`` is one if the node has any."""
    if resources.gpus == "auto":
        return 1.0 if devices else 0.0
    return float(resources.gpus) * resources.processes


def _device_places(gpus: float, devices: Sequence[str]) -> list[str]:
    """What each slot's device variable would be, for all slots that the devices allow."""
    if not gpus:
        return []
    if gpus < 1:
        return [device for device in devices for _ in range(int(1 / gpus + 1e-9))]
    width = int(gpus)
    groups = [devices[i : i + width] for i in range(0, len(devices) - width + 1, width)]
    return [",".join(group) for group in groups]
