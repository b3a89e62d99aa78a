"""The envelope in which an outside authority hands over a key that it made: sealed to sam, signed by the authority.

    CMS SignedData by a certificate for this purpose (`natsuin.certification.check_signed_content`), over
    magic, version      "natsuin-key-envelope", a zero byte, one byte: 1
    length              of the header, four bytes, big end first
    header              JSON: for whom, by whom, until when
    sealed              HPKE to sam's import key; info is a prefix and the SHA-256 of everything before it

The seal inside names the header and the header names the signer, so nobody can put another's sealed key into an
envelope of their own. What is sealed is JSON with a PKCS#12 file in base64 and its password.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin.certification import KEY_IMPORT_PURPOSE, check_signed_content
from natsuin.clock import milliseconds
from natsuin.errors import Expired, Malformed, Refused
from natsuin.key_management.pkcs12_key import KeyFile, read_pkcs12

MAGIC: Final = b"natsuin-key-envelope\0"
VERSION: Final = 1
INFO: Final = b"natsuin/key-envelope/v1\0"
LONGEST_LIFE: Final = timedelta(days=30)
_TOLERANCE: Final = timedelta(minutes=5)
"""By so much an authority's clock may be ahead."""
_SUITE: Final = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class EnvelopeMalformed(Malformed):
    """The bytes that were signed are no envelope of this version, or do not open."""

    code = "key_envelope_malformed"


class EnvelopeRefused(Refused):
    """A genuine envelope that is not for this service, this person or this signer."""

    code = "key_envelope_refused"


class EnvelopeHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the authority says in the open. Times are milliseconds since the epoch."""

    envelope: str
    """32 lower-case hexadecimal digits, chosen at random: an envelope is good once."""
    origin: str
    """The service's origin, `https://...`."""
    log: str
    """Verifier key of the service's signing log, which no other installation has."""
    user: str
    """The account of the person whose key it is."""
    signer: str
    """SHA-256 of the certificate that signs the envelope, hexadecimal."""
    made: int
    expires: int
    other_copies: Literal["none"]
    """The authority's statement that no copy of the private key is left anywhere else."""


class EnvelopeContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed."""

    pkcs12: bytes
    password: str


@dataclass(frozen=True)
class OpenedEnvelope:
    """What was in an envelope that passed. `name` is public: it tells nothing about key or person."""

    name: str
    header: EnvelopeHeader
    anchor: bytes
    """The authority's certificate in the configuration, DER."""
    key: KeyFile = field(repr=False)


@dataclass(frozen=True)
class EnvelopeOpener:
    """Checks and opens envelopes. Safe from several threads; what was used before is for the caller to know."""

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    authorities: tuple[bytes, ...]
    """From whom keys are taken, DER."""
    origin: str
    log: str

    def open(self, envelope: bytes, user_id: str, at: datetime) -> OpenedEnvelope:
        """The key in `envelope`, if it is for this service, this person and this time.

        Raises `SignerNotAccepted`, `EnvelopeMalformed`, `EnvelopeRefused`, `Expired`, and as `read_pkcs12`.
        """
        signed = check_signed_content(envelope, purpose=KEY_IMPORT_PURPOSE, roots=self.authorities, at=at)
        end = _header_end(signed.content)
        header = _decode_header(signed.content[_header_start() : end])
        self._require_meant(header, hashlib.sha256(signed.signer).hexdigest(), user_id)
        _require_in_time(header, milliseconds(at))
        content = self._unsealed(signed.content, end)
        name = hashlib.sha256(INFO + hashlib.sha256(signed.anchor).digest() + header.envelope.encode()).hexdigest()
        return OpenedEnvelope(name, header, signed.anchor, read_pkcs12(content.pkcs12, content.password))

    def _require_meant(self, header: EnvelopeHeader, signer: str, user_id: str) -> None:
        if (header.origin, header.log) != (self.origin, self.log):
            raise EnvelopeRefused("the envelope is for another service", hint="Seal the key for this one.")
        if header.signer != signer:
            raise EnvelopeRefused("the envelope names another signer than the one who signed it")
        if header.user != user_id:
            raise EnvelopeRefused("the envelope is for another person", hint="Compare the account's number.")

    def _unsealed(self, content: bytes, end: int) -> EnvelopeContent:
        try:
            clear = _SUITE.decrypt(content[end:], self.private_key, info=_info(content[:end]))
            return msgspec.json.decode(clear, type=EnvelopeContent)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise EnvelopeMalformed(
                "the key in the envelope does not open", hint="Was it sealed to this service's present import key?"
            ) from error


def seal_content(header: EnvelopeHeader, content: EnvelopeContent, import_key: bytes) -> bytes:
    """What the authority must sign. `import_key` is sam's, 65 bytes, an uncompressed point of P-256."""
    encoded = msgspec.json.encode(header)
    front = MAGIC + bytes([VERSION]) + len(encoded).to_bytes(4, "big") + encoded
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), import_key)
    return front + _SUITE.encrypt(msgspec.json.encode(content), public_key, info=_info(front))


def _info(front: bytes) -> bytes:
    return INFO + hashlib.sha256(front).digest()


def _header_start() -> int:
    return len(MAGIC) + 5


def _header_end(content: bytes) -> int:
    start = _header_start()
    if not content.startswith(MAGIC + bytes([VERSION])) or len(content) < start:
        raise EnvelopeMalformed("what was signed is not a key envelope of this version")
    end = start + int.from_bytes(content[start - 4 : start], "big")
    if end > len(content):
        raise EnvelopeMalformed("the envelope is cut off")
    return end


def _decode_header(header: bytes) -> EnvelopeHeader:
    try:
        decoded = msgspec.json.decode(header, type=EnvelopeHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnvelopeMalformed("the header of the envelope cannot be read", hint="See docs/key-import.md.") from error
    if len(decoded.envelope) != 32 or not set(decoded.envelope) <= set("0123456789abcdef"):
        raise EnvelopeMalformed("the number of the envelope is not 32 hexadecimal digits")
    return decoded


def _require_in_time(header: EnvelopeHeader, now: int) -> None:
    if header.expires < now:
        raise Expired("the envelope's time has passed", hint="The authority seals the key again.")
    if header.made > now + _TOLERANCE / timedelta(milliseconds=1):
        raise EnvelopeRefused("the envelope was made in the future", hint="Set the authority's clock.")
    if header.expires - header.made > LONGEST_LIFE / timedelta(milliseconds=1):
        raise EnvelopeRefused("the envelope is good for longer than 30 days", hint="Seal it for a shorter time.")
