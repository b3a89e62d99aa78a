"""The last step, by the person alone: the one-time link, a new passkey, and for each key its PIN or recovery code.

What is proved is closed anew for the new passkey, what is given up is destroyed, all in one transaction. Where nothing
is proved, the old keys are lost and a new one is made for the same, newly identified person.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import milliseconds
from natsuin.errors import ApprovalRefused, Conflict, Expired, Malformed, NotFound, Refused, Unavailable
from natsuin.key_management.bound_passkeys import bound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import KeyMaker, KeyWish, NewKey, store
from natsuin.key_management.key_moves import KeyMoves, Wish
from natsuin.key_management.key_states import Move as KeyMove
from natsuin.key_management.key_states import Mover
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, Keys, StoredKey
from natsuin.key_management.lost_passkey.replacements import Replacements, living_keys, unended_keys
from natsuin.key_management.lost_passkey.states import (
    MOST_REFUSALS,
    Move,
    ReplacementOver,
    State,
    Step,
    information,
    lock,
    make_in,
    prepare,
    require_open_in_log,
    require_waited,
)
from natsuin.key_management.lost_passkey.tables import passkey_replacement
from natsuin.key_management.officers import token_hash
from natsuin.key_management.rebinding import Guards, Rebound, rebind, replace_slots
from natsuin.key_management.signer_secrets import (
    ReplacementSecrets,
    SecretOpener,
    WeakPIN,
    acceptable_pin,
    normal_pin,
    normal_recovery_code,
)
from natsuin.key_management.tables import enrolment, officer, signing_key
from natsuin.key_management.vaults import Vault
from natsuin.sam.protocol import (
    HPKE_INFO_REPLACE,
    CompleteReplacement,
    OpenReplacement,
    Passkey,
    ReplacementDone,
    ReplacementOpened,
    Subject,
)

REPEAT_LIFE = timedelta(minutes=10)
"""How long the answer to a completion may be asked for again."""
_GIVEN_UP = "secret-lost"
_CLOSING = "cessationOfOperation"


class LinkUnknown(NotFound):
    """There is no replacement with this token."""

    code = "replacement_unknown"


@dataclass(frozen=True)
class Completions:
    """Ends replacements. Safe from several threads; durable on return."""

    replacements: Replacements
    keys: Keys
    moves: KeyMoves
    maker: KeyMaker
    opener: SecretOpener
    vault: Vault
    forget_approvals: Callable[[sa.Connection, str], None]
    """Cancels, in the transaction, whatever was approved for a key and not signed yet."""
    archived: Callable[[sa.Connection, str], set[str]]
    """The ids of an account's keys of which there are archives, as far as the keys are not ended."""

    @property
    def foundation(self) -> Foundation:
        """Shared by all of sam."""
        return self.keys.foundation

    def open(self, message: OpenReplacement) -> ReplacementOpened:
        """What the person is shown behind the link; with the challenge only once the waiting period is over."""
        with self.foundation.database.read() as connection:
            row = self._linked(connection, message.token)
            subject = self._subject(connection, row["user_id"])
            living = living_keys(self.foundation, connection, row["user_id"])
            keys = tuple(self.keys.information(connection, key) for key in living)
        replacement = information(self.foundation, row)
        challenge = row["challenge"] if replacement.waited else b""
        return ReplacementOpened(replacement=replacement, subject=subject, keys=keys, challenge=challenge)

    def complete(self, message: CompleteReplacement) -> ReplacementDone:
        """Close the proved keys for the new passkey, destroy the others, spend the link.

        A try is counted before any secret is checked, and the fifth that fails ends the replacement. The identical
        message again gets the recorded answer.
        """
        foundation = self.foundation
        with foundation.database.read() as connection:
            earlier = self._completed_earlier(connection, message)
            if earlier is not None:
                return earlier
            row = self._linked(connection, message.token)
            require_waited(foundation, row)
            plan = _Plan(row, unended_keys(foundation, connection, row["user_id"]))
        tries = self._count_try(row["act_id"])
        require_open_in_log(self.foundation, row["act_id"])
        try:
            proved = self._prove(plan, message)
        except (WeakPIN, Unavailable):
            # Nobody learns anything by these, and an honest person would lose tries.
            self._uncount_try(row["act_id"])
            raise
        except Refused as refusal:
            self._tell(row, refusal, tries)
            raise
        try:
            return self._settle(plan, proved, message)
        except (Conflict, Unavailable):
            self._uncount_try(row["act_id"])
            raise

    def _prove(self, plan: "_Plan", message: CompleteReplacement) -> "_Proved":
        """Verify the passkey and every secret. Changes nothing but the count of wrong tries."""
        foundation, row = self.foundation, plan.row
        passkey = foundation.relying_party.verify_registration(message.attestation, row["challenge"])
        self._require_new(plan, passkey)
        secrets = self.opener.open(message.sealed_secrets, HPKE_INFO_REPLACE + row["challenge"], ReplacementSecrets)
        proofs = {proof.key: proof for proof in secrets.proofs}
        living = {key.key_id: key for key in plan.keys if not key.row["one_time"]}
        named = [*proofs, *secrets.given_up]
        if len(named) != len(secrets.proofs) + len(secrets.given_up) or sorted(named) != sorted(living):
            raise Malformed("each key must be named once, proved or given up", hint="Open the link again.")
        if any(proof.slot not in (PIN_SLOT, RECOVERY_SLOT) for proof in secrets.proofs):
            raise Malformed("a key is proved by its PIN or its recovery code")
        code = normal_recovery_code(secrets.recovery_code)
        by_pin = all(proof.slot == PIN_SLOT for proof in secrets.proofs) and bool(secrets.proofs)
        new_pin = "" if by_pin else acceptable_pin(secrets.new_pin)
        guarded = (bound(passkey, foundation.now()),), {passkey.credential_id: passkey.sign_count}
        rebound = []
        for key_id, proof in proofs.items():
            typed = normal_pin(proof.secret) if proof.slot == PIN_SLOT else normal_recovery_code(proof.secret)
            signer_key = self.keys.open_signer_key(living[key_id], proof.slot, typed)
            pin = typed if proof.slot == PIN_SLOT else new_pin
            guards = Guards(*guarded, {PIN_SLOT: pin, RECOVERY_SLOT: code})
            rebound.append(rebind(foundation, self.vault, living[key_id], signer_key, guards))
        fresh = None if rebound else self._make(plan, guarded, new_pin, code)
        return _Proved(passkey, tuple(rebound), tuple(k for k in plan.keys if k.key_id not in proofs), fresh)

    def _make(self, plan: "_Plan", guarded: tuple[Any, Any], pin: str, code: str) -> NewKey:
        """A key in place of those that are lost, of the kind of the newest of them."""
        with self.foundation.database.read() as connection:
            subject = self._subject(connection, plan.row["user_id"])
        kinds = [key.algorithm for key in reversed(plan.keys) if not key.row["one_time"]]
        possible = (*kinds, KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256, *KeyAlgorithm)
        algorithm = next((kind for kind in possible if self._is_usable(kind)), None)
        if algorithm is None:
            raise Unavailable("no kind of key can be made now", hint="Ask your operator which kinds are offered.")
        return self.maker.make(KeyWish(algorithm, plan.row["user_id"], subject, *guarded, pin, code))

    def _is_usable(self, kind: KeyAlgorithm) -> bool:
        try:
            self.maker.require_usable(kind)
        except Refused:
            return False
        return True

    def _settle(self, plan: "_Plan", proved: "_Proved", message: CompleteReplacement) -> ReplacementDone:
        """Everything at once: a crash leaves all as it was, or all done."""
        foundation, row = self.foundation, plan.row
        changes = {
            "completion": _fingerprint(message),
            "passkey": msgspec.json.encode(proved.passkey),
            "expires_at": milliseconds(foundation.clock.now() + REPEAT_LIFE),
        }
        move = Move(Step.COMPLETE, "owner", changes=changes)
        opening = prepare(foundation, row, move)
        ends = [(key, wish, self.moves.prepare(key.key_id, wish)) for key, wish in proved.ends(row)]
        entries = [self._entry(rebound.key.key_id, row) for rebound in proved.rebound]
        # A key that is missing here may come back from an archive, and must not bring the lost passkey with it.
        entries += [self._entry(key_id, row) for key_id in self._missing(row["user_id"])]
        if proved.fresh is not None:
            self._tell_of_new(proved.fresh, row)
        with foundation.database.write() as connection:
            # Before the entries, so that the log tells of nothing that a race then prevents.
            self._require_unchanged(connection, plan)
            moved = make_in(foundation, connection, row["act_id"], move, opening, more=entries)
            for rebound in proved.rebound:
                foundation.update(connection, signing_key, rebound.key.row, **rebound.changes)
                replace_slots(foundation, connection, rebound.key.key_id, rebound.slots)
            for key, wish, end in ends:
                revocation = "" if key.row["one_time"] else _CLOSING
                self.moves.make_in(connection, key.key_id, wish, end, revocation=revocation)
            for key in plan.keys:
                self.forget_approvals(connection, key.key_id)
            if proved.fresh is not None:
                store(foundation, connection, proved.fresh)
            return self._done(connection, moved, proved.passkey)

    def _require_unchanged(self, connection: sa.Connection, plan: "_Plan") -> None:
        """Hold the rows of the replacement and of the keys. Raises `Conflict` if the keys are not those, and as they
        were, when the secrets were proved."""
        # First held, then listed: who makes, imports or restores a key holds one of these rows while it appears.
        lock(self.foundation, connection, plan.row["act_id"])
        for key in plan.keys:
            found = self.foundation.find(connection, signing_key, lock=True, key_id=key.key_id)
            if found is None or not hmac.compare_digest(found["seal"], key.row["seal"]):
                raise Conflict("the key was changed a moment ago", hint="Open the link again.")
        present = {key.key_id for key in unended_keys(self.foundation, connection, plan.row["user_id"])}
        if present != {key.key_id for key in plan.keys}:
            raise Conflict("another key of yours was made a moment ago", hint="Open the link again.")

    def _missing(self, user_id: str) -> list[str]:
        """Keys of the account of which there are archives, and no rows."""
        with self.foundation.database.read() as connection:
            query = sa.select(signing_key.c.key_id).where(signing_key.c.user_id == user_id)
            return sorted(self.archived(connection, user_id) - set(connection.execute(query).scalars()))

    def _entry(self, key_id: str, row: dict[str, Any]) -> dict[str, Any]:
        foundation = self.foundation
        opening = foundation.journal.open(_private(row), key_id=key_id)
        public = {"key": key_id, "replacement": row["act_id"]}
        return foundation.journal.entry("passkeys-replaced", public, opening)

    def _tell_of_new(self, made: NewKey, row: dict[str, Any]) -> None:
        self.foundation.journal.record(
            "key-created",
            public={"key": made.row["key_id"], "algorithm": made.row["algorithm"], "backend": made.row["backend"]},
            private={"user": row["user_id"], "act": row["act_id"], "certificate_serial": made.serial},
        )

    def _count_try(self, act_id: str) -> int:
        """How many tries there were with this one: durable before anything is tried. Raises `ReplacementOver`."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            row = lock(foundation, connection, act_id)
            self._require_open(row)
            tries = int(row["refusals"]) + 1
            if tries <= MOST_REFUSALS:
                foundation.update(connection, passkey_replacement, row, refusals=tries)
                return tries
        self.replacements.end(act_id)
        raise _over()

    def _uncount_try(self, act_id: str) -> None:
        with self.foundation.database.write() as connection:
            row = lock(self.foundation, connection, act_id)
            self.foundation.update(connection, passkey_replacement, row, refusals=max(row["refusals"] - 1, 0))

    def _tell(self, row: dict[str, Any], refusal: Refused, tries: int) -> None:
        public = {"replacement": row["act_id"], "reason": refusal.code}
        private = {"user": row["user_id"], "act": row["act_id"]}
        self.foundation.journal.record("replacement-refused", public=public, private=private)
        if tries >= MOST_REFUSALS:
            self.replacements.end(row["act_id"])

    def _linked(self, connection: sa.Connection, token: str) -> dict[str, Any]:
        """The replacement that this link belongs to, open. Raises `LinkUnknown`, `ReplacementOver`."""
        row = self.foundation.find(connection, passkey_replacement, token_hash=token_hash(token))
        if row is None:
            raise LinkUnknown("this service made no such link", hint="Open it exactly as you were given it.")
        self._require_open(row)
        return row

    def _require_open(self, row: dict[str, Any]) -> None:
        if row["state"] != State.WAITING:
            raise _over()
        if row["expires_at"] < self.foundation.now():
            raise Expired("the time of this link is over", hint="Ask a registration officer to begin again.")

    def _require_new(self, plan: "_Plan", passkey: Passkey) -> None:
        """Raise `ApprovalRefused` for a passkey that is on record: one that was lost, or an officer's."""
        known = {name for key in plan.keys for name in key.credential_ids}
        with self.foundation.database.read() as connection:
            officers = self.foundation.find(connection, officer, credential_id=passkey.credential_id)
        if passkey.credential_id in known or officers is not None:
            raise ApprovalRefused(
                "this passkey is on record already", hint="Make a new one, on a device that you hold."
            )

    def _subject(self, connection: sa.Connection, user_id: str) -> Subject:
        row = self.foundation.find(connection, enrolment, user_id=user_id)
        if row is None:
            raise Conflict("the registration of the person is not on record", hint="Register the person again.")
        return msgspec.json.decode(row["subject"], type=Subject)

    def _completed_earlier(self, connection: sa.Connection, message: CompleteReplacement) -> ReplacementDone | None:
        row = self.foundation.find(connection, passkey_replacement, token_hash=token_hash(message.token))
        if row is None or row["state"] != State.COMPLETED or row["expires_at"] < self.foundation.now():
            return None
        if not hmac.compare_digest(row["completion"], _fingerprint(message)):
            return None
        return self._done(connection, row, msgspec.json.decode(row["passkey"], type=Passkey), replayed=True)

    def _done(
        self, connection: sa.Connection, row: dict[str, Any], passkey: Passkey, *, replayed: bool = False
    ) -> ReplacementDone:
        living = living_keys(self.foundation, connection, row["user_id"])
        return ReplacementDone(
            replacement=information(self.foundation, row),
            passkey=passkey,
            keys=tuple(self.keys.information(connection, key) for key in living),
            replayed=replayed,
        )


