"""Statements for the one path that runs for every signature: compiled once, and handed to the driver as they are.

SQLAlchemy builds a context around each execution that costs more than SQLite needs to run it. What that context would
do (convert values, name columns) is not needed where every column holds text, whole numbers or bytes, which drivers
take and give by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

_PLAIN = (sa.String, sa.Integer, sa.LargeBinary)


class Prepared:
    """One statement for SQLite and PostgreSQL. Thread safe; runs in the caller's transaction, inside `run_grouped`.

    Drivers' errors are raised as they are; `run_grouped` translates them.
    """

    def __init__(self, statement: "sa.Select[Any] | sa.Insert | sa.Update") -> None:
        """An insert fills every column; other statements name their values by `bindparam`.

        Raises `TypeError` for a column that a driver would not give back as it is.
        """
        self._statement = statement
        self._columns: tuple[str, ...] = ()
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}
        if isinstance(statement, sa.Select):
            self._columns = tuple(str(column.key) for column in statement.selected_columns)
            for column in statement.selected_columns:
                if not isinstance(column.type, _PLAIN):
                    raise TypeError(f"column {column.key} needs SQLAlchemy")

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a select finds, by names of columns."""
        text, order, fixed = self._for(connection)
        found = _driver(connection).execute(text, _bound(order, fixed, values))
        return [dict(zip(self._columns, row, strict=True)) for row in found.fetchall()]

    def run(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run an insert or update once for each of `rows`."""
        text, order, fixed = self._for(connection)
        bound = [_bound(order, fixed, row) for row in rows]
        if len(bound) == 1:
            _driver(connection).execute(text, bound[0])
        elif bound:
            _driver(connection).cursor().executemany(text, bound)

    def _for(self, connection: sa.Connection) -> tuple[str, tuple[str, ...] | None, dict[str, Any]]:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect)
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            inserts = isinstance(self._statement, sa.Insert)
            fixed = {} if inserts else {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[dialect.name] = str(compiled), order, fixed
        return found


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _bound(
    order: tuple[str, ...] | None, fixed: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, ...] | dict[str, Any]:
    """The values as the driver wants them: in the order of the placeholders, or by name."""
    if order is None:
        return {**fixed, **values}
    return tuple(fixed[name] if name in fixed else values[name] for name in order)
