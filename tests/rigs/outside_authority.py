"""A certification authority outside of Natsuin, played."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


class OutsideAuthority:
    """A certification authority that has never heard of Natsuin."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self.name, self.key.public_key(), ca=True, days=100)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def issue(self, request: bytes, *, name: str = "", ca: bool = False, days: int = 10, usage: bool = True) -> bytes:
        wanted = x509.load_der_x509_csr(request)
        assert wanted.is_signature_valid
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if name else wanted.subject
        made = self._signed(subject, wanted.public_key(), ca=ca, days=days, usage=usage)
        return made.public_bytes(Encoding.DER)

    def _signed(self, subject: x509.Name, key: object, *, ca: bool, days: int, usage: bool = True) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)  # type: ignore[arg-type]  # whatever key the request holds
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usage:
            flags = dict.fromkeys(
                ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
            )
            builder = builder.add_extension(
                x509.KeyUsage(
                    digital_signature=not ca, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca, **flags
                ),
                critical=True,
            )
        return builder.sign(self.key, hashes.SHA256())
