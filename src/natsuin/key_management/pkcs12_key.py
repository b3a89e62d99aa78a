"""Reading one private key with its certificates from PKCS#12 (RFC 7292) that may be hostile.

`cryptography` parses and decrypts it. Before that the file's own counts of hash rounds are looked at, also those that
lie inside its encrypted parts, because a file may ask for billions of them.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto import pkcs12
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import pkcs12 as pkcs12_loading

from natsuin.errors import Malformed, NatsuinError, TooLarge

LARGEST: Final = 64 * 1024
"""Bytes of a file."""
MOST_ROUNDS: Final = 1_000_000
"""Of one derivation: some seconds."""
MOST_ROUNDS_TOGETHER: Final = 4 * MOST_ROUNDS
MOST_BAGS: Final = 32
"""With the parts that they are in."""
LONGEST_PASSWORD: Final = 200
"""Characters."""
_MAC_HASHES: Final = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512"})
_ENCRYPTED: Final = "pkcs8_shrouded_key_bag"
_BAGS: Final = frozenset({"key_bag", _ENCRYPTED, "cert_bag"})


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
        _require_bounded(pkcs12.Pfx.load(data, strict=True), password)
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
        raise _closed() from error
    if found.key is None or found.cert is None:
        raise BadPKCS12("the PKCS#12 file does not hold one private key and its certificate")
    public_key = found.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parsed = (each.certificate for each in (found.cert, *found.additional_certs))
    return KeyFile(found.key, public_key, tuple(each.public_bytes(serialization.Encoding.DER) for each in parsed))


def _require_bounded(file: pkcs12.Pfx, password: str) -> None:
    mac = file["mac_data"]
    if mac.native is None or mac["mac"]["digest_algorithm"]["algorithm"].native not in _MAC_HASHES:
        raise BadPKCS12("the PKCS#12 file is not protected by its password", hint="Use the usual HMAC.")
    work = _Work()
    work.add_rounds(mac["iterations"].native)
    sealed = []
    for part in file.authenticated_safe:
        kind = part["content_type"].native
        if kind == "encrypted_data":
            sealed.append(part["content"]["encrypted_content_info"])
            work.add_part()
            work.add_rounds(_rounds_of(sealed[-1]["content_encryption_algorithm"]))
        elif kind == "data":
            work.add_bags(part["content"].native)
        else:
            raise BadPKCS12("the PKCS#12 file is protected by something else than a password")
    # All that can be seen is within bounds. What the encrypted parts hold may ask for rounds of its own.
    for info in sealed:
        work.add_bags(_decrypted(info, password.encode()))


@dataclass
class _Work:
    """What a file asks for, as far as it is known. Raises `TooLarge` as soon as it is too much."""

    parts: int = 0
    rounds: int = 0

    def add_part(self) -> None:
        self.parts += 1
        if self.parts > MOST_BAGS:
            raise TooLarge("the PKCS#12 file holds too many things")

    def add_rounds(self, rounds: int) -> None:
        self.rounds += rounds
        if not 0 < rounds <= MOST_ROUNDS or self.rounds > MOST_ROUNDS_TOGETHER:
            raise TooLarge("the PKCS#12 file asks for too many hash rounds", hint=f"At most {MOST_ROUNDS} are done.")

    def add_bags(self, contents: bytes) -> None:
        for bag in pkcs12.SafeContents.load(contents):
            kind = bag["bag_id"].native
            self.add_part()
            # Contents within contents, above all, would be one more place to hide work in.
            if kind not in _BAGS:
                raise BadPKCS12("the PKCS#12 file holds something else than keys and certificates")
            if kind == _ENCRYPTED:
                self.add_rounds(_rounds_of(bag["bag_value"]["encryption_algorithm"]))


def _rounds_of(algorithm: Any) -> int:
    parameters = algorithm["parameters"]
    if algorithm["algorithm"].native != "pbes2":
        return int(parameters["iterations"].native)
    derivation = parameters["key_derivation_func"]
    if derivation["algorithm"].native != "pbkdf2":
        raise BadPKCS12("the PKCS#12 file uses a derivation that is not known here", hint="Use PBKDF2.")
    return int(derivation["parameters"]["iteration_count"].native)


def _decrypted(info: Any, password: bytes) -> bytes:
    """An encrypted part, opened as RFC 8018 says. What `_loaded` does again, without a look at what it finds."""
    algorithm = info["content_encryption_algorithm"]
    if algorithm["algorithm"].native != "pbes2" or algorithm.encryption_cipher != "aes":
        raise BadPKCS12(
            "the PKCS#12 file is encrypted by a method of before PBES2 with AES",
            hint="Write it anew, for example with `openssl pkcs12` of OpenSSL 3.",
        )
    secret = hashlib.pbkdf2_hmac(
        algorithm.kdf_hmac, password, algorithm.kdf_salt, algorithm.kdf_iterations, algorithm.key_length
    )
    decryptor = Cipher(algorithms.AES(secret), modes.CBC(algorithm.encryption_iv)).decryptor()
    clear = decryptor.update(info["encrypted_content"].native) + decryptor.finalize()
    unpadder = padding.PKCS7(algorithms.AES.block_size).unpadder()
    try:
        return unpadder.update(clear) + unpadder.finalize()
    except ValueError as error:
        raise _closed() from error


def _closed() -> BadPKCS12:
    return BadPKCS12(
        "the PKCS#12 file does not open: its password is another one, or its key is damaged", hint="Seal it again."
    )
