"""The store's table of campaigns: which folder is which campaign, and its one row.

A campaign's identity in a store is its own id and its folder's path. A folder that was moved
keeps its row, a copied one gets a row of its own, and a new campaign in an old one's place
takes over the place.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from candle_workflow.folder import CampaignFolder
from candle_workflow.model import Objective, State
from candle_workflow.rows import CampaignRow
from candle_workflow.store.indexing import BLANK, JSON_COLUMNS, Row, dumps
from candle_workflow.store.tables import campaigns, measurements, retried, trials


def place(path: Path | str) -> str:
    """Write a folder's path as the store does, the same from wherever it is named."""
    return str(Path(path).expanduser().resolve())


class Catalog:
    """The campaigns, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, *where: ColumnElement[bool]) -> list[CampaignRow]:
        """Give campaigns, the last begun first."""
        query = select(campaigns).where(campaigns.c.cursor.is_not(None), *where)
        query = query.order_by(campaigns.c.begun.desc(), campaigns.c.id.desc())
        return [_campaign_row(row) for row in self._connection.execute(query).mappings()]

    def cursor(self, folder: CampaignFolder, uid: str) -> dict[str, Any] | None:
        """Give up to where this campaign was indexed at this path, if it was."""
        query = select(campaigns.c.cursor).where(
            campaigns.c.path == place(folder.path), campaigns.c.uid == uid
        )
        text = self._connection.execute(query).scalar()
        return json.loads(text) if text else None

    def locked(self, folder: CampaignFolder, uid: str) -> Row:
        """Give the campaign's row, made if absent; nobody else can index it meanwhile."""
        row = self._locked_at(place(folder.path))
        if row is None:
            self._move_or_add(folder, uid)
            row = self._locked_at(place(folder.path))
            assert row is not None, "it was just added"
        if row["uid"] != uid:
            self.wipe(row)
            row["uid"] = uid
        return row

    def save(self, row: Row) -> None:
        """Write a row that ``locked`` gave."""
        values = {key: value for key, value in row.items() if key != "id"}
        for column in (*JSON_COLUMNS, "cursor"):
            values[column] = dumps(values[column])
        self._connection.execute(
            update(campaigns).where(campaigns.c.id == row["id"]).values(values)
        )

    def wipe(self, row: Row) -> None:
        """Forget everything about a campaign but its place, to index it from the first record."""
        for table in (trials, measurements, retried):
            self._connection.execute(delete(table).where(table.c.campaign == row["id"]))
        row.update(copy.deepcopy(BLANK), cursor=None)

    def _locked_at(self, path: str) -> Row | None:
        query = select(campaigns).where(campaigns.c.path == path).with_for_update()
        found = self._connection.execute(query).mappings().first()
        if found is None:
            return None
        row = dict(found)
        for column in JSON_COLUMNS:
            row[column] = json.loads(row[column])
        row["cursor"] = json.loads(row["cursor"]) if row["cursor"] else None
        return row

    def _move_or_add(self, folder: CampaignFolder, uid: str) -> None:
        query = select(campaigns.c.id, campaigns.c.path).where(campaigns.c.uid == uid)
        for found in self._connection.execute(query):
            if not CampaignFolder(found.path).exists():
                self._connection.execute(
                    update(campaigns)
                    .where(campaigns.c.id == found.id)
                    .values(path=place(folder.path), name=folder.name)
                )
                return
        blank = {k: dumps(v) if k in JSON_COLUMNS else v for k, v in BLANK.items()}
        # another viewer may add it at the same moment
        self._connection.execute(
            _insert_if_absent(self._connection).values(
                uid=uid, path=place(folder.path), name=folder.name, **blank
            )
        )


def _insert_if_absent(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return insert(campaigns)  # a writer there is alone
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(campaigns).on_conflict_do_nothing(index_elements=["path"])


def _campaign_row(row: Any) -> CampaignRow:
    parsed = {column: json.loads(row[column]) for column in JSON_COLUMNS}
    counts = {State(state): count for state, count in parsed.pop("counts").items()}
    objective = Objective(row["metric"], row["mode"], row["at"], row["mean_of"])
    same = ("id", "uid", "name", "kind", "state", "message", "begun", "updated")
    return CampaignRow(
        path=Path(row["path"]),
        objective=objective,
        counts=counts,
        **parsed,
        **{column: row[column] for column in same},
    )
