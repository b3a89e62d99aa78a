"""The PKCS#11 vault: keys under a wrapping key that never leaves a token, used inside the token.

    what is sealed = mark, AES-256-GCM(key from the master key, header and what the token wrapped, mark and binding)

The token's own wrapping keeps the private key from sam; it says nothing about whose key it is. The layer around it
does: it opens with the same binding only, so that two people's keys cannot be exchanged, and not without the master
key.

A key that lives in the token (resident) is treated in the same way, with its name in the token in the place of what the
token wrapped: whoever holds the token's PIN could use it there without any of this.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm, SignatureScheme
from natsuin.errors import NatsuinError, Tampered
from natsuin.key_management.hsm import messages
from natsuin.key_management.hsm.line import TokenLine, TokenSettings
from natsuin.key_management.hsm.methods import finished, method_of
from natsuin.key_management.hsm.refusals import AlgorithmNotOffered, VaultInterrupted, VaultUnavailable
from natsuin.key_management.master_key import MasterKey
from natsuin.key_management.vaults.operations import ImportNotOffered, PrivateKey, load_public_key, verify_signature
from natsuin.key_management.vaults.token_keys import token_key

_MARK = b"natsuin/token/v1\0"
"""Tells what this vault sealed from what the software vault did, which begins with random bytes."""
_NONCE_BYTES = 12
_IN_A_CALL = 50
"""Digests that the token is given at once, since the deadline of a call stands for a token that hangs: a batch of a
thousand on a slow one must not look like that."""
_PURPOSE = "pkcs11-vault"
_RESIDENT_MARK = b"natsuin/resident/v1\0"
"""The same for a key that lives in the token."""
BACKEND, RESIDENT_BACKEND = "pkcs11", "pkcs11-resident"
"""As keys, entries and evidence state it."""
_decode = msgspec.msgpack.Decoder(messages.Wrapped).decode
_decode_resident = msgspec.msgpack.Decoder(messages.Resident).decode

Signer = Callable[[messages.Method, Sequence[bytes]], tuple[bytes, ...]]


@dataclass(frozen=True)
class _Open:
    """A key that is opened in the token for each call, and destroyed there before the call returns."""

    public_key: bytes
    use: Signer = field(repr=False)

    @property
    def private_key(self) -> PrivateKey:
        return token_key(load_public_key(self.public_key), lambda method, digest: self.use(method, [digest])[0])

    def sign(self, dtbs: bytes, scheme: SignatureScheme) -> bytes:
        return self.sign_all([dtbs], scheme)[0]

    def sign_all(
        self, dtbs: Sequence[bytes], scheme: SignatureScheme, salt_bytes: int | None = None
    ) -> tuple[bytes, ...]:
        method = method_of(scheme, salt_bytes)
        made: list[bytes] = []
        for start in range(0, len(dtbs), _IN_A_CALL):
            try:
                made += self.use(method, dtbs[start : start + _IN_A_CALL])
            except VaultUnavailable as error:
                if not made:
                    raise
                raise VaultInterrupted("the token went away in the middle of a batch", hint=error.hint) from error
        return tuple(finished(method, raw) for raw in made)

    def prove(self, algorithm: KeyAlgorithm) -> None:
        """Sign with the key and check it: a key that does not come back from its wrapping must not be certified."""
        scheme = DEFAULT_SCHEME[algorithm]
        dtbs = hashlib.new(FACTS[scheme].hash_name, os.urandom(32)).digest()
        verify_signature(load_public_key(self.public_key), dtbs, self.sign(dtbs, scheme), scheme)


@dataclass(frozen=True)
class _Fresh(_Open):
    wrapped: messages.Wrapped
    cipher: AESGCM = field(repr=False)
    backend: str = BACKEND

    @property
    def wrapping_key(self) -> str:
        return self.wrapped.wrapping_key.hex()

    def seal(self, binding: bytes) -> bytes:
        return _sealed(self.cipher, self.wrapped, binding)


@dataclass(frozen=True)
class _FreshResident(_Open):
    resident: messages.Resident
    cipher: AESGCM = field(repr=False)
    backend: str = RESIDENT_BACKEND
    wrapping_key: str = ""

    def seal(self, binding: bytes) -> bytes:
        return _sealed(self.cipher, self.resident, binding)


class PKCS11Vault:
    """Keys in a token. Claims no more about the token than the token says itself."""

    name = BACKEND
    keeps_resident = True

    def __init__(self, master: MasterKey, settings: TokenSettings, stop: Callable[[NatsuinError], None]) -> None:
        """Start the worker, log in once, try out the token. Raises what refuses it. `stop`: see `TokenLine`."""
        self._cipher = AESGCM(master.derive(_PURPOSE))
        self._settings = settings
        proofs = [_unsealed(self._cipher, sealed, _proof_binding(name)) for name, sealed in settings.proofs.items()]
        self._line = TokenLine(settings, stop, [proof for proof in proofs if isinstance(proof, messages.Wrapped)])
        begun = self._line.open()
        self.algorithms = frozenset(KeyAlgorithm(name) for name in begun.algorithms)
        self.facts: Mapping[str, object] = {
            "manufacturer": begun.manufacturer,
            "model": begun.model,
            "label": begun.label,
            "weaknesses": list(begun.weaknesses),
            "unwraps_extractable": begun.unwraps_extractable,
            "locks_open_keys": begun.locks_open_keys,
        }

    @contextmanager
    def generate(self, algorithm: KeyAlgorithm) -> Iterator[_Fresh]:
        """Make a key pair of `algorithm` in the token, and prove that it can be opened again."""
        self._require(algorithm)
        made = self._line.ask(messages.Generate(algorithm.value, self._settings.wrapping_key))
        if not isinstance(made, messages.Made):
            raise VaultInterrupted("the vault worker gave no key")
        fresh = _Fresh(made.key.public_key, self._user_of(made.key), made.key, self._cipher)
        fresh.prove(algorithm)
        yield fresh

    def import_key(self, private_key: PrivateKey) -> AbstractContextManager[_Fresh]:
        """Refuses: a key that was in somebody's memory is none that never left a token."""
        raise ImportNotOffered(
            "imported keys are kept in software, and this server keeps keys in a token",
            hint="Make a new key here instead.",
        )

    @contextmanager
    def open(self, sealed: bytes | bytearray, binding: bytes) -> Iterator[_Open]:
        """A key that `seal` closed. Raises `Tampered` if it or its binding changed."""
        held = self._unsealed(sealed, binding)
        yield _Open(held.public_key, self._user_of(held))

    def rebind(self, sealed: bytes, binding: bytes, new_binding: bytes) -> bytes:
        """The same key for other names; the token is not asked. Raises `Tampered` as `open` does."""
        return _sealed(self._cipher, self._unsealed(sealed, binding), new_binding)

    def wrapping_key_of(self, sealed: bytes, binding: bytes) -> str:
        """CKA_ID, in hexadecimal, of the wrapping key that a sealed key lies under; empty for a resident one. Raises
        `Tampered` as `open` does."""
        held = self._unsealed(sealed, binding)
        return held.wrapping_key.hex() if isinstance(held, messages.Wrapped) else ""

    @staticmethod
    def sealed_here(sealed: bytes | bytearray) -> bool:
        """Whether a vault of this kind sealed it."""
        return sealed.startswith((_MARK, _RESIDENT_MARK))

    @contextmanager
    def generate_resident(self, algorithm: KeyAlgorithm, identifier: str) -> Iterator[_FreshResident]:
        """Make a key that stays in the token; durable at once, and destroyed if the block ends with an error.

        Raises `Conflict` if there is one with this identifier.
        """
        self._require(algorithm)
        made = self._line.ask(messages.MakeResident(identifier, algorithm.value))
        if not isinstance(made, messages.Resident):
            raise VaultInterrupted("the vault worker gave no key")
        try:
            fresh = _FreshResident(made.public_key, self._user_of(made), made, self._cipher)
            fresh.prove(algorithm)
            yield fresh
        except BaseException:
            # If the token is away too, housekeeping destroys it later.
            with suppress(NatsuinError):
                self.destroy_resident(identifier)
            raise

    def resident_keys(self) -> messages.Residents:
        """The keys that live in the token, by identifier, and those of which only one half is there."""
        found = self._line.ask(messages.ListResident())
        if not isinstance(found, messages.Residents):
            raise VaultInterrupted("the vault worker gave no list")
        return found

    @contextmanager
    def open_resident(self, key: messages.Resident) -> Iterator[_Open]:
        """A key that lives in the token. It may be another one than the caller means: verify what it signs with the
        public key on record. Raises `ResidentKeyMissing` when it is used."""
        yield _Open(key.public_key, self._user_of(key))

    def destroy_resident(self, identifier: str) -> None:
        """Destroy a key in the token for ever; durable on return. Raises `NotFound`."""
        self._line.ask(messages.DestroyResident(identifier))

    def make_wrapping_key(self, identifier: bytes) -> None:
        """Make a further wrapping key, and prove that keys can lie under it; durable on return. Only in a ceremony.

        Raises `Conflict` if the token has one with this CKA_ID, `VaultRefused` if it makes none that is as it must be.
        """
        self._line.ask(messages.MakeWrappingKey(identifier))
        self._line.ask(messages.TryWrappingKey(identifier, self._settings.allow_weak_token))

    def make_proof(self, identifier: bytes) -> bytes:
        """A sealed key under this wrapping key, for `TokenSettings.proofs`: another wrapping key of this name is found
        out from now on, when a worker begins and before a session first uses it."""
        return _sealed(self._cipher, self._line.make_proof(identifier), _proof_binding(identifier.hex()))

    def has_wrapping_key(self, identifier: bytes) -> bool:
        """Whether the token has a wrapping key, of this installation or another, with this CKA_ID."""
        counted = self._line.ask(messages.CountWrappingKeys(identifier))
        return not isinstance(counted, messages.Counted) or counted.objects > 0

    def destroy_wrapping_key(self, identifier: bytes) -> None:
        """Destroy a wrapping key, and with it whatever lies under it; durable on return. Only in a ceremony. Raises
        `NotFound`."""
        self._line.ask(messages.DestroyWrappingKey(identifier))

    def count_objects(self) -> int:
        """Objects in the token that a session can see; no use of the service changes their number."""
        counted = self._line.ask(messages.Count())
        return counted.objects if isinstance(counted, messages.Counted) else -1

    def check(self) -> None:
        """Raise `VaultUnavailable` if no key could be used now."""
        self._line.check()

    def close(self) -> None:
        """Log out and end the worker."""
        self._line.close()

    @property
    def worker_pid(self) -> int:
        """The process that is logged in to the token; 0 while there is none."""
        return self._line.worker_pid

    def _require(self, algorithm: KeyAlgorithm) -> None:
        if algorithm not in self.algorithms:
            offered = ", ".join(sorted(self.algorithms))
            raise AlgorithmNotOffered(
                f"the token does not offer keys of {algorithm.value}", hint=f"Choose one of {offered}."
            )

    def _unsealed(self, sealed: bytes | bytearray, binding: bytes) -> messages.Wrapped | messages.Resident:
        return _unsealed(self._cipher, sealed, binding)

    def _user_of(self, held: messages.Wrapped | messages.Resident) -> Signer:
        if isinstance(held, messages.Resident):
            name = held.identifier
            return lambda method, dtbs: self._signatures(messages.UseResident(name, method, tuple(dtbs)))
        return lambda method, dtbs: self._signatures(messages.Use(held, method, tuple(dtbs)))

    def _signatures(self, request: messages.Use | messages.UseResident) -> tuple[bytes, ...]:
        answer = self._line.ask(request)
        if not isinstance(answer, messages.Signatures) or len(answer.values) != len(request.dtbs):
            raise VaultInterrupted("the vault worker gave another number of signatures")
        return answer.values


