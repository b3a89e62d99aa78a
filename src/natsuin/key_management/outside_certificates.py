"""Certificates of an outside authority, for keys that wait for one."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from natsuin import base64url
from natsuin.errors import Conflict
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import certificate_row
from natsuin.key_management.key_moves import KeyMoves, Wish
from natsuin.key_management.key_states import ENDED, KeyState, Move, Mover, after
from natsuin.key_management.keys import Keys, StoredKey
from natsuin.key_management.tables import certificate, enrolment, signing_key
from natsuin.sam.protocol import KeyActDone, Subject

Accept = Callable[[tuple[bytes, ...], bytes, Subject], tuple[bytes, tuple[bytes, ...]]]
"""(certificates, public key, subject), DER -> (the key's certificate, its chain). Raises `Refused`."""


@dataclass(frozen=True)
class OutsideCertificates:
    """Checks and installs them. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    moves: KeyMoves
    accept: Accept

    def require_installable(self, key: StoredKey, certificates: tuple[bytes, ...]) -> None:
        """Raise what would refuse these certificates (DER, the key's own first) for `key`."""
        after(KeyState(key.row["state"]), Move.CERTIFY)
        self._accepted(key, certificates)

    def named(self, certificates: tuple[bytes, ...]) -> list[str]:
        """What the record says of them: SHA-256 of each, base64url."""
        return [base64url.encode(hashlib.sha256(der).digest()) for der in certificates]

    def install(self, key: StoredKey, certificates: tuple[bytes, ...], private: dict[str, Any]) -> KeyActDone:
        """Give the key its certificate, which makes it active and ends the key that it replaces."""
        own, chain = self._accepted(key, certificates)
        row = certificate_row(key.key_id, own)
        changes = {"certificate": own, "chain": msgspec.msgpack.encode(chain)}
        wish = Wish(Move.CERTIFY, Mover.OFFICER, "installed", private, changes)
        retiring = Wish(Move.DESTROY, Mover.OWNER, "renewed", private)
        ended = key.row["predecessor"]
        openings = self.moves.prepare(key.key_id, wish), self.moves.prepare(ended, retiring)
        foundation = self.foundation
        with foundation.database.write() as connection:
            if foundation.find(connection, certificate, serial=row["serial"]) is not None:
                raise Conflict("a certificate with this serial number is on record already")
            installed = self.moves.make_in(connection, key.key_id, wish, openings[0])
            foundation.insert(connection, certificate, row)
            old = foundation.find(connection, signing_key, lock=True, key_id=ended)
            if old is not None and not key.row["one_time"] and KeyState(old["state"]) not in ENDED:
                self.moves.make_in(connection, old["key_id"], retiring, openings[1])
            return KeyActDone(key=self.keys.information(connection, installed))

    def _accepted(self, key: StoredKey, certificates: tuple[bytes, ...]) -> tuple[bytes, tuple[bytes, ...]]:
        with self.foundation.database.read() as connection:
            person = self.foundation.find(connection, enrolment, user_id=key.user_id)
        if person is None:
            raise Conflict("the registration of the key's owner is not on record")
        subject = msgspec.json.decode(person["subject"], type=Subject)
        return self.accept(certificates, key.row["public_key"], subject)
