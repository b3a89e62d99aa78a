"""A person's keys as sam reports them, and what of their certificates is shown to people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from natsuin import base64url
from natsuin.algorithms import DEFAULT_SCHEME, KeyAlgorithm, SignatureScheme
from natsuin.authentication import KeptPasskey
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.sam.key_warnings import KeyWarning, warnings_of, why_it_cannot_sign
from natsuin.sam.protocol import KeyInformation, Keys, ListKeys
from natsuin.web.sam_calls import Sam, ask

_SHORT_NAMES = {NameOID.SERIAL_NUMBER: "serialNumber"}
"""Beside those of RFC 4514, for people to read."""
_LIVING = frozenset({"pre-active", "active", "suspended"})


@dataclass(frozen=True)
class CertificateView:
    """A certificate in words. `sha256` and `serial` are hexadecimal; times in milliseconds."""

    common_name: str
    subject: str
    issuer: str
    serial: str
    not_before: int
    not_after: int
    sha256: str

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class PasskeyView:
    """A passkey of a key. `signs_in` is False for one of which DB-1 has no copy, and then the rest is not known. Times
    in milliseconds."""

    credential_id: str
    signs_in: bool
    added_at: int | None
    synced: bool | None
    last_used_at: int | None


@dataclass(frozen=True)
class KeyView:
    """A key as its owner sees it. Times in milliseconds; `certificate` is None until there is one, and meanwhile
    `certificate_request` is its PKCS#10 request, PEM; `cannot_sign` says why not, and is empty if it can."""

    key_id: str
    name: str
    algorithm: str
    schemes: tuple[str, ...]
    state: str
    suspended_by: str
    one_time: bool
    predecessor: str
    origin: str
    """`generated` here, or `imported`, from the authority that issued the certificate, at `created_at`."""
    backend: str
    created_at: int
    last_used_at: int
    pin_tries_left: int
    passkey_count: int
    algorithm_notice: str
    algorithm_last_day: str
    certificate: CertificateView | None
    certificate_request: str
    passkeys: tuple[PasskeyView, ...]
    warnings: tuple[KeyWarning, ...]
    cannot_sign: str
    acts: tuple[str, ...]
    """What its owner may ask for now."""

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return asdict(self)


class KeyCannotSign(Conflict):
    """The key that was chosen, or every one there is, makes no signatures now."""

    code = "key_cannot_sign"


def certificate_view(der: bytes) -> CertificateView:
    """What a DER certificate says."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateView(
        common_name=str(names[0].value) if names else "",
        subject=certificate.subject.rfc4514_string(_SHORT_NAMES),
        issuer=certificate.issuer.rfc4514_string(_SHORT_NAMES),
        serial=f"{certificate.serial_number:x}",
        not_before=milliseconds(certificate.not_valid_before_utc),
        not_after=milliseconds(certificate.not_valid_after_utc),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def key_view(key: KeyInformation, now: datetime, kept: Mapping[bytes, KeptPasskey] | None = None) -> KeyView:
    """What a key's owner is shown. `kept` are the passkeys that sign the owner in, by credential id."""
    known = kept or {}
    return KeyView(
        key_id=key.key_id,
        name=name_in(key),
        algorithm=key.algorithm,
        schemes=key.schemes,
        state=key.state,
        suspended_by=key.suspended_by,
        one_time=key.one_time,
        predecessor=key.predecessor,
        origin=key.origin,
        backend=key.backend,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        pin_tries_left=key.pin_tries_left,
        passkey_count=len(key.passkeys),
        algorithm_notice=key.algorithm_notice,
        algorithm_last_day=key.algorithm_last_day,
        certificate=certificate_view(key.certificate) if key.certificate else None,
        certificate_request=request_text(key.certificate_request),
        passkeys=tuple(_passkey_view(credential_id, known.get(credential_id)) for credential_id in key.passkeys),
        warnings=warnings_of(key, now),
        cannot_sign=why_it_cannot_sign(key, now),
        acts=acts_of(key),
    )


def acts_of(key: KeyInformation) -> tuple[str, ...]:
    """What the owner may ask for in the key's present state. sam decides anew when it is asked."""
    if key.one_time:
        return ("destroy",) if key.state in _LIVING else ()
    if key.state == "active":
        removal = ("remove-passkey",) if len(key.passkeys) > 1 else ()
        return ("change-pin", "add-passkey", *removal, "renew", "suspend", "revoke", "destroy")
    if key.state == "suspended":
        return (*(("resume",) if key.suspended_by == "owner" else ()), "revoke", "destroy")
    return ("destroy",) if key.state == "pre-active" else ()


def name_in(key: KeyInformation) -> str:
    """Whom the certificate names, or while there is none its request; empty if there is neither."""
    if key.certificate:
        return certificate_view(key.certificate).common_name
    if not key.certificate_request:
        return ""
    names = x509.load_der_x509_csr(key.certificate_request).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def request_text(der: bytes) -> str:
    """A certificate request (PKCS#10) as authorities take it, PEM; empty for none."""
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode("ascii") if der else ""


def _passkey_view(credential_id: bytes, kept: KeptPasskey | None) -> PasskeyView:
    name = base64url.encode(credential_id)
    if kept is None:
        return PasskeyView(name, False, None, None, None)
    return PasskeyView(name, True, kept.created_at, kept.backup_eligible, kept.last_used_at)


def document_scheme(key: KeyInformation) -> SignatureScheme:
    """What this key signs documents with: the usual scheme of its kind, or the first that the server still uses.

    Raises `Conflict` if there is none.
    """
    usual = DEFAULT_SCHEME[KeyAlgorithm(key.algorithm)]
    if not key.schemes:
        raise Conflict("this server signs no documents with such keys", hint="Choose another key.")
    return usual if usual.value in key.schemes else SignatureScheme(key.schemes[0])


class OwnKeys:
    """The keys of the person who asks, from sam."""

    def __init__(self, sam: Sam, clock: Clock) -> None:
        self._sam = sam
        self._clock = clock

    async def of(self, user_id: str) -> tuple[KeyInformation, ...]:
        """All keys of an account, in order of creation. Keys that sam would give for another account are left out."""
        answer = await ask(self._sam, ListKeys(user_id=user_id), Keys)
        return tuple(key for key in answer.keys if key.user_id == user_id)

    async def require(self, user_id: str, key_id: str) -> KeyInformation:
        """One key of this account. Raises `NotFound`."""
        for key in await self.of(user_id):
            if key.key_id == key_id:
                return key
        raise NotFound("there is no such key")

    def view(self, key: KeyInformation, kept: Mapping[bytes, KeptPasskey] | None = None) -> KeyView:
        """What the owner is shown of it now."""
        return key_view(key, self._clock.now(), kept)

    async def choose(self, user_id: str, key_id: str | None) -> KeyInformation:
        """The key to sign with: the one named, else the newest lasting one that can sign now, else the newest active
        one, about which sam says what is wrong.

        Raises `NotFound`, `KeyCannotSign`.
        """
        if key_id is not None:
            chosen = await self.require(user_id, key_id)
            if chosen.state != "active":
                raise KeyCannotSign(f"the key is {chosen.state}", hint="Choose another key, or see My keys.")
            return chosen
        owned = await self.of(user_id)
        active = [key for key in owned if key.state == "active" and not key.one_time]
        if not active:
            states = ", ".join(sorted({key.state for key in owned})) or "there is none"
            raise KeyCannotSign(f"you have no active key ({states})", hint="See My keys for what can be done.")
        able = [key for key in active if not why_it_cannot_sign(key, self._clock.now())]
        return (able or active)[-1]