@dataclass(frozen=True)
class _Plan:
    """A replacement whose waiting period is over, and every key that is not ended, oldest first."""

    row: dict[str, Any]
    keys: tuple[StoredKey, ...]


@dataclass(frozen=True)
class _Proved:
    """What the person showed: the new passkey, keys closed for it, keys given up, and a new one where none is left."""

    passkey: Passkey
    rebound: tuple[Rebound, ...]
    lost: tuple[StoredKey, ...]
    fresh: NewKey | None = field(repr=False)

    def ends(self, row: dict[str, Any]) -> list[tuple[StoredKey, Wish]]:
        """The keys that are not kept, and how they end."""
        private = {**_private(row), "officer": "", "note": ""}
        reasons = [(key, "one-time" if key.row["one_time"] else _GIVEN_UP) for key in self.lost]
        return [(key, Wish(KeyMove.DESTROY, Mover.SERVICE, reason, private)) for key, reason in reasons]


def _private(row: dict[str, Any]) -> dict[str, Any]:
    """What entries about the keys of a replacement commit to."""
    return {"act": row["act_id"], "user": row["user_id"]}


def _over() -> ReplacementOver:
    return ReplacementOver("this link was used, or cancelled", hint="Ask a registration officer if it was not you.")


def _fingerprint(message: CompleteReplacement) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(message)).digest()
