"""The store: an index in SQL over campaigns' journals, which every view reads.

The journals are the truth. ``sync`` brings the index up to date with one of them, also while
a controller writes it and while other viewers do the same. A store may be deleted at any
time and has the same content when it is built again.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import DBAPIError

from candle_workflow.errors import ConfigError, StoreError, nearest
from candle_workflow.folder import CampaignFolder
from candle_workflow.journal import read
from candle_workflow.model import Cause, State
from candle_workflow.replay import Trial
from candle_workflow.rows import CampaignRow, EndedAttempt, Measurement, Point
from candle_workflow.store import migrations
from candle_workflow.store.catalog import Catalog, place
from candle_workflow.store.database import masked, open_engine, resolve
from candle_workflow.store.indexing import (
    Fold,
    head_of,
    next_groups,
    no_garbage_collection,
    read_trial,
    touched,
)
from candle_workflow.store.tables import (
    by_numbers,
    campaigns,
    measurements,
    retried,
    trials,
    upsert,
)


class Store:
    """One database of campaigns, SQLite or PostgreSQL. Not for several threads.

    Parameters
    ----------
    url : str or None
        A file's path, ``sqlite:///path`` or ``postgresql://user@host/database``; None for
        $CANDLE_STORE, else a file in the user's data folder.

    Raises
    ------
    ConfigError
        The URL names no store.
    StoreError
        The database cannot be opened, is not a store's, or is on a network file system.
    SchemaTooOld
        It was made by a newer version.
    """

    def __init__(self, url: str | None = None) -> None:
        resolved = resolve(url)
        self.where = masked(resolved)
        self._engine = open_engine(resolved)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -------------------------------------------------------------- learning

    def sync(self, folder: CampaignFolder) -> None:
        """Bring the index up to date with a campaign's journal; nothing if it has none yet.

        Raises
        ------
        JournalDamaged
            Acknowledged records do not verify; the index stays as far as it was.
        """
        head = head_of(folder)
        if head is None or self._is_current(folder, head["id"]):
            return
        while self._sync_chunk(folder, head["id"]):
            pass

    def _is_current(self, folder: CampaignFolder, uid: str) -> bool:
        """Look without waiting for anybody."""
        with self._reading() as connection:
            cursor = Catalog(connection).cursor(folder, uid)
        if cursor is None:
            return False
        reading = read(folder.journal, cursor)
        return not reading.restarted and next(reading.records, None) is None

    def _sync_chunk(self, folder: CampaignFolder, uid: str) -> bool:
        """Index the next records in one transaction; whether there were any."""
        with no_garbage_collection(), self._writing() as connection:
            catalog = Catalog(connection)
            row = catalog.locked(folder, uid)
            reading = read(folder.journal, row["cursor"])
            if reading.restarted:
                catalog.wipe(row)
            records = next_groups(reading)
            if not records:
                return False
            fold = Fold(row, self._load(connection, row["id"], touched(records)))
            fold.take(records)
            upsert(connection, trials, fold.trial_rows())
            upsert(connection, measurements, fold.measurement_rows())
            upsert(connection, retried, fold.retried_rows())
            row["cursor"] = reading.cursor
            catalog.save(row)
        return True

    @staticmethod
    def _load(connection: Connection, campaign: int, numbers: set[int]) -> dict[int, Trial]:
        query = select(trials).where(trials.c.campaign == campaign)
        rows = by_numbers(connection, query, trials.c.number, numbers)
        return {row.number: read_trial(row) for row in rows}

    # -------------------------------------------------------------- campaigns

    def campaigns(self) -> list[CampaignRow]:
        """Give all campaigns, the last begun first."""
        with self._reading() as connection:
            return Catalog(connection).rows()

    def campaign(self, name: str | Path) -> CampaignRow:
        """Find a campaign by its path, or by its name: of several, the last begun.

        Raises
        ------
        ConfigError
            There is none; the nearest name is given.
        """
        with self._reading() as connection:
            catalog = Catalog(connection)
            found = catalog.rows(campaigns.c.path == place(name))
            if os.sep not in str(name):
                found = catalog.rows(campaigns.c.name == str(name)) or found
            if found:
                return found[0]
            known = connection.execute(select(campaigns.c.name).distinct()).scalars()
            raise ConfigError(
                f"there is no campaign '{name}' in the store.{nearest(str(name), known)}"
            )

    # -------------------------------------------------------------- trials

    def trials(
        self,
        campaign: CampaignRow,
        *,
        best: int | None = None,
        states: Collection[State] | None = None,
        numbers: Collection[int] | None = None,
        sample: int | None = None,
    ) -> list[Trial]:
        """Give trials by number, or the ``best`` complete ones, best first.

        Parameters
        ----------
        states, numbers : collection, optional
            Only these.
        sample : int, optional
            About that many, evenly spaced over the numbers.
        """
        query = select(trials).where(trials.c.campaign == campaign.id)
        if states is not None:
            query = query.where(trials.c.state.in_([state.value for state in states]))
        if sample is not None:
            stride = max(1, math.ceil(campaign.total / sample))
            query = query.where(trials.c.number % stride == 0)
        if best is not None:
            query = _by_objective(query, campaign).limit(best)
        else:
            query = query.order_by(trials.c.number)
        with self._reading() as connection:
            if numbers is None:
                return [read_trial(row) for row in connection.execute(query)]
            return [
                read_trial(row) for row in by_numbers(connection, query, trials.c.number, numbers)
            ]

    def points(self, campaign: CampaignRow) -> list[Point]:
        """Give the complete trials that have an objective, in the order of their ends."""
        columns = trials.c.number, trials.c.finished, trials.c.objective
        query = _with_objective(select(*columns).where(trials.c.campaign == campaign.id))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(trials.c.finished, trials.c.number))
            return [Point(*row) for row in rows]

    def measurements(self, campaign: CampaignRow, numbers: Collection[int]) -> list[Measurement]:
        """Give what these trials measured, by trial, attempt, step and metric."""
        c = measurements.c
        query = (
            select(c.trial, c.attempt, c.step, c.metric, c.value, c.time)
            .where(c.campaign == campaign.id)
            .order_by(c.trial, c.attempt, c.step, c.metric)
        )
        with self._reading() as connection:
            rows = by_numbers(connection, query, c.trial, numbers)
            return [
                Measurement(
                    trial, attempt, step, metric, math.nan if value is None else value, time
                )
                for trial, attempt, step, metric, value, time in rows
            ]

    def attempts(self, campaign: CampaignRow, number: int) -> list[EndedAttempt]:
        """Give a trial's attempts that are over, in order."""
        c = retried.c
        query = (
            select(c.attempt, c.cause, c.message, c.node, c.started, c.finished)
            .where(c.campaign == campaign.id, c.trial == number)
            .order_by(c.attempt)
        )
        with self._reading() as connection:
            rows = list(connection.execute(query))
        ended = [
            EndedAttempt(number, attempt, Cause(cause) if cause else None, *rest)
            for attempt, cause, *rest in rows
        ]
        for trial in self.trials(campaign, numbers=[number]):
            if trial.finished is not None and trial.state.is_finished:
                ended.append(EndedAttempt(
                    number, trial.attempts, trial.cause, trial.message, trial.node,
                    trial.started, trial.finished,
                ))  # fmt: skip
        return ended

    def failures(self, campaign: CampaignRow) -> list[tuple[Cause, str, int, int]]:
        """Give (cause, message, how many trials, one of them) of the failed, most first."""
        count = func.count().label("count")
        query = (
            select(trials.c.cause, trials.c.message, count, func.min(trials.c.number))
            .where(trials.c.campaign == campaign.id, trials.c.state == State.FAILED.value)
            .where(trials.c.cause.is_not(None))
            .group_by(trials.c.cause, trials.c.message)
            .order_by(count.desc(), func.min(trials.c.number))
        )
        with self._reading() as connection:
            return [
                (Cause(cause), message, n, first)
                for cause, message, n, first in connection.execute(query)
            ]

    def retries(self, campaign: CampaignRow) -> dict[Cause, int]:
        """Count the attempts that were given up and tried again, by cause."""
        query = (
            select(retried.c.cause, func.count())
            .where(retried.c.campaign == campaign.id, retried.c.cause.is_not(None))
            .group_by(retried.c.cause)
            .order_by(retried.c.cause)
        )
        with self._reading() as connection:
            return {Cause(cause): count for cause, count in connection.execute(query)}

    # -------------------------------------------------------------- database

    def _migrate(self) -> None:
        with self._reading() as connection:
            ready = migrations.up_to_date(connection, self.where)
        if not ready:
            migrations.migrate(self._writing, self.where)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._named_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        writer = self._engine.execution_options(writes=True)
        with self._named_errors(), writer.begin() as connection:
            yield connection

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            reason = getattr(error, "orig", None) or error
            raise StoreError(
                f"the store {self.where} cannot be used: {str(reason).strip()}. Name another"
                " with --store (a store can be rebuilt from the campaigns at any time), or"
                " repair this one."
            ) from error


def _with_objective(query: Select[Any]) -> Select[Any]:
    return query.where(trials.c.state == State.COMPLETE.value, trials.c.objective.is_not(None))


def _by_objective(query: Select[Any], campaign: CampaignRow) -> Select[Any]:
    objective = trials.c.objective
    direction = objective.desc() if campaign.objective.mode == "max" else objective.asc()
    return _with_objective(query).order_by(direction, trials.c.number)
