"""Turn a campaign's command and one trial's values into an argument vector.

No shell is involved, so no value needs quoting and none can be misread.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from candle_workflow.errors import ConfigError

KEY = "trainer.command"
BUILT_IN = ("trial", "attempt", "seed", "dir", "checkpoint", "root")
_OPTION = re.compile(r"--?[A-Za-z][^=]*$")


def placeholders(argument: str) -> list[str]:
    """List the names in braces, in order; doubled braces are literal ones.

    Raises
    ------
    ConfigError
        The braces do not match, or hold more than a name.
    """
    return [name for _, name in _parse(argument) if name is not None]


def render(command: Sequence[str], values: Mapping[str, Any], root: Path) -> list[str]:
    """Fill in the values.

    A name without a value (a parameter that is inactive in this trial, null, no checkpoint
    yet) leaves its whole argument out, and with it an option just before: of ``--momentum
    "{momentum}"`` nothing remains. An argument without placeholders that is a file below
    ``root``, or a path with a slash that exists there, is made absolute, because commands run
    in the trial's folder.
    """
    arguments: list[str] = []
    option = False  # whether the last argument is an option that stands alone
    for template in command:
        parts = _parse(template)
        names = [name for _, name in parts if name is not None]
        if any(values.get(name) is None for name in names):
            if option:
                arguments.pop()
            option = False
            continue
        text = "".join(_piece(literal, name, values) for literal, name in parts)
        arguments.append(text if names else _anchored(text, root))
        option = not names and _OPTION.match(template) is not None
    return arguments


def as_text(value: Any) -> str:
    """Write a value so that reading it gives the same value again.

    A float as its shortest exact form (``1e-05``), a boolean as ``true`` or ``false``, a
    list as JSON, text as it is.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value, ensure_ascii=False)


def _piece(literal: str, name: str | None, values: Mapping[str, Any]) -> str:
    return literal if name is None else literal + as_text(values[name])


def _parse(argument: str) -> list[tuple[str, str | None]]:
    try:
        fields = list(string.Formatter().parse(argument))
    except ValueError as error:
        raise ConfigError(
            f"the braces of '{argument}' do not match ({error}); write literal braces twice:"
            " '{{' and '}}'",
            key=KEY,
        ) from error
    for _, name, form, conversion in fields:
        if name is not None and (form or conversion or not name.strip()):
            raise ConfigError(
                f"'{argument}' holds more than a name in braces; expected '{{name}}', and literal"
                " braces written twice: '{{' and '}}'",
                key=KEY,
            )
    return [(literal, name) for literal, name, _, _ in fields]


def _anchored(argument: str, root: Path) -> str:
    if argument.startswith("-") or not argument:
        return argument
    path = root / argument
    try:
        named = path.is_file() or ("/" in argument and path.exists())
    except (OSError, ValueError):  # too long for a name, or not one at all: a script, say
        named = False
    return str(path) if named else argument
