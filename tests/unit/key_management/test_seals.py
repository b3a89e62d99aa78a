"""A row's seal covers every column of every sealed table."""

import pytest
import sqlalchemy as sa

from natsuin.errors import Tampered
from natsuin.key_management import tables as key_tables
from natsuin.key_management.master_key import MasterKey
from natsuin.key_management.seals import RowSealer
from natsuin.signing import tables as signing_tables

SEALER = RowSealer.from_master(MasterKey(bytes(32)))
TABLES = [
    table for module in (key_tables, signing_tables) for table in vars(module).values() if isinstance(table, sa.Table)
]
UNSEALED = {"log_opening"}
"""The log itself vouches for openings."""


def row_of(table: sa.Table) -> dict[str, object]:
    kinds = {sa.LargeBinary: b"x", sa.String: "x", sa.Text: "x", sa.BigInteger: 1, sa.Integer: 1}
    return {column.name: kinds[type(column.type)] for column in table.columns if column.name != "seal"}


def test_only_the_named_tables_carry_no_seal() -> None:
    assert {table.name for table in TABLES if "seal" not in table.c} == UNSEALED


@pytest.mark.parametrize("table", [t for t in TABLES if "seal" in t.c], ids=lambda t: t.name)
def test_every_column_is_sealed(table: sa.Table) -> None:
    row = SEALER.sealed(table, row_of(table))
    SEALER.check(table, row)
    for name, value in row.items():
        changed = value + value if isinstance(value, str | bytes) else value + 1  # type: ignore[operator]
        with pytest.raises(Tampered):
            SEALER.check(table, {**row, name: changed})


def test_a_seal_is_of_one_table() -> None:
    first, second = key_tables.key_slot, key_tables.pin_reset
    assert SEALER.seal(first, row_of(first)) != SEALER.seal(second, row_of(second))


def test_another_master_key_makes_other_seals() -> None:
    table = key_tables.key_slot
    row = RowSealer.from_master(MasterKey(bytes(31) + b"x")).sealed(table, row_of(table))
    with pytest.raises(Tampered):
        SEALER.check(table, row)
