"""Whether custodians of the present master key exist, by the signing log, and whether shares are theirs."""

import hmac
from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from natsuin.config import Config
from natsuin.key_backup import SharesRefused, combine
from natsuin.key_management import MasterKey, is_log_key, service_key
from natsuin.sam.log_shards import log_place
from natsuin.signing_log import WholeLog, find_vkey
from natsuin.storage import open_database

_HINT = (
    "Bring those of its newest set. If too few have them, a ceremony `split` makes new ones first; see "
    "docs/ceremonies.md."
)


def require_present(shares: Sequence[str], present: MasterKey, *, hint: str = _HINT) -> None:
    """Raise `SharesRefused` unless the shares give the `present` master key."""
    if not hmac.compare_digest(combine(shares).secret, present.secret):
        raise SharesRefused("the shares give another master key than the present one", hint=hint)


def shares_were_made(entries: Iterable[tuple[int, bytes]]) -> bool:
    """Whether one of these entries of the log, places and bytes, tells that custodians got shares."""
    for _, leaf in entries:
        if b'"ceremony"' in leaf:
            entry = msgspec.json.decode(leaf)
            if entry["type"] == "ceremony" and entry.get("kind") in ("split", "rotate"):
                return True
    return False


def shares_were_made_before(config: Config) -> bool:
    """The same of the log's public files, authenticated, where no sam can be opened.

    The log's verifier keys are taken from DB-2 as they are: while a rotation is unfinished, the seals of its rows are
    of two keys. Raises as `find_vkey` and `WholeLog.open`.
    """
    database = open_database(config.sam.database, name="sam")
    try:
        with database.read() as connection:
            rows = connection.execute(sa.select(service_key.c.purpose, service_key.c.public_key)).all()
    finally:
        database.close()
    publics = [load_der_public_key(public) for purpose, public in rows if is_log_key(purpose)]
    raw = [public.public_bytes_raw() for public in publics if isinstance(public, ed25519.Ed25519PublicKey)]
    with WholeLog.open(config.sam.log_folder, find_vkey(log_place(config), raw)) as log:
        return shares_were_made(log.entries())
