"""Taking in a key that an authority made: proposed and approved by an officer, then approved by its owner.

The owner approves with passkey and PIN of a key that they have here; the new key has the same owner, passkeys and PIN
and a recovery code of its own. It is opened from its envelope twice, when it is proposed and when it is taken in, with
every check both times; between the two only the envelope is kept.
"""

import hashlib
import os
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography import x509

from natsuin import faults
from natsuin.algorithm_policy import Act as PolicyAct
from natsuin.algorithms import DEFAULT_SCHEME, FACTS
from natsuin.certification import OutsideCertificate, check_outside_certificate
from natsuin.errors import (
    AlreadyUsed,
    ApprovalRefused,
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    Refused,
    Tampered,
)
from natsuin.key_management.bound_passkeys import decode_counts
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import KeyMaker, KeyWish, NewKey, store
from natsuin.key_management.keys import PIN_SLOT, Keys, StoredKey
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.officers import Officers
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.sealed_envelope import EnvelopeOpener, OpenedEnvelope
from natsuin.key_management.signer_secrets import EnrolmentSecrets, SecretOpener, normal_pin
from natsuin.key_management.tables import certificate, enrolment, key_import, officer, signing_key, used_envelope
from natsuin.key_management.vaults import PrivateKey, WrongSignature, load_public_key, verify_signature
from natsuin.key_management.vaults.operations import sign_with
from natsuin.key_management.weak_keys import KeyKnown, SoundKey, WeakKey, check_strength, stored_public_keys
from natsuin.sam.protocol import (
    HPKE_INFO_IMPORT,
    Act,
    ApproveKeyImport,
    KeyImportStep,
    ListWaitingActs,
    ProposeKeyImport,
    Subject,
    WaitingAct,
)

LIFE = timedelta(hours=24)
"""Officer and owner seldom sit beside each other."""
MOST_REFUSALS = 5
"""So many refused approvals end an act."""
MOST_LISTED = 200
"""Open acts in one list."""
ENTRY = "key-imported"


class ImportOff(Forbidden):
    """This service takes in no keys that were made elsewhere."""

    code = "key_import_off"


@dataclass(frozen=True)
class Candidate:
    """A key from an envelope that passed every check just now."""

    opened: OpenedEnvelope
    private_key: PrivateKey
    sound: SoundKey
    accepted: OutsideCertificate

    @property
    def serial(self) -> str:
        """Of its certificate, lower-case hexadecimal."""
        return f"{x509.load_der_x509_certificate(self.accepted.certificate).serial_number:x}"


