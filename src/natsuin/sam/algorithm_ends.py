"""Telling the operator, when sam starts, which algorithms of stored keys come to their end."""

import sqlalchemy as sa
import structlog

from natsuin.algorithms import KeyAlgorithm
from natsuin.key_management import ENDED, Foundation, signing_key

_log = structlog.get_logger("natsuin.sam")


def warn_of_ends(foundation: Foundation) -> None:
    """One warning for each kind of key of which there is something to say, with the number of keys that live."""
    query = (
        sa.select(signing_key.c.algorithm, sa.func.count())
        .where(signing_key.c.state.not_in([state.value for state in ENDED]))
        .group_by(signing_key.c.algorithm)
    )
    with foundation.database.read() as connection:
        counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    for algorithm in KeyAlgorithm:
        notice = foundation.policy.notice(algorithm, foundation.clock.now())
        if notice is not None and counts.get(algorithm.value):
            _log.warning(
                "sam.algorithm_notice",
                algorithm=algorithm.value,
                notice=notice.kind,
                last_day=notice.last_day.isoformat() if notice.last_day else None,
                keys=counts[algorithm.value],
            )
