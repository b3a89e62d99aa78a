"""PKCS#12 files with a right MAC that ask for more work than anybody does, where it is hard to see."""

import hashlib
import hmac
import os

from asn1crypto import algos, cms, core, pkcs12
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from rigs.key_envelopes import PASSWORD

_ROUNDS, _BLOCK = 2, 64


def hidden_rounds(rounds: int) -> bytes:
    """One encrypted part, cheap to open; in it a key that asks for so many rounds."""
    return _protected([_encrypted(_bag(rounds), _ROUNDS)])


def many_parts(count: int, rounds: int) -> bytes:
    """So many encrypted parts with nothing in them, each of which asks for so many rounds."""
    return _protected([_encrypted(pkcs12.SafeContents([]).dump(), rounds) for _ in range(count)])


def nested_rounds(rounds: int) -> bytes:
    """Contents within contents, in the open, and in the inner ones a key that asks for so many rounds."""
    bag = pkcs12.SafeBag({"bag_id": "safe_contents", "bag_value": pkcs12.SafeContents.load(_bag(rounds))})
    content = core.OctetString(pkcs12.SafeContents([bag]).dump())
    return _protected([cms.ContentInfo({"content_type": "data", "content": content})])


def _bag(rounds: int) -> bytes:
    value = {"encryption_algorithm": _algorithm(rounds, os.urandom(8), bytes(16)), "encrypted_data": bytes(64)}
    bag = pkcs12.SafeBag({"bag_id": "pkcs8_shrouded_key_bag", "bag_value": value})
    return bytes(pkcs12.SafeContents([bag]).dump())


def _encrypted(content: bytes, rounds: int) -> cms.ContentInfo:
    salt, vector = os.urandom(8), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, min(rounds, 1000), 32)
    padding = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()
    info = {
        "content_type": "data",
        "content_encryption_algorithm": _algorithm(rounds, salt, vector),
        "encrypted_content": sealed,
    }
    data = cms.EncryptedData({"version": "v0", "encrypted_content_info": info})
    return cms.ContentInfo({"content_type": "encrypted_data", "content": data})


def _algorithm(rounds: int, salt: bytes, vector: bytes) -> algos.EncryptionAlgorithm:
    prf = {"algorithm": "sha256", "parameters": core.Null()}
    derivation = {
        "algorithm": "pbkdf2",
        "parameters": {"salt": core.OctetString(salt), "iteration_count": rounds, "prf": prf},
    }
    scheme = {"algorithm": "aes256_cbc", "parameters": vector}
    parameters = {"key_derivation_func": derivation, "encryption_scheme": scheme}
    return algos.EncryptionAlgorithm({"algorithm": "pbes2", "parameters": parameters})


def _protected(parts: list[cms.ContentInfo]) -> bytes:
    content = pkcs12.AuthenticatedSafe(parts).dump()
    salt = os.urandom(8)
    digest = hmac.digest(_mac_key(salt), content, "sha256")
    mac = {
        "mac": {"digest_algorithm": {"algorithm": "sha256"}, "digest": digest},
        "mac_salt": salt,
        "iterations": _ROUNDS,
    }
    safe = cms.ContentInfo({"content_type": "data", "content": core.OctetString(content)})
    return bytes(pkcs12.Pfx({"version": "v3", "auth_safe": safe, "mac_data": mac}).dump())


def _mac_key(salt: bytes) -> bytes:
    """RFC 7292, B.2, for one block of SHA-256."""

    def filled(text: bytes) -> bytes:
        length = _BLOCK * -(-len(text) // _BLOCK)
        return (text * (length // len(text) + 1))[:length]

    found = bytes([3]) * _BLOCK + filled(salt) + filled((PASSWORD + "\0").encode("utf-16-be"))
    for _ in range(_ROUNDS):
        found = hashlib.sha256(found).digest()
    return found
