"""Find the function that a campaign file names: in a file, or in a module.

A file is executed anew each time that it is loaded, so that a notebook which edits its
trainer gets what it wrote; what the file imports is cached as always in Python.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from candle_workflow.errors import ConfigError, nearest

KEY = "trainer.function"


def load_function(reference: str, root: str) -> Callable[..., Any]:
    """Load ``file.py:name`` (relative to ``root``) or ``package.module:name``.

    The file's folder, or ``root``, becomes the first place where modules are looked for, as
    it is for a script.

    Raises
    ------
    ConfigError
        There is no such file, module or function, or it does not take (params, context).
        What the user's module itself raises while it is imported passes through.
    """
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise ConfigError(
            f"'{reference}' names no function; expected 'train.py:train' (a file relative to"
            " the campaign file) or 'package.module:function'",
            key=KEY,
        )
    module = _load_file(Path(root, place)) if place.endswith(".py") else _load_module(place, root)
    return _find(module, name, place)


def find_source(module: str, root: str) -> Path | None:
    """Find a module's file without importing it or its packages; None if it has no source.

    Raises
    ------
    ModuleNotFoundError
        Neither this Python nor ``root`` has such a module.
    """
    top, *rest = module.split(".")
    # of a name without dots nothing is imported; unlike PathFinder it knows editable installs
    spec = PathFinder.find_spec(top, [root]) or _find_top(top)
    for part in rest:
        spec = spec and PathFinder.find_spec(part, [*(spec.submodule_search_locations or ())])
    if spec is None:
        raise ModuleNotFoundError(f"no module named '{module}'", name=module)
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _find_top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # an empty name, or __main__
        return None


def _load_file(path: Path) -> ModuleType:
    path = path.absolute()
    if not path.is_file():
        known = [other.name for other in path.parent.glob("*.py")]
        raise ConfigError(f"there is no file {path}.{nearest(path.name, known)}", key=KEY)
    _look_first_in(path.parent)
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickles look it up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_name(path: Path) -> str:
    """Choose the name under which the file is known.

    Its own, if an import of that name finds this very file: then what it defines can be
    unpickled in another process, and a sibling that imports it gets the same module. Another
    that is certainly free, if the name belongs to something else (a ``random.py``).
    """
    present = sys.modules.get(path.stem)
    if present is not None:
        free = _same_file(getattr(present, "__file__", None), path)
    else:
        try:
            spec = importlib.util.find_spec(path.stem)
        except (ImportError, ValueError):
            spec = None
        free = spec is not None and _same_file(spec.origin, path)
    if free:
        return path.stem
    return f"candle_trainer_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def _same_file(name: str | None, path: Path) -> bool:
    return name is not None and Path(name).exists() and path.samefile(name)


def _load_module(name: str, root: str) -> ModuleType:
    _look_first_in(Path(root).absolute())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise ConfigError(
            f"there is no module '{name}' for {sys.executable}, nor in {root};"
            " a file is written with its ending: 'train.py:train'",
            key=KEY,
        ) from error


def _look_first_in(folder: Path) -> None:
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    # files written a moment ago must be seen; forgetting the listings of all other folders
    # as well would cost every forked trial 10 ms
    sys.path_importer_cache.pop(str(folder), None)


def _find(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if function is None:
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigError(f"{place} has no '{name}'.{nearest(name, known)}", key=KEY)
    if not callable(function):
        raise ConfigError(
            f"'{name}' in {place} is of type {type(function).__name__}, expected a function",
            key=KEY,
        )
    try:
        inspect.signature(function).bind({}, None)
    except TypeError as error:
        raise ConfigError(
            f"'{name}' in {place} takes {inspect.signature(function)}, expected a function that"
            " can be called with (params, context)",
            key=KEY,
        ) from error
    except ValueError:
        pass  # a built-in without a signature: the call will tell
    result: Callable[..., Any] = function
    return result
