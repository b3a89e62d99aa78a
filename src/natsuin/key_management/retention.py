"""How long openings are kept: until the years of retention are over, counted from the end of the certificate that an
entry's key had last, or from the entry itself if that is later or there is no certificate (ETSI TS 119 431-1,
OVR-6.4.6-01: audit records are kept at least seven years after the certificate).

An entry without a key that commits to a person goes by all keys of that person: a registration is evidence as long as
any certificate is that rests on it. Certificates may come later than entries, so they are looked up when an opening
seems to be due, never when it is written: the way to a signature does not know of retention.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography import x509

from natsuin.clock import from_milliseconds, milliseconds
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.tables import certificate, log_opening, signing_key


class _Fields(msgspec.Struct):
    user: str = ""


_fields_of = msgspec.json.Decoder(_Fields).decode


@dataclass(frozen=True)
class Kept:
    """An opening that is there. `since` is the moment from which its years count, in milliseconds, UTC."""

    tx: str
    key_id: str
    user_id: str
    since: int

    @property
    def subject(self) -> tuple[str, str]:
        """Whose certificates it goes by: a key, or all of a person's, or none."""
        return (self.key_id, "") if self.key_id else ("", self.user_id)


@dataclass(frozen=True)
class Retention:
    """Knows until when openings are kept. Reads only."""

    foundation: Foundation
    years: int

    def horizon(self, moment: datetime) -> int:
        """What has been kept since then or longer may be erased at `moment`; in milliseconds, UTC."""
        return milliseconds(_years_away(moment, -self.years))

    def until(self, since: int) -> datetime:
        """When what has been kept `since` may be erased."""
        return _years_away(from_milliseconds(since), self.years)

    def seemingly_due(self, connection: sa.Connection, moment: datetime, most: int) -> list[Kept]:
        """The oldest openings that are due at `moment` unless a certificate puts them off, at most `most`."""
        query = (
            sa.select(log_opening)
            .where(log_opening.c.kept_since <= self.horizon(moment))
            .order_by(log_opening.c.kept_since)
            .limit(most)
        )
        return [kept_of(row) for row in connection.execute(query).mappings()]

    def put_off(self, connection: sa.Connection, openings: Sequence[Kept]) -> list[Kept]:
        """The same openings, with the moment from which their years really count. Raises `Tampered`."""
        ends: dict[tuple[str, str], int] = {}
        for each in openings:
            if each.subject not in ends:
                ends[each.subject] = self._end(connection, *each.subject)
        return [Kept(each.tx, each.key_id, each.user_id, max(each.since, ends[each.subject])) for each in openings]

    def _end(self, connection: sa.Connection, key_id: str, user_id: str) -> int:
        """The end of the last certificate; 0 if there is none."""
        keys: Iterable[str] = [key_id] if key_id else []
        if user_id:
            keys = connection.execute(sa.select(signing_key.c.key_id).where(signing_key.c.user_id == user_id)).scalars()
        query = sa.select(certificate).where(certificate.c.key_id.in_(list(keys)))
        rows = connection.execute(query).mappings().all()
        ends = (
            x509.load_der_x509_certificate(self.foundation.checked(certificate, row)["der"]).not_valid_after_utc
            for row in rows
        )
        return max(map(milliseconds, ends), default=0)


def kept_of(row: Mapping[str, Any] | sa.RowMapping) -> Kept:
    """A row of `log_opening`, without what it opens."""
    return Kept(row["tx"], row["key_id"], _fields_of(row["fields"]).user, row["kept_since"])


def openings_about(connection: sa.Connection, user_id: str) -> list[Kept]:
    """Every opening that names the person or is about a key of theirs. Reads all openings there are."""
    query = sa.select(signing_key.c.key_id).where(signing_key.c.user_id == user_id)
    keys = set(connection.execute(query).scalars())
    rows = connection.execution_options(yield_per=1000).execute(sa.select(log_opening)).mappings()
    return [each for each in map(kept_of, rows) if each.user_id == user_id or each.key_id in keys]


def _years_away(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # The 29th of February, in a year that has none: nothing is erased a day early.
        return moment.replace(year=moment.year + years, day=28 if years < 0 else 1, month=2 if years < 0 else 3)
