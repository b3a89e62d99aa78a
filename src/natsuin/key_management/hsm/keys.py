"""People's keys in the token: made as session objects and wrapped out; unwrapped, used and destroyed.

A key is extractable for the moment between making and wrapping, in a session object that nobody else sees, and never
again: what is unwrapped cannot be wrapped. Whatever happens, no object stays behind.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import Tampered
from natsuin.key_management.hsm.cryptoki import (
    DEFAULT,
    MGF,
    NSS_PUBLIC_POINT,
    Attribute,
    KeyType,
    Mechanism,
    PKCS11Error,
    PrivateKey,
    PublicKey,
    SecretKey,
    Session,
    is_lost_session,
    name_of,
    sign,
    unwrap,
    wrap,
)
from natsuin.key_management.hsm.messages import Method, Wrapped
from natsuin.key_management.hsm.methods import finished
from natsuin.key_management.hsm.refusals import (
    AlgorithmNotOffered,
    VaultInterrupted,
    VaultUnavailable,
    WrappingKeyMissing,
)
from natsuin.key_management.hsm.wrapping_key import find_wrapping_key
from natsuin.key_management.vaults.operations import WrongSignature, load_public_key, verify_signature

RSA_BITS = {KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_CURVES: dict[KeyAlgorithm, tuple[ec.EllipticCurve, bytes]] = {
    KeyAlgorithm.P_256: (ec.SECP256R1(), bytes.fromhex("06082a8648ce3d030107")),
    KeyAlgorithm.P_384: (ec.SECP384R1(), bytes.fromhex("06052b81040022")),
    KeyAlgorithm.P_521: (ec.SECP521R1(), bytes.fromhex("06052b81040023")),
}
_EDWARDS_PARAMETERS = bytes.fromhex("130c656477617264733235353139")
"""PrintableString "edwards25519" (PKCS#11 v3.0, 2.3.6)."""
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What stands before the digest in RSASSA-PKCS1-v1_5 (RFC 8017, 9.2, note 1)."""
_HASHES = {
    "sha256": (Mechanism.SHA256, MGF.SHA256),
    "sha384": (Mechanism.SHA384, MGF.SHA384),
    "sha512": (Mechanism.SHA512, MGF.SHA512),
}
_SIGN_ONLY = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_NOT_FOR_PRIVATE_KEYS = {Attribute.ENCRYPT: DEFAULT, Attribute.VERIFY: DEFAULT, Attribute.WRAP: DEFAULT}
"""python-pkcs11 puts every capability into the template of an unwrapped key; DEFAULT takes one out again."""
_VERIFY_ONLY = {Attribute.ENCRYPT: False, Attribute.WRAP: False, Attribute.VERIFY: True}


@dataclass(frozen=True)
class Lane:
    """One session of the pool, with the handles that it has looked up. Used by one thread at a time."""

    session: Session
    mechanism: Mechanism
    """That new keys are wrapped with."""
    needs_public_point: bool = False
    locks_open_keys: bool = True
    """Whether what is unwrapped can be told that nobody may change or copy it: CKA_MODIFIABLE, CKA_COPYABLE."""
    proofs: dict[bytes, Wrapped] = field(default_factory=dict)
    """By wrapping key, what opens under the right one alone; the same for all lanes of a worker."""
    _wrapping_keys: dict[bytes, SecretKey] = field(default_factory=dict)

    def wrapping_key(self, identifier: bytes) -> SecretKey:
        """Looked up once, when it also proves that it is the one that it was.

        Raises:
            WrappingKeyMissing: the token has none of this name, or more than one.
            VaultUnavailable: it had the right one when the worker began.
        """
        if identifier not in self._wrapping_keys:
            proof = self.proofs.get(identifier)
            try:
                if proof is not None:
                    require_same(replace(self, proofs={}, _wrapping_keys={}), proof)
                self._wrapping_keys[identifier] = find_wrapping_key(self.session, identifier)
            except WrappingKeyMissing as error:
                if proof is None:
                    raise
                raise VaultUnavailable(error.message, hint=error.hint) from error
        return self._wrapping_keys[identifier]


def generate(lane: Lane, algorithm: KeyAlgorithm, wrapping_key: bytes) -> Wrapped:
    """Make a key pair and wrap the private half. Nothing of it stays in the token."""
    wrapping = lane.wrapping_key(wrapping_key)
    private = {**_SIGN_ONLY, Attribute.EXTRACTABLE: True}
    if _is_trusted(wrapping):
        private[Attribute.WRAP_WITH_TRUSTED] = True
    public, key = make_pair(lane.session, algorithm, private=private)
    with _gone_afterwards(key, public):
        content = wrap(wrapping, key, lane.mechanism)
        return Wrapped(algorithm.value, public_key_of(public, algorithm), wrapping_key, lane.mechanism.name, content)


def use(lane: Lane, wrapped: Wrapped, method: Method, messages: Sequence[bytes]) -> tuple[bytes, ...]:
    """Unwrap the key, sign each of `messages` and destroy it.

    Raises:
        VaultInterrupted: an error after the first signature was begun.
    """
    with _unwrapped(lane, wrapped) as key:
        return sign_all(key, method, messages)


def require_same(lane: Lane, proof: Wrapped) -> None:
    """Open a key that was put under its wrapping key long ago, and sign with it. Raises `WrappingKeyMissing` if the
    token holds another wrapping key under that name."""
    for last in (False, True):
        try:
            try_key(lane, proof)
        except (PKCS11Error, WrongSignature) as error:
            # A token that fails at everything says nothing of this key; one that does all this with a new key does.
            try_key(lane, generate(lane, KeyAlgorithm.P_256, proof.wrapping_key))
            if last:
                raise WrappingKeyMissing(
                    f"the wrapping key {proof.wrapping_key.hex()} in the token is another one than it was:"
                    " what lies under it does not open",
                    hint="See that this is the right token, or restore it from the maker's backup."
                    " Somebody who has its PIN may have exchanged the key.",
                ) from error
        else:
            return


def try_key(lane: Lane, made: Wrapped) -> None:
    """Sign something that says nothing with a P-256 key. Raises `PKCS11Error`, `WrongSignature`."""
    method, dtbs = Method("ecdsa", "sha256"), hashlib.sha256(b"natsuin/wrapping-proof/v1\0" + os.urandom(32)).digest()
    (signature,) = use(lane, made, method, [dtbs])
    verify_signature(load_public_key(made.public_key), dtbs, finished(method, signature), SignatureScheme.ECDSA_SHA256)


def unwraps_extractable(lane: Lane, wrapping_key: bytes) -> bool:
    """Whether whoever holds the PIN could unwrap a key so that it leaves the token: tried with a key of its own."""
    made = generate(lane, KeyAlgorithm.P_256, wrapping_key)
    try:
        with _unwrapped(lane, made, extractable=True) as key:
            return bool(key[Attribute.EXTRACTABLE])
    except PKCS11Error as error:
        if is_lost_session(error):
            raise
        return False


def make_pair(
    session: Session,
    algorithm: KeyAlgorithm,
    *,
    private: dict[Attribute, Any],
    label: str | None = None,
    identifier: bytes | None = None,
) -> tuple[PublicKey, PrivateKey]:
    """A key pair: session objects, or token objects where a label is given."""
    given: dict[str, Any] = {
        "label": label,
        "id": identifier,
        "store": label is not None,
        "private_template": private,
        "public_template": _VERIFY_ONLY,
    }
    if algorithm in RSA_BITS:
        return session.generate_keypair(
            KeyType.RSA, RSA_BITS[algorithm], mechanism=Mechanism.RSA_PKCS_KEY_PAIR_GEN, **given
        )
    if algorithm in _CURVES:
        kind, parameters, mechanism = KeyType.EC, _CURVES[algorithm][1], Mechanism.EC_KEY_PAIR_GEN
    elif algorithm is not KeyAlgorithm.ED25519:
        raise AlgorithmNotOffered(f"a token makes no keys of {algorithm.value} here")
    else:
        kind, parameters, mechanism = KeyType.EC_EDWARDS, _EDWARDS_PARAMETERS, Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    curve = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: parameters}, local=True)
    return curve.generate_keypair(mechanism=mechanism, **given)


def public_key_of(key: PublicKey, algorithm: KeyAlgorithm) -> bytes:
    """SubjectPublicKeyInfo, DER. Raises `Tampered` for what is not a key of this algorithm."""
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    try:
        if algorithm in RSA_BITS:
            exponent, modulus = (int.from_bytes(key[name]) for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
            public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        elif algorithm in _CURVES:
            curve = _CURVES[algorithm][0]
            point = key[Attribute.EC_POINT][-(2 * ((curve.key_size + 7) // 8) + 1) :]
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        else:
            public = ed25519.Ed25519PublicKey.from_public_bytes(key[Attribute.EC_POINT][-32:])
    except ValueError as error:
        raise Tampered("the token gave a public key that is none") from error
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_all(key: PrivateKey, method: Method, messages: Sequence[bytes]) -> tuple[bytes, ...]:
    """A signature for each of `messages`, as the token gives them. Raises `VaultInterrupted`, see `use`."""
    sign_one = _signer(key, method)
    signatures: list[bytes] = []
    for message in messages:
        try:
            signatures.append(sign_one(message))
        except PKCS11Error as error:
            if is_lost_session(error) and not signatures:
                # The token did not know session or key any more, so it did nothing.
                raise
            raise VaultInterrupted(f"the token broke off while signing ({name_of(error)})") from error
    return tuple(signatures)


@contextmanager
def _gone_afterwards(*objects: PublicKey | PrivateKey) -> Iterator[None]:
    """Destroy `objects` at the end of the block, however it ends."""
    try:
        yield
    except BaseException:
        for item in objects:
            # The error under way says more than that the token does not know the object any more.
            with suppress(PKCS11Error):
                item.destroy()
        raise
    try:
        for item in objects:
            item.destroy()
    except PKCS11Error as error:
        raise VaultInterrupted(f"the token kept a key that was to be destroyed ({name_of(error)})") from error


@contextmanager
def _unwrapped(lane: Lane, wrapped: Wrapped, *, extractable: bool = False) -> Iterator[PrivateKey]:
    algorithm = KeyAlgorithm(wrapped.algorithm)
    kind = KeyType.RSA if algorithm in RSA_BITS else KeyType.EC if algorithm in _CURVES else KeyType.EC_EDWARDS
    template: dict[Any, Any] = {**_SIGN_ONLY, **_NOT_FOR_PRIVATE_KEYS, Attribute.EXTRACTABLE: extractable}
    if lane.needs_public_point and kind is KeyType.EC:
        template[NSS_PUBLIC_POINT] = _octet_string(wrapped.public_key, algorithm)
    if lane.locks_open_keys:
        # The last of all: SoftHSM2 takes a template in its order, and nothing any more behind CKA_MODIFIABLE.
        template |= {Attribute.COPYABLE: False, Attribute.MODIFIABLE: False}
    wrapping = lane.wrapping_key(wrapped.wrapping_key)
    key = unwrap(wrapping, kind, wrapped.content, Mechanism[wrapped.mechanism], template)
    with _gone_afterwards(key):
        yield key


def _signer(key: PrivateKey, method: Method) -> Callable[[bytes], bytes]:
    if method.kind == "pkcs1":
        prefix = _DIGEST_INFO[method.hash_name]
        return lambda digest: sign(key, prefix + digest, Mechanism.RSA_PKCS)
    if method.kind == "pss":
        parameters = (*_HASHES[method.hash_name], method.salt_bytes)
        return lambda digest: sign(key, digest, Mechanism.RSA_PKCS_PSS, parameters)
    mechanism = Mechanism.ECDSA if method.kind == "ecdsa" else Mechanism.EDDSA
    return lambda message: sign(key, message, mechanism)


def _is_trusted(key: SecretKey) -> bool:
    try:
        return bool(key[Attribute.TRUSTED])
    except PKCS11Error:
        return False


def _octet_string(spki: bytes, algorithm: KeyAlgorithm) -> bytes:
    size = 2 * ((_CURVES[algorithm][0].key_size + 7) // 8) + 1
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    return b"\x04" + length + spki[-size:]