@dataclass(frozen=True)
class KeyImports:
    """Records imports and carries them out. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    keys: Keys
    maker: KeyMaker
    opener: SecretOpener
    envelopes: EnvelopeOpener | None
    """None where import is switched off."""

    _taking_in: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def propose(self, message: ProposeKeyImport) -> Act:
        """The record that officer and owner must approve. Refuses at once what could not be taken in."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            approver = self.officers.require(connection, message.officer_id, Duty.TAKE_IN_KEYS)
            key = self._guarding(connection, message.key_id, message.user_id)
        found = self._examine(message.envelope, key.user_id)
        fields = {
            "officer": message.officer_id,
            "user": key.user_id,
            "key": key.key_id,
            "envelope": found.opened.name,
            "authority_sha256": _sha256(found.opened.anchor),
            "certificate_sha256": _sha256(found.accepted.certificate),
            "algorithm": found.sound.algorithm.value,
        }
        record = make_record("import-key", foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)
        row = {
            "act_id": record.identifier,
            "key_id": key.key_id,
            "user_id": key.user_id,
            "officer_id": message.officer_id,
            "approved_at": 0,
            "envelope": message.envelope,
            "record": record.content,
            "refusals": 0,
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            self._forget_expired(connection)
            foundation.insert(connection, key_import, row)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=(approver["credential_id"], *key.credential_ids),
            expires_at=record.expires_at,
        )

    def approve(self, message: ApproveKeyImport) -> KeyImportStep:
        """Take one approval; with the owner's take the key in. Each refusal is in the log, five end the act."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            act = foundation.find(connection, key_import, act_id=message.act_id)
            if act is None or message.by not in ("", act["officer_id"], act["user_id"]):
                raise NotFound("there is no such act to approve", hint="Begin again.")
            if act["used_at"]:
                raise AlreadyUsed("this was approved, or refused too often, before", hint="Begin again.")
            if act["expires_at"] < foundation.now():
                raise Expired("the time for this has passed", hint="Begin again.")
            approver = self.officers.require(connection, act["officer_id"], Duty.TAKE_IN_KEYS)
        by_officer = message.assertion.credential_id == approver["credential_id"]
        try:
            if message.by not in ("", act["officer_id"] if by_officer else act["user_id"]):
                raise ApprovalRefused("this is not your passkey", hint="Approve with your own.")
            if by_officer:
                return self._take_officers(act, approver, message)
            return self._take_owners(act, message)
        except Refused as refusal:
            self._note_refusal(act["act_id"], refusal)
            raise

    def waiting(self, message: ListWaitingActs) -> tuple[WaitingAct, ...]:
        """The acts that are open: all for an officer, for an owner those that the officer approved."""
        foundation = self.foundation
        query = sa.select(key_import).where(key_import.c.used_at == 0, key_import.c.expires_at >= foundation.now())
        if message.act_id:
            query = query.where(key_import.c.act_id == message.act_id)
        if message.user_id or not message.act_id:
            # What nobody approved is found by who began it; listed, a few hundred would hide all others.
            query = query.where(key_import.c.approved_at > 0)
        if message.user_id:
            query = query.where(key_import.c.user_id == message.user_id)
        with foundation.database.read() as connection:
            found = connection.execute(query.order_by(key_import.c.expires_at).limit(MOST_LISTED)).mappings()
            rows = [foundation.checked(key_import, row) for row in found]
            if message.user_id:
                able = [(row, self._passkeys(connection, row)) for row in rows]
                return tuple(_waiting(row, passkeys) for row, passkeys in able if passkeys)
            asking = self.officers.require(connection, message.officer_id, Duty.TAKE_IN_KEYS)
        own = (asking["credential_id"],)
        turn = [row["officer_id"] == message.officer_id and not row["approved_at"] for row in rows]
        return tuple(_waiting(row, own if now else ()) for row, now in zip(rows, turn, strict=True))

    def _passkeys(self, connection: sa.Connection, act: dict[str, Any]) -> tuple[bytes, ...]:
        """Those that approve as the owner; none where their key was lost meanwhile."""
        try:
            return self.keys.get(connection, act["key_id"], act["user_id"]).credential_ids
        except (NotFound, Tampered):
            return ()

    def _take_officers(self, act: dict[str, Any], approver: dict[str, Any], message: ApproveKeyImport) -> KeyImportStep:
        foundation = self.foundation
        if act["approved_at"]:
            raise AlreadyUsed("the officer approved it before", hint="The owner must.")
        count = self.officers.verify_approval(approver, act["record"], message.assertion)
        with foundation.database.write() as connection:
            taken = foundation.update(connection, key_import, act, approved_at=foundation.now())
            if not (taken and foundation.update(connection, officer, approver, sign_count=count)):
                raise Conflict("another approval was a moment earlier", hint="Approve again.")
        return KeyImportStep(waiting_for=(act["user_id"],))

    def _take_owners(self, act: dict[str, Any], message: ApproveKeyImport) -> KeyImportStep:
        foundation = self.foundation
        if not act["approved_at"]:
            raise Forbidden("the officer approves before the owner does", hint="Wait for the officer.")
        with foundation.database.read() as connection:
            key = self._guarding(connection, act["key_id"], act["user_id"])
        sign_counts = self.keys.verify_owner(key, act["record"], message.assertion)
        with foundation.database.write() as connection:
            # Spent before the PIN is tried, so one assertion is one try.
            spent = foundation.update(connection, key_import, act, used_at=foundation.now(), envelope=b"")
            if not (spent and foundation.update(connection, signing_key, key.row, sign_counts=sign_counts)):
                raise Conflict("another approval was a moment earlier", hint="Begin again.")
        info = HPKE_INFO_IMPORT + challenge_of(act["record"])
        secrets = self.opener.open(message.sealed_secrets, info, EnrolmentSecrets)
        self.keys.open_signer_key(key, PIN_SLOT, normal_pin(secrets.pin))
        # One at a time, or two keys that share a prime would each be compared with a store without the other.
        with self._taking_in:
            found = self._examine(act["envelope"], act["user_id"])
            wish = KeyWish(
                algorithm=found.sound.algorithm,
                user_id=key.user_id,
                subject=self._subject(key.user_id),
                passkeys=key.passkeys,
                sign_counts=decode_counts(sign_counts),
                pin=secrets.pin,
                recovery_code=secrets.recovery_code,
            )
            made = self.maker.take_in(wish, found.private_key, found.accepted.certificate, found.accepted.chain)
            return self._keep(act, found, made, guarding=key)

    def _keep(self, act: dict[str, Any], found: Candidate, made: NewKey, *, guarding: StoredKey) -> KeyImportStep:
        """Write the key and spend the envelope, the entry in the log before both."""
        foundation, name = self.foundation, found.opened.name
        opening = foundation.journal.open(_private(act, found), key_id=made.row["key_id"])
        public = {
            "key": made.row["key_id"],
            "algorithm": made.row["algorithm"],
            "backend": made.row["backend"],
            "envelope": name,
        }
        spent = {"name": name, "key_id": made.row["key_id"], "used_at": foundation.now()}
        with foundation.database.write() as connection:
            foundation.find(connection, signing_key, lock=True, key_id=guarding.key_id)
            current = self._guarding(connection, act["key_id"], act["user_id"])
            if current.row["passkeys"] != guarding.row["passkeys"]:
                raise Conflict("the passkeys of the key were changed a moment ago", hint="Begin again.")
            try:
                foundation.insert(connection, used_envelope, spent)
            except sa.exc.IntegrityError as error:
                raise _used() from error
            known = sa.select(signing_key.c.key_id).where(signing_key.c.public_key == found.sound.spki)
            if connection.execute(known).first() is not None:
                raise KeyKnown("this key is here already", hint="A key is taken in once.")
            if foundation.find(connection, certificate, serial=found.serial) is not None:
                raise Conflict("a certificate with this serial number is on record already")
            foundation.journal.log.add(foundation.journal.entry("key-imported", public, opening))
            faults.point("import.after_entry")
            store(foundation, connection, made)
            return KeyImportStep(waiting_for=(), key=self.keys.information(connection, StoredKey(made.row)))

    def _examine(self, envelope: bytes, user_id: str) -> Candidate:
        """The key in `envelope`, if everything about it is right now. Raises what refuses it."""
        if self.envelopes is None:
            raise ImportOff("this service takes in no keys that were made elsewhere", hint="Make a key here.")
        foundation = self.foundation
        now = foundation.clock.now()
        opened = self.envelopes.open(envelope, user_id, now)
        self._require_unused(opened.name)
        sound = check_strength(opened.key.public_key, others=stored_public_keys(foundation))
        private_key = opened.key.private_key
        if not isinstance(private_key, PrivateKey):
            raise WeakKey("this kind of key is not used here")
        foundation.policy.require(PolicyAct.IMPORT, sound.algorithm, now)
        accepted = check_outside_certificate(
            opened.key.certificates,
            public_key=sound.spki,
            subject=self._subject(user_id),
            # An authority hands over keys that it certified itself, not another one's.
            roots=(opened.anchor,),
            at=now,
        )
        leaf = x509.load_der_x509_certificate(accepted.certificate)
        foundation.policy.require_certificate(sound.algorithm, leaf.not_valid_after_utc)
        _prove_possession(private_key, sound)
        return Candidate(opened, private_key, sound, accepted)

    def _require_unused(self, name: str) -> None:
        """Raise `AlreadyUsed` if a key was taken from this envelope, whatever became of it or of DB-2 since."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            if foundation.find(connection, used_envelope, name=name) is not None:
                raise _used()
        sought = name.encode()
        for _, leaf in foundation.journal.log.entries():
            if sought in leaf and msgspec.json.decode(leaf)["type"] == ENTRY:
                raise _used()

    def _guarding(self, connection: sa.Connection, key_id: str, user_id: str) -> StoredKey:
        """The key whose owner, passkeys and PIN the new one gets. Raises `NotFound`, `Conflict`."""
        key = self.keys.get(connection, key_id, user_id)
        key.require_active()
        if key.row["one_time"]:
            raise Conflict("a key for one instruction guards no other", hint="Use a lasting key.")
        return key

    def _subject(self, user_id: str) -> Subject:
        with self.foundation.database.read() as connection:
            row = self.foundation.find(connection, enrolment, user_id=user_id)
        if row is None:
            raise Conflict("the registration of the key's owner is not on record")
        return msgspec.json.decode(row["subject"], type=Subject)

    def _forget_expired(self, connection: sa.Connection) -> None:
        query = sa.select(key_import).where(
            key_import.c.expires_at < self.foundation.now(), sa.func.length(key_import.c.envelope) > 0
        )
        for row in connection.execute(query).mappings().all():
            self.foundation.update(connection, key_import, self.foundation.checked(key_import, row), envelope=b"")

    def _note_refusal(self, act_id: str, refusal: Refused) -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            act = foundation.find(connection, key_import, lock=True, act_id=act_id)
            if act is None or act["refusals"] >= MOST_REFUSALS:
                return
            changes: dict[str, Any] = {"refusals": act["refusals"] + 1}
            if changes["refusals"] >= MOST_REFUSALS:
                changes |= {"used_at": act["used_at"] or foundation.now(), "envelope": b""}
            foundation.update(connection, key_import, act, **changes)
        public = {"key": act["key_id"], "reason": refusal.code}
        foundation.journal.record("key-import-refused", public=public, private={"act": act_id})


