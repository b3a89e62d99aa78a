"""Which outside authorities' certificates sam accepts for its signers' keys."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.certification import algorithm_of, check_outside_certificate
from natsuin.config import Config, ConfigurationRefused
from natsuin.key_management import Accept, Foundation
from natsuin.sam.protocol import Subject


def accept_outside(config: Config, foundation: Foundation) -> Accept:
    """What accepts certificates that lead to one of the anchors in `ca.outside_anchors` and end with their key's
    algorithm.

    Raises:
        ConfigurationRefused: the file cannot be read, or holds no certificate.
    """
    roots = read_anchors(config.ca.outside_anchors, "ca.outside_anchors")

    def accept(certificates: tuple[bytes, ...], public_key: bytes, subject: Subject) -> tuple[bytes, tuple[bytes, ...]]:
        accepted = check_outside_certificate(
            certificates, public_key=public_key, subject=subject, roots=roots, at=foundation.clock.now()
        )
        leaf = x509.load_der_x509_certificate(accepted.certificate)
        foundation.policy.require_certificate(algorithm_of(leaf.public_key()), leaf.not_valid_after_utc)
        return accepted.certificate, accepted.chain

    return accept


def read_anchors(file: Path | None, key: str) -> tuple[bytes, ...]:
    """The certificates in `file` (PEM), DER; none if there is no file. `key` is its name in the configuration.

    Raises:
        ConfigurationRefused: it cannot be read, or holds no certificate.
    """
    if file is None:
        return ()
    try:
        loaded = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        why = f"{file} cannot be read" if isinstance(error, OSError) else f"{file} holds no certificates"
        raise ConfigurationRefused(
            f"{key}: {why}.", hint="Put the authorities' certificates there, in PEM. No backup holds this file."
        ) from error
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in loaded)
