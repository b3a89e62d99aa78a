"""Which outside authorities' certificates sam accepts for its signers' keys."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.certification import check_outside_certificate
from natsuin.clock import Clock
from natsuin.config import Config, ConfigurationRefused
from natsuin.key_management import Accept
from natsuin.sam.protocol import Subject


def accept_outside(config: Config, clock: Clock) -> Accept:
    """What accepts certificates that lead to one of the anchors in `ca.outside_anchors`.

    Raises:
        ConfigurationRefused: the file cannot be read, or holds no certificate.
    """
    roots = _anchors(config)

    def accept(certificates: tuple[bytes, ...], public_key: bytes, subject: Subject) -> tuple[bytes, tuple[bytes, ...]]:
        accepted = check_outside_certificate(
            certificates, public_key=public_key, subject=subject, roots=roots, at=clock.now()
        )
        return accepted.certificate, accepted.chain

    return accept


def _anchors(config: Config) -> tuple[bytes, ...]:
    file = config.ca.outside_anchors
    if file is None:
        return ()
    try:
        loaded = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationRefused(
            "ca.outside_anchors cannot be read as certificates.", hint=f"Put PEM certificates into {file}."
        ) from error
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in loaded)