def _waiting(act: dict[str, Any], credential_ids: tuple[bytes, ...]) -> WaitingAct:
    return WaitingAct(
        act_id=act["act_id"],
        kind="import",
        key_id=act["key_id"],
        user_id=act["user_id"],
        officers=(act["officer_id"],),
        approved_by=(act["officer_id"],) if act["approved_at"] else (),
        record=act["record"],
        challenge=challenge_of(act["record"]),
        credential_ids=credential_ids,
        expires_at=act["expires_at"],
    )


def _prove_possession(private_key: PrivateKey, sound: SoundKey) -> None:
    """Sign something new with the private key and check it with the public one. Raises `WeakKey`."""
    scheme = DEFAULT_SCHEME[sound.algorithm]
    facts = FACTS[scheme]
    dtbs = hashlib.new(facts.hash_name, os.urandom(32)).digest()
    try:
        verify_signature(load_public_key(sound.spki), dtbs, sign_with(private_key, dtbs, scheme), scheme)
    except (WrongSignature, ValueError) as error:
        raise WeakKey("the private key does not sign for its certificate") from error


def _private(act: dict[str, Any], found: Candidate) -> dict[str, Any]:
    """What the entry of an import commits to."""
    return {
        "act": act["act_id"],
        "user": act["user_id"],
        "officer": act["officer_id"],
        "authority": _sha256(found.opened.anchor),
        "certificate_serial": found.serial,
        "other_copies": found.opened.header.other_copies,
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _used() -> AlreadyUsed:
    return AlreadyUsed("a key was taken from this envelope before", hint="An envelope is good once.")
