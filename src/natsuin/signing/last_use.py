"""When a key was last used, for the lists that people look at."""

from dataclasses import dataclass

import sqlalchemy as sa

from natsuin.key_management import Foundation
from natsuin.signing.tables import instruction


@dataclass(frozen=True)
class LastUse:
    """Reads one sealed row by an index, so it takes as long for a key that signed a million times as for a new one."""

    foundation: Foundation

    def __call__(self, connection: sa.Connection, key_id: str) -> int:
        """When the newest approval was given with which the key signed, in milliseconds, or 0. Raises `Tampered`."""
        columns = instruction.c
        newest = (
            sa.select(instruction)
            .where(columns.key_id == key_id, columns.approved_at > 0, columns.used > 0)
            .order_by(columns.approved_at.desc())
            .limit(1)
        )
        row = connection.execute(newest).mappings().one_or_none()
        return 0 if row is None else int(self.foundation.checked(instruction, row)["approved_at"])
