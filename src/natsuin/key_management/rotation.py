"""Putting everything that is stored under a new master key. Done in a ceremony, while sam is stopped.

Every row of DB-2 carries a seal made with the master key, every signing key and service key lies in the provider's
layer, and the provider's secrets are closed by it. Row by row all of that is opened with the old master key and closed
with the new one, in batches, each durable before the next. A row that is done is known by its seal, so whoever is
killed begins again where they stopped.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import Tampered
from natsuin.key_management.keys import key_binding
from natsuin.key_management.master_key import MasterKey
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.provider_secrets import close_secret, open_secret
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.service_keys import service_key_binding
from natsuin.key_management.tables import provider_secret, service_key, signing_key
from natsuin.storage import Database, sam_metadata

BATCH = 500
RotationProgress = Callable[[str, int, int], None]
"""(table, rows done, rows in all)."""


@dataclass(frozen=True)
class Rotation:
    """From `old` to `new`. One at a time; nobody else may write to the database meanwhile."""

    database: Database
    old: MasterKey = field(repr=False)
    new: MasterKey = field(repr=False)

    def run(self, progress: RotationProgress = lambda *_: None) -> dict[str, int]:
        """Re-wrap everything; answers how many rows of each table were re-wrapped now. Durable on return; running it
        again changes nothing.

        Raises:
            Tampered: a row carries neither seal. Nothing of its batch was changed.
        """
        return {table.name: self._table(table, progress) for table in sealed_tables()}

    def is_done(self) -> bool:
        """Whether the provider's secrets, which come last, are under the new master key."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(provider_secret)).mappings().all()
        return all(self._carries(self.new, provider_secret, dict(row)) for row in rows)

    def _table(self, table: sa.Table, progress: RotationProgress) -> int:
        with self.database.read() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        done = changed = 0
        for keys in self._batches(table):
            with self.database.write() as connection:
                changed += sum(self._row(connection, table, key) for key in keys)
            faults.point("rotation.after_batch")
            done += len(keys)
            progress(table.name, done, total)
        return changed

    def _batches(self, table: sa.Table) -> Iterator[list[tuple[Any, ...]]]:
        columns = list(table.primary_key.columns)
        last: tuple[Any, ...] | None = None
        while True:
            query = sa.select(*columns).order_by(*columns).limit(BATCH)
            if last is not None:
                query = query.where(sa.tuple_(*columns) > last)
            with self.database.read() as connection:
                keys = [tuple(row) for row in connection.execute(query)]
            if not keys:
                return
            yield keys
            last = keys[-1]

    def _row(self, connection: sa.Connection, table: sa.Table, key: tuple[Any, ...]) -> bool:
        where = [column == value for column, value in zip(table.primary_key.columns, key, strict=True)]
        row = dict(connection.execute(sa.select(table).where(*where)).mappings().one())
        if self._carries(self.new, table, row):
            return False
        RowSealer.from_master(self.old).check(table, row)
        changed = {**row, **self._rewrapped(table, row)}
        connection.execute(table.update().where(*where), RowSealer.from_master(self.new).sealed(table, changed))
        return True

    def _rewrapped(self, table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
        if table is signing_key and row["key_blob"]:
            return {"key_blob": self._other_layer(row["key_blob"], key_binding(row))}
        if table is service_key:
            binding = service_key_binding(row["purpose"], row["public_key"])
            return {"sealed_key": self._other_layer(row["sealed_key"], binding)}
        if table is provider_secret:
            return {"sealed": close_secret(self.new, row["name"], open_secret(self.old, row["name"], row["sealed"]))}
        return {}

    def _other_layer(self, closed: bytes, binding: bytes) -> bytes:
        opened = ProviderLayer.from_master(self.old).open(closed, binding)
        return ProviderLayer.from_master(self.new).close(opened, binding)

    def _carries(self, master: MasterKey, table: sa.Table, row: Mapping[str, Any]) -> bool:
        try:
            RowSealer.from_master(master).check(table, row)
        except Tampered:
            return False
        return True


def sealed_tables() -> list[sa.Table]:
    """Every table whose rows carry a seal; the provider's secrets last, because they tell that all is done."""
    tables = [table for table in sam_metadata.sorted_tables if "seal" in table.columns]
    return sorted(tables, key=lambda table: table is provider_secret)