def _sealed(cipher: AESGCM, held: messages.Wrapped | messages.Resident, binding: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    mark = _RESIDENT_MARK if isinstance(held, messages.Resident) else _MARK
    return mark + nonce + cipher.encrypt(nonce, msgspec.msgpack.encode(held), mark + binding)


def _unsealed(cipher: AESGCM, sealed: bytes | bytearray, binding: bytes) -> messages.Wrapped | messages.Resident:
    try:
        if not PKCS11Vault.sealed_here(sealed):
            raise InvalidTag
        resident = sealed.startswith(_RESIDENT_MARK)
        mark = _RESIDENT_MARK if resident else _MARK
        nonce, content = bytes(sealed[len(mark) :][:_NONCE_BYTES]), bytes(sealed[len(mark) + _NONCE_BYTES :])
        clear = cipher.decrypt(nonce, content, mark + binding)
        return _decode_resident(clear) if resident else _decode(clear)
    except (InvalidTag, ValueError, msgspec.DecodeError) as error:
        raise Tampered(
            "a stored key does not open under the names it is stored with",
            hint="Its record was changed or belongs to another key. Restore the record from a backup.",
        ) from error


def _proof_binding(identifier: str) -> bytes:
    return b"natsuin/wrapping-proof/v1\0" + identifier.encode()


def make_wrapping_key(settings: TokenSettings) -> None:
    """Make the wrapping key that `settings` names, in the token; durable on return. Only at `natsuin init`;
    `PKCS11Vault.make_wrapping_key` makes the further ones.

    Raises `Conflict` if the token has one with this id, `VaultRefused` if it makes none, `PINRefused`.
    """
    line = TokenLine(replace(settings, wrapping_key=b""), lambda _: None)
    line.open()
    try:
        line.ask(messages.MakeWrappingKey(settings.wrapping_key))
    finally:
        line.close()
