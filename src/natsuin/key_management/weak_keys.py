"""Whether a public key from outside is fit to be trusted with somebody's signatures.

Refused are kinds that the table of algorithms does not know, encodings that are not the one canonical DER, points that
are none, keys that are here already, RSA keys that show a weakness by themselves (`natsuin.certification`), and RSA
keys that share a prime with another one here (N. Heninger, Z. Durumeric, E. Wustrow, J. A. Halderman, "Mining Your Ps
and Qs", USENIX Security 2012). What cannot be seen is listed in docs/algorithms.md.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import KeyNotAllowed, algorithm_of
from natsuin.errors import Malformed, Refused
from natsuin.key_management.edwards_points import is_sound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.tables import service_key, signing_key

LARGEST = 4096
"""Bytes of SubjectPublicKeyInfo; ML-DSA-65 has 1974, RSA-4096 550."""
_BATCH = 1000
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")


class WeakKey(Refused):
    """A key from outside that is too weak, or not of a kind that may be used here."""

    code = "weak_key"


class KeyKnown(Refused):
    """A key from outside that is here already: somebody else's, an earlier one, or one of the service itself."""

    code = "key_known"


@dataclass(frozen=True)
class SoundKey:
    """A public key that passed: canonical SubjectPublicKeyInfo, DER."""

    spki: bytes
    algorithm: KeyAlgorithm


def check_strength(public_key: bytes, *, others: Iterable[bytes]) -> SoundKey:
    """Check a SubjectPublicKeyInfo in DER against `others`, the canonical ones of all keys that are or were here.

    `others` is read once. For RSA each costs a multiplication and a division of the key's size: measured with 100,000
    RSA-3072 keys in docs/algorithms.md. Until when the kind may be imported is for the policy to say.

    Raises:
        Malformed: it is no public key, or not in canonical DER.
        WeakKey: see the head of this file.
        KeyKnown: it is among `others`.
    """
    sound = SoundKey(public_key, _algorithm(public_key))
    own = modulus_of(public_key)
    # All moduli here, multiplied modulo the new one: a common prime is left over as a common divisor, and no product
    # of a hundred thousand moduli is ever held.
    remainder = 1
    for other in others:
        if other == public_key:
            raise KeyKnown("this key is here already", hint="A key belongs to one person and is taken in once.")
        modulus = modulus_of(other) if own else 0
        if own and modulus:
            if modulus == own:
                raise KeyKnown("a key with this modulus is here already", hint="Make a new key.")
            remainder = remainder * modulus % own
    if own and math.gcd(remainder, own) != 1:
        raise WeakKey(
            "the key shares a prime with another key, so both can be computed",
            hint="Make a new key with another program; the other key must be replaced as well.",
        )
    return sound


def stored_public_keys(foundation: Foundation) -> Iterator[bytes]:
    """Every public key that is or was here, ended ones and the service's own included, with the rows' seals checked.

    Raises `Tampered`.
    """
    for table, column in ((signing_key, signing_key.c.key_id), (service_key, service_key.c.purpose)):
        after = ""
        while True:
            query = sa.select(table).where(column > after).order_by(column).limit(_BATCH)
            with foundation.database.read() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                yield bytes(foundation.checked(table, row)["public_key"])
            if len(rows) < _BATCH:
                break
            after = rows[-1][column.name]


def modulus_of(spki: bytes) -> int:
    """The modulus of a canonical RSA SubjectPublicKeyInfo, or 0 for a key of another kind.

    Reads the few bytes itself, because making an object of each of a hundred thousand stored keys would take longer
    than all the arithmetic.
    """
    at = spki.find(_RSA_ENCRYPTION, 0, 8 + len(_RSA_ENCRYPTION))
    if at < 0:
        return 0
    bits, _ = _content(spki, at + len(_RSA_ENCRYPTION))
    sequence, _ = _content(spki, bits + 1)
    begin, end = _content(spki, sequence)
    return int.from_bytes(spki[begin:end], "big")


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` begins and ends."""
    length = data[at + 1]
    begin = at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[at + 2 : begin], "big")
    return begin, begin + length


def _algorithm(public_key: bytes) -> KeyAlgorithm:
    if len(public_key) > LARGEST:
        raise Malformed("the public key is larger than any that is used here")
    try:
        loaded = serialization.load_der_public_key(public_key)
        canonical = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except UnsupportedAlgorithm as error:
        raise WeakKey("this kind of key, or its curve, is not used here", hint=_KINDS) from error
    except Exception as error:
        # cryptography raises errors of several kinds for hostile DER, among them for points that are not on the curve.
        raise Malformed("this is not a public key", hint="Give a SubjectPublicKeyInfo in DER.") from error
    if canonical != public_key:
        raise Malformed("the public key is not in canonical DER", hint="Export it again with another program.")
    try:
        algorithm = algorithm_of(loaded)
    except KeyNotAllowed as error:
        raise WeakKey(error.message, hint=error.hint) from error
    if isinstance(loaded, ed25519.Ed25519PublicKey) and not is_sound(loaded.public_bytes_raw()):
        raise WeakKey("the key's point is not a sound one of its curve", hint="Make a new key.")
    if isinstance(loaded, rsa.RSAPublicKey) and _is_prime(loaded.public_numbers().n):
        raise WeakKey("the modulus of this RSA key is a prime, so anybody can compute its other half")
    return algorithm


_KINDS = "Use RSA with 2048, 3072 or 4096 bits, ECDSA on P-256, P-384 or P-521, or Ed25519."


def _is_prime(modulus: int) -> bool:
    """Fermat's test to base 2: a product of two primes that nobody chose for it fails it."""
    return pow(2, modulus - 1, modulus) == 1
