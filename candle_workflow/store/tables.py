"""The store's tables as the present version sees them; ``migrations`` makes them.

JSON is kept as text: both databases then give back what was written, nan included.
A measurement that is not a number is NULL, and ``objective_is_nan`` tells such an objective
from none, because SQLite cannot hold nan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
)

metadata = MetaData()

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("mean_of", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("begun", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("counts", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("origins", Text, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("sessions", Text, nullable=False),
    Column("cursor", Text),
)

trials = Table(
    "trials",
    metadata,
    Column("campaign", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("objective", Double),
    Column("objective_is_nan", Boolean, nullable=False),
    Column("cause", Text),
    Column("message", Text, nullable=False),
    Column("label", Text),
    Column("params", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("asked", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("node", Text),
    Column("checkpoint", Text),
    Column("checkpoint_step", Integer, nullable=False),
    Column("ended_by", Text, nullable=False),
)

measurements = Table(
    "measurements",
    metadata,
    Column("campaign", Integer, primary_key=True),
    Column("trial", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("value", Double),
    Column("time", Double, nullable=False),
)

# The attempts before a trial's last one; the last one is in the trial's own row.
retried = Table(
    "retried",
    metadata,
    Column("campaign", Integer, primary_key=True),
    Column("trial", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("cause", Text),
    Column("message", Text, nullable=False),
    Column("node", Text),
    Column("started", Double),
    Column("finished", Double, nullable=False),
)


def upsert(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert or replace rows that are in the order of the table's columns."""
    if not rows:
        return
    # plain text: building each statement from the columns takes longer than running it
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - names of our own
        f" VALUES ({', '.join([mark] * len(names))})"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}",
        rows,
    )


def by_numbers(
    connection: Connection,
    query: Select[Any],
    column: ColumnElement[int],
    numbers: Collection[int],
) -> Iterator[Any]:
    """Run a query for some trials only, in parts that a statement can hold."""
    ordered = sorted(numbers)
    for begin in range(0, len(ordered), 500):
        yield from connection.execute(query.where(column.in_(ordered[begin : begin + 500])))
