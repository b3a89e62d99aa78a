"""Seals on the rows of DB-2: who can write the database but lacks the master key cannot make a row that sam believes.

Every sealed table has a column `seal`: HMAC-SHA256 over the table's name and all other columns. A seal does not notice
that a whole row was put back to an older genuine state; that is the signing log's and the backup's matter.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.errors import Tampered
from natsuin.key_management.master_key import MasterKey

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True)
class RowSealer:
    """Makes and checks seals. Safe from several threads."""

    key: bytes = field(repr=False)

    @classmethod
    def from_master(cls, master: MasterKey) -> "RowSealer":
        """The sealer whose key only holders of the master key can have."""
        return cls(master.derive("row-seal"))

    def seal(self, table: sa.Table, values: Mapping[str, Any]) -> bytes:
        """32 bytes over every column of `table` but `seal`, in the order of the table's definition."""
        fields = [values[name] for name in _sealed_columns(table)]
        return hmac.digest(self.key, _encode([str(table.name), *fields]), "sha256")

    def sealed(self, table: sa.Table, values: Mapping[str, Any]) -> dict[str, Any]:
        """The row to write: `values` with its seal."""
        return {**values, "seal": self.seal(table, values)}

    def check(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Raise `Tampered` unless the row carries the seal that belongs to it."""
        if not hmac.compare_digest(self.seal(table, row), row["seal"]):
            raise Tampered(
                f"a record in `{table.name}` was changed outside the service and is not used",
                hint="Tell the security officer: somebody wrote to the database of the signature activation module.",
            )


def _sealed_columns(table: sa.Table) -> tuple[str, ...]:
    names = _COLUMNS.get(table.name)
    if names is None:
        names = tuple(str(column.name) for column in table.columns if column.name != "seal")
        _COLUMNS[table.name] = names
    return names


_COLUMNS: dict[str, tuple[str, ...]] = {}
