"""A new key pair for a person who has one: for good, replacing the old, or for one instruction.

Both need the passkey and the PIN of the key that there is. The new key has the same owner, name, passkey and PIN.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from natsuin import faults
from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import Conflict, Malformed
from natsuin.key_management.bound_passkeys import decode_counts
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import KeyMaker, KeyWish, store
from natsuin.key_management.key_moves import KeyMoves, Wish
from natsuin.key_management.key_states import KeyState, Move, Mover
from natsuin.key_management.keys import PIN_SLOT, Keys, StoredKey
from natsuin.key_management.signer_secrets import EnrolmentSecrets, PINSecret, SecretOpener, normal_pin
from natsuin.key_management.tables import enrolment, signing_key
from natsuin.sam.protocol import HPKE_INFO_RENEW, KeyActDone, ProposeKeyAct, Subject


@dataclass(frozen=True)
class Renewals:
    """Makes further keys of a person. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    moves: KeyMoves
    maker: KeyMaker
    opener: SecretOpener

    def require_possible(self, key: StoredKey, algorithm: str) -> None:
        """Raise what would refuse a new key in place of, or beside, `key`."""
        key.require_active()
        if key.row["one_time"]:
            raise Conflict("a key for one instruction has no successor", hint="Use your lasting key.")
        try:
            wanted = KeyAlgorithm(algorithm or key.algorithm)
        except ValueError as error:
            raise Malformed("the key algorithm is not known", hint="Leave it out to keep the present one.") from error
        self.maker.require_usable(wanted)

    def carry_out(
        self, key: StoredKey, request: ProposeKeyAct, challenge: bytes, sealed: bytes, private: dict[str, Any]
    ) -> KeyActDone:
        """Check the PIN with the present key, make the new one, and for a renewal end the present one.

        Both happen in one transaction; a crash before it leaves at most entries of a key that was never kept.
        """
        one_time = request.act == "one-time"
        if one_time:
            pin, recovery_code = self.opener.open(sealed, HPKE_INFO_RENEW + challenge, PINSecret).pin, None
        else:
            secrets = self.opener.open(sealed, HPKE_INFO_RENEW + challenge, EnrolmentSecrets)
            pin, recovery_code = secrets.pin, secrets.recovery_code
        self.keys.open_signer_key(key, PIN_SLOT, normal_pin(pin))
        foundation = self.foundation
        wish = KeyWish(
            algorithm=KeyAlgorithm(request.algorithm or key.algorithm),
            user_id=key.user_id,
            subject=self._subject(key.user_id),
            passkeys=key.passkeys,
            sign_counts=decode_counts(key.row["sign_counts"]),
            pin=pin,
            recovery_code=recovery_code,
            one_time=one_time,
            predecessor=key.key_id,
            # An officer decided that this person's key lives in the token, and nobody else may fill it.
            resident=key.resident and not one_time,
        )
        made = self.maker.make(wish)
        foundation.journal.record(
            "key-created",
            public={"key": made.row["key_id"], "algorithm": wish.algorithm.value, "backend": made.row["backend"]},
            private={
                "user": key.user_id,
                "act": private["act"],
                "predecessor": key.key_id,
                "certificate_serial": made.serial,
            },
        )
        faults.point("renewal.after_created")
        retiring = Wish(Move.DESTROY, Mover.OWNER, "renewed", private)
        opening = None if one_time else self.moves.prepare(key.key_id, retiring)
        with foundation.database.write() as connection:
            current = foundation.find(connection, signing_key, lock=True, key_id=key.key_id)
            # The new key gets the passkeys that were asked, which must not have been replaced since.
            if current is None or current["state"] != KeyState.ACTIVE or current["passkeys"] != key.row["passkeys"]:
                raise Conflict("the key was changed a moment ago", hint="Look at the key's state, then begin again.")
            store(foundation, connection, made)
            old = StoredKey(current)
            if opening is not None and made.row["state"] == KeyState.ACTIVE:
                # A key that waits for an outside certificate ends its predecessor when that is installed.
                old = self.moves.make_in(connection, key.key_id, retiring, opening)
            return KeyActDone(
                key=self.keys.information(connection, old),
                made=self.keys.information(connection, StoredKey(made.row)),
            )

    def _subject(self, user_id: str) -> Subject:
        with self.foundation.database.read() as connection:
            row = self.foundation.find(connection, enrolment, user_id=user_id)
        if row is None:
            raise Conflict("the registration of the key's owner is not on record")
        return msgspec.json.decode(row["subject"], type=Subject)
