"""The exception tree. A class says what the caller must do.

::

    CandleError                        exit  what to do
    ├── ConfigError                    2     correct the campaign or site file, or the command
    ├── PluginError                    2     name a known plug-in, or install the extra it needs
    ├── DataError                      2     fetch, repair or name the right input
    ├── SchedulerError                 4     look at the batch system's answer
    │   ├── InvalidJob                 4     this job can never run: change it
    │   └── SchedulerBusy              4     try again later
    ├── TrialError                     -     nothing: one trial's outcome, never a campaign's end
    └── StoreError                     3     the journal or the store needs a person
        ├── StateConflict              3     the request contradicts what is recorded
        ├── JournalDamaged             3     restore the named file from a copy
        ├── SchemaTooOld               3     rebuild the store, or use a newer version
        └── EpochHeld                  3     wait for the other controller, or --take-over
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar


class CandleError(Exception):
    """Root of everything this package raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigError(CandleError):
    """What the user wrote is wrong.

    Parameters
    ----------
    message : str
        What was seen, what was expected, what to try.
    key : str, optional
        Dotted path of the offending key, such as ``space.dropout.low``.
    file, line : optional
        Where it stands; ``config`` fills these in from the key when it knows.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place += f":{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class PluginError(CandleError):
    """An unknown plug-in name, or one whose packages are missing."""

    exit_code = 2


class DataError(CandleError):
    """Input data are missing, damaged or not what was expected."""

    exit_code = 2


class SchedulerError(CandleError):
    """A batch system's command failed; carries what was run and what it said."""

    exit_code = 4

    def __init__(
        self, message: str, *, argv: Sequence[str] = (), status: int | None = None, output: str = ""
    ) -> None:
        super().__init__(message)
        self.argv = tuple(argv)
        self.status = status
        self.output = output


class InvalidJob(SchedulerError):
    """This job can never run as it is."""


class SchedulerBusy(SchedulerError):
    """The batch system refuses for now."""


class TrialError(CandleError):
    """One trial's outcome; recorded with its Cause, it never ends a campaign by itself."""


class StoreError(CandleError):
    """The journal or the store is damaged, held or of another version."""

    exit_code = 3


class StateConflict(StoreError):
    """What is asked contradicts what is recorded (frozen keys, finished campaigns)."""


class JournalDamaged(StoreError):
    """Acknowledged records do not verify; names file and byte offset."""


class SchemaTooOld(StoreError):
    """The store's tables are of another version than this program's."""


class EpochHeld(StoreError):
    """Another controller holds this campaign, or took it over."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` and the known names, for the end of a message."""
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    return f"{hint} Known: {listed}." if names else hint
