"""What every act inside sam stands on: its database, seals, journal, clock, provider's layer, the relying party it
serves and the policy on algorithms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from natsuin.algorithm_policy import AlgorithmPolicy
from natsuin.clock import Clock, milliseconds
from natsuin.key_management.journal import Journal
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.seals import RowSealer
from natsuin.passkeys import RelyingParty
from natsuin.storage import Database


@dataclass(frozen=True)
class Foundation:
    """Shared by the services of key management and signing. Safe from several threads."""

    database: Database
    sealer: RowSealer
    journal: Journal
    clock: Clock
    relying_party: RelyingParty
    provider: ProviderLayer
    policy: AlgorithmPolicy

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return milliseconds(self.clock.now())

    def find(
        self, connection: sa.Connection, table: sa.Table, *, lock: bool = False, **where: Any
    ) -> dict[str, Any] | None:
        """The one row with these values, its seal checked, or None. Raises `Tampered`.

        `lock` keeps others from changing it until this transaction ends (on SQLite every write transaction does).
        """
        query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        if lock:
            query = query.with_for_update()
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return self.checked(table, row)

    def checked(self, table: sa.Table, row: sa.RowMapping) -> dict[str, Any]:
        """The values of a row that carries its seal. Raises `Tampered`."""
        values: dict[str, Any] = dict(row)
        self.sealer.check(table, values)
        return values

    def insert(self, connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Write a new sealed row."""
        connection.execute(table.insert(), self.sealer.sealed(table, row))

    def update(self, connection: sa.Connection, table: sa.Table, row: Mapping[str, Any], **changes: Any) -> bool:
        """Write `row` with `changes`, if it is still as it was read. Answers whether it was: the loser of a race gets
        False."""
        changed = self.sealer.sealed(table, {**row, **changes})
        keys = (column == row[column.name] for column in table.primary_key.columns)
        result = connection.execute(table.update().where(*keys, table.c.seal == row["seal"]), changed)
        return bool(result.rowcount == 1)
