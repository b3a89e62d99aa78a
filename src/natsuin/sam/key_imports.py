"""Puts the import of keys together for one sam, and makes or erases the key to which authorities seal."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin import base64url
from natsuin.config import Config, ConfigurationRefused
from natsuin.key_management import (
    IMPORT,
    EnvelopeOpener,
    KeyImports,
    KeyMaker,
    Keys,
    Officers,
    SecretOpener,
    ServiceKey,
    ServiceKeys,
)
from natsuin.sam.outside_authority import read_anchors
from natsuin.signing_log import SigningLog


def make_key_imports(
    config: Config,
    service_keys: ServiceKeys,
    *,
    keys: Keys,
    officers: Officers,
    maker: KeyMaker,
    opener: SecretOpener,
    log: SigningLog,
) -> KeyImports:
    """Imports from the authorities in `keys.import_from`; without it none.

    The import key exists only while import is on: once it is erased, nobody opens an envelope that was recorded.

    Raises `ConfigurationRefused` as `authorities_of`.
    """
    foundation = keys.foundation
    authorities = authorities_of(config)
    journal = foundation.journal
    if not authorities:
        if service_keys.holds(IMPORT):
            told = {"public_key": base64url.encode(_point(service_keys.load(IMPORT)))}
            service_keys.erase(IMPORT)
            journal.record("import-key-erased", public=told, private={})
        return KeyImports(foundation, officers, keys, maker, opener, None)
    if not service_keys.holds(IMPORT):
        made = service_keys.create(IMPORT)
        journal.record("import-key-made", public={"public_key": base64url.encode(_point(made))}, private={})
    envelopes = EnvelopeOpener(
        service_keys.load(IMPORT).elliptic, authorities, foundation.relying_party.origin, log.vkey
    )
    return KeyImports(foundation, officers, keys, maker, opener, envelopes)


def import_key_of(imports: KeyImports) -> bytes:
    """The public key to seal to, 65 bytes, or empty where import is off."""
    if imports.envelopes is None:
        return b""
    public_key = imports.envelopes.private_key.public_key()
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _point(key: ServiceKey) -> bytes:
    return key.elliptic.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def authorities_of(config: Config) -> tuple[bytes, ...]:
    """The authorities in `keys.import_from`, DER; none where import is off.

    Raises:
        ConfigurationRefused: the file cannot be read, holds something else than authorities, or there is a token.
    """
    authorities = read_anchors(config.keys.import_from, "keys.import_from")
    if authorities and config.vault.kind != "software":
        raise ConfigurationRefused(
            "keys.import_from is set, imported keys are kept in software, and this server keeps keys in a token.",
            hint="Take keys.import_from out, and let people make new keys.",
        )
    for der in authorities:
        found = x509.load_der_x509_certificate(der).extensions
        if not any(isinstance(each.value, x509.BasicConstraints) and each.value.ca for each in found):
            raise ConfigurationRefused(
                "keys.import_from holds a certificate that is no authority's.", hint="Put only those of authorities in."
            )
    return authorities
