"""An authority that hands over keys, honestly or not: every part of a key envelope can be given by the test."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from natsuin.certification import KEY_IMPORT_PURPOSE

PASSWORD = "a password inside"
SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
DAY = timedelta(days=1)


def name_of(common_name: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts += [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
        ]
    return x509.Name(parts)


PERSON = name_of("山田 太郎", "例示株式会社")


@dataclass
class ImportingAuthority:
    """`signer` signs envelopes; `purposes` are its extended key usages."""

    name: str = "Outside CA"
    purposes: Sequence[str] = (KEY_IMPORT_PURPOSE,)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    signer_key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    signer_days: int = 10

    def __post_init__(self) -> None:
        self.certificate = self.certify(self.key.public_key(), name_of(self.name), ca=True)
        self.signer = self.certify(
            self.signer_key.public_key(),
            name_of("Envelope Signer"),
            purposes=self.purposes,
            days=self.signer_days,
        )

    def certify(
        self,
        public_key: Any,
        subject: x509.Name = PERSON,
        *,
        ca: bool = False,
        purposes: Sequence[str] = (),
        days: int = 100,
        serial: int = 0,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        flags = dict.fromkeys(
            ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        )
        usage = x509.KeyUsage(
            digital_signature=not ca, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca, **flags
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name_of(self.name))
            .public_key(public_key)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now - 20 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        if purposes:
            kinds = [ObjectIdentifier(each) for each in purposes]
            builder = builder.add_extension(x509.ExtendedKeyUsage(kinds), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def header(self, **wishes: Any) -> dict[str, Any]:
        now = int(datetime.now(UTC).timestamp() * 1000)
        return {
            "envelope": os.urandom(16).hex(),
            "signer": hashlib.sha256(der(self.signer)).hexdigest(),
            "made": now,
            "expires": now + 86_400_000,
            "other_copies": "none",
            **wishes,
        }

    def content(self, header: dict[str, Any], secret: bytes, import_key: bytes) -> bytes:
        encoded = msgspec.json.encode(header)
        front = b"natsuin-key-envelope\0\1" + len(encoded).to_bytes(4, "big") + encoded
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), import_key)
        info = b"natsuin/key-envelope/v1\0" + hashlib.sha256(front).digest()
        return front + SUITE.encrypt(secret, public_key, info=info)

    def sign(self, content: bytes, *, detached: bool = False, attributes: bool = True) -> bytes:
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(self.signer, self.signer_key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.Binary]
        if detached:
            options.append(pkcs7.PKCS7Options.DetachedSignature)
        if not attributes:
            options.append(pkcs7.PKCS7Options.NoAttributes)
        return builder.sign(Encoding.DER, options)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def key_file(key: Any, certificate: x509.Certificate | None, others: Sequence[x509.Certificate] = ()) -> bytes:
    closing = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"key", key, certificate, list(others) or None, closing)


def many_rounds(key: Any, certificate: x509.Certificate, rounds: int) -> bytes:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).hmac_hash(hashes.SHA256())
    closing = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).build(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"key", key, certificate, None, closing)


def secret_of(file: bytes, password: str = PASSWORD) -> bytes:
    return msgspec.json.encode({"pkcs12": file, "password": password})


def two_signers(signed: bytes) -> bytes:
    """The same signature twice."""
    information = cms.ContentInfo.load(signed)
    infos = information["content"]["signer_infos"]
    infos.append(infos[0])
    return bytes(information.dump(force=True))
