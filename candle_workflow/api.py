"""The Python API: what ``import candle_workflow`` offers beyond the values and errors.

It turns what is comfortable in Python (mappings, functions) into what a campaign file says,
and leaves everything else to ``config`` and ``campaign``.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candle_workflow.errors import ConfigError, StateConflict

if TYPE_CHECKING:
    import pandas

    from candle_workflow.campaign import Result
    from candle_workflow.config import CampaignSpec


def load(
    source: str | Path | Mapping[str, Any],
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the command line
    site: str | None = None,
    launcher: str | None = None,
) -> CampaignSpec:
    """Read a campaign without running it.

    Parameters
    ----------
    source : str, Path or mapping
        A campaign file, the name of a ready campaign, or the keys of such a file. In a
        mapping, ``trainer: {"function": train}`` may hold the function itself.
    set : mapping, optional
        Dotted key -> value, as ``--set``; text is read as YAML, as it is there.
    site, launcher : str, optional
        Short for ``site.name`` and ``launcher.name``.

    Raises
    ------
    ConfigError
        Something is wrong in it; says what, where, and what may be meant.
    """
    from candle_workflow.config import load_campaign

    overrides = {key: _as_yaml(value, key) for key, value in (set or {}).items()}
    overrides |= {"site": site} if site else {}
    overrides |= {"launcher": launcher} if launcher else {}
    if isinstance(source, Mapping):
        # ends in a line break, which is how load_campaign tells a text from a file's name
        source = _as_yaml(_with_reference(source), "") + "\n"
    return load_campaign(source, overrides=overrides)


def run(
    source: str | Path | Mapping[str, Any] | CampaignSpec,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the command line
    site: str | None = None,
    launcher: str | None = None,
    store: str | None = None,
    new: bool = False,
    take_over: bool = False,
) -> Result:
    """Run a campaign, or go on with it, until it ends.

    Parameters
    ----------
    source, set, site, launcher
        As for ``load``; or a spec that ``load`` gave.
    store : str, optional
        The store's URL or path; by default $CANDLE_STORE, else one in the user's data folder.
    new : bool
        Begin another campaign even if one of this name exists.
    take_over : bool
        Claim the campaign although its controller may be alive.

    Returns
    -------
    Result
        With ``status``, ``best``, ``trials``, ``folder`` and ``frame()``.

    Raises
    ------
    ConfigError, PluginError, DataError
        The campaign cannot work; nothing was written.
    StateConflict, EpochHeld, JournalDamaged
        The campaign that is there stands in the way.
    """
    from candle_workflow import campaign
    from candle_workflow.config import CampaignSpec

    _refuse_inside_a_trial()
    if isinstance(source, CampaignSpec):
        if set or site or launcher:
            raise ConfigError("'set', 'site' and 'launcher' belong to load(), which made this spec")
        spec = source
    else:
        spec = load(source, set=set, site=site, launcher=launcher)
    return campaign.run(spec, store=store, new=new, take_over=take_over)


def results(name: str | Path, *, store: str | None = None) -> pandas.DataFrame:
    """Give a campaign's trials as a DataFrame, also while it runs.

    Parameters
    ----------
    name : str or Path
        The campaign's name, or its folder.
    store : str, optional
        As for ``run``.

    Raises
    ------
    ConfigError
        There is no such campaign.
    """
    from candle_workflow.folder import find_campaign
    from candle_workflow.reports.table import frame
    from candle_workflow.store import Store

    folder = find_campaign(str(name))
    with Store(store) as index:
        index.sync(folder)
        return frame(index.trials(index.campaign(folder.path)))


def _as_yaml(value: Any, key: str) -> str:
    """Write a value as YAML text, of which JSON is a part."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{error}; expected what a campaign file can hold: text, finite numbers, lists, ...",
            key=key or None,
        ) from error


def _with_reference(source: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a function in ``trainer`` by the text that names it."""
    values = dict(source)
    trainer = values.get("trainer")
    if isinstance(trainer, Mapping) and callable(trainer.get("function")):
        values["trainer"] = {**trainer, "function": _reference(trainer["function"])}
    return values


def _reference(function: Callable[..., Any]) -> str:
    """Say where a function is found by other processes, or why it is not."""
    name, module = getattr(function, "__qualname__", repr(function)), function.__module__
    way_out = (
        " Trials run in processes of their own, which look the function up by its name."
        " Write it at the top level of a file and use trainer: {'function': 'train.py:train'}"
    )
    if not name.isidentifier():  # a lambda, a method, a partial, a function in a function
        raise ConfigError(
            f"'{name}' is not at the top level of a file.{way_out}.", key="trainer.function"
        )
    if module != "__main__":
        return f"{module}:{name}" if "." in module else f"{_file_of(module)}:{name}"
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None or not Path(file).is_file():
        raise ConfigError(
            f"'{name}' is defined in a notebook's cell or at a prompt, not in a file.{way_out};"
            " in a notebook the line '%%writefile train.py' at the top of its cell does that.",
            key="trainer.function",
        )
    return f"{Path(file).absolute()}:{name}"


def _file_of(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    return str(Path(file).absolute()) if file else module


def _refuse_inside_a_trial() -> None:
    """Stop a script that a trial imports for its trainer from running the campaign again."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "candle_workflow.trainers.loading":
            raise StateConflict(
                "run() was called while a trial imported this file for its trainer."
                " Put the call below: if __name__ == '__main__':"
            )
        frame = frame.f_back
