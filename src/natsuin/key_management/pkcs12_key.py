"""Reading one private key with its certificates from PKCS#12 (RFC 7292) that may be hostile.

`cryptography` parses and decrypts it. Before that the file's own counts of hash rounds are looked at, because a file
may ask for billions of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto import algos, pkcs12
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12 as pkcs12_loading

from natsuin.errors import Malformed, NatsuinError, TooLarge

LARGEST: Final = 64 * 1024
"""Bytes of a file."""
MOST_ROUNDS: Final = 1_000_000
"""Of one derivation: some seconds."""
MOST_BAGS: Final = 32
"""In the open in one file: a key and its chain are a few."""
LONGEST_PASSWORD: Final = 200
"""Characters."""
_MAC_HASHES: Final = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512"})
_ENCRYPTED: Final = "pkcs8_shrouded_key_bag"


class BadPKCS12(Malformed):
    """The bytes are not PKCS#12 with one private key and its certificate."""

    code = "bad_pkcs12"


@dataclass(frozen=True)
class KeyFile:
    """What a file holds. `certificates` are DER, the key's own first; `public_key` SubjectPublicKeyInfo, DER."""

    private_key: object = field(repr=False)
    """Of whatever kind `cryptography` knows: whether it may be used here is for the caller to say."""
    public_key: bytes
    certificates: tuple[bytes, ...]


def read_pkcs12(data: bytes, password: str) -> KeyFile:
    """The key in `data`, whose numbers fit together, with its certificates, which may be of another key.

    Raises:
        TooLarge: the file, or the work that it asks for.
        BadPKCS12: see its class; also when `password` does not open it, or the key's numbers do not fit together.
    """
    if len(data) > LARGEST:
        raise TooLarge("the PKCS#12 file is larger than any honest one")
    if len(password) > LONGEST_PASSWORD or "\0" in password:
        # OpenSSL takes no zero byte, and its binding ends in a panic, which is no Exception, when it is given one.
        raise BadPKCS12("the password of the PKCS#12 file is too long, or holds a zero character")
    try:
        _require_bounded(pkcs12.Pfx.load(data, strict=True))
        return _loaded(data, password)
    except NatsuinError:
        raise
    except Exception as error:
        # The libraries raise errors of many kinds for hostile bytes.
        raise BadPKCS12("this is not PKCS#12 with a private key that can be used here") from error


def _loaded(data: bytes, password: str) -> KeyFile:
    try:
        found = pkcs12_loading.load_pkcs12(data, password.encode())
    except ValueError as error:
        raise BadPKCS12(
            "the PKCS#12 file does not open: its password is another one, or its key is damaged", hint="Seal it again."
        ) from error
    if found.key is None or found.cert is None:
        raise BadPKCS12("the PKCS#12 file does not hold one private key and its certificate")
    public_key = found.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parsed = (each.certificate for each in (found.cert, *found.additional_certs))
    return KeyFile(found.key, public_key, tuple(each.public_bytes(serialization.Encoding.DER) for each in parsed))


def _require_bounded(file: pkcs12.Pfx) -> None:
    mac = file["mac_data"]
    if mac.native is None or mac["mac"]["digest_algorithm"]["algorithm"].native not in _MAC_HASHES:
        raise BadPKCS12("the PKCS#12 file is not protected by its password", hint="Use the usual HMAC.")
    rounds = [mac["iterations"].native]
    bags = 0
    for bag, algorithm in _parts(file):
        bags += bag
        if algorithm is not None:
            rounds.append(_rounds_of(algorithm))
    if bags > MOST_BAGS:
        raise TooLarge("the PKCS#12 file holds too many things")
    if not all(0 < each <= MOST_ROUNDS for each in rounds):
        raise TooLarge("the PKCS#12 file asks for too many hash rounds", hint=f"At most {MOST_ROUNDS} are done.")


def _parts(file: pkcs12.Pfx) -> Iterator[tuple[int, algos.EncryptionAlgorithm | None]]:
    """How many bags are in the open in each part, and each encryption that can be seen without the password."""
    for part in file.authenticated_safe:
        kind = part["content_type"].native
        if kind == "encrypted_data":
            yield 0, part["content"]["encrypted_content_info"]["content_encryption_algorithm"]
        elif kind == "data":
            for bag in pkcs12.SafeContents.load(part["content"].native):
                encrypted = bag["bag_id"].native == _ENCRYPTED
                yield 1, bag["bag_value"]["encryption_algorithm"] if encrypted else None
        else:
            raise BadPKCS12("the PKCS#12 file is protected by something else than a password")


def _rounds_of(algorithm: Any) -> int:
    parameters = algorithm["parameters"]
    if algorithm["algorithm"].native != "pbes2":
        return int(parameters["iterations"].native)
    derivation = parameters["key_derivation_func"]
    if derivation["algorithm"].native != "pbkdf2":
        raise BadPKCS12("the PKCS#12 file uses a derivation that is not known here", hint="Use PBKDF2.")
    return int(derivation["parameters"]["iteration_count"].native)
