"""What entries of the log commit to, for who may be told: the one place where others read it from DB-2."""

from collections.abc import Mapping

import sqlalchemy as sa

from natsuin.key_management.tables import log_opening
from natsuin.signing_log import commitment_to


def opened_fields(connection: sa.Connection, commitments: Mapping[str, str]) -> dict[str, bytes]:
    """The committed fields (RFC 8785 JSON) of entries, by `tx`, where the opening is there and opens the commitment.

    `commitments` is what the entries say, by `tx`; at most some hundreds at once.
    """
    query = sa.select(log_opening.c.tx, log_opening.c.salt, log_opening.c.fields)
    rows = connection.execute(query.where(log_opening.c.tx.in_(list(commitments))))
    return {tx: fields for tx, salt, fields in rows if commitment_to(tx, salt, fields) == commitments[tx]}
