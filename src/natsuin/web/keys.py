"""A person's keys as sam reports them, and what of their certificates is shown to people."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from natsuin.clock import milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.sam.protocol import KeyInformation, Keys, ListKeys
from natsuin.web.sam_calls import Sam, ask

_SHORT_NAMES = {NameOID.SERIAL_NUMBER: "serialNumber"}
"""Beside those of RFC 4514, for people to read."""


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
class KeyView:
    """A key as its owner sees it. Times in milliseconds."""

    key_id: str
    algorithm: str
    schemes: tuple[str, ...]
    state: str
    backend: str
    created_at: int
    pin_tries_left: int
    passkey_count: int
    certificate: CertificateView

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        members: dict[str, object] = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("certificate", "schemes")
        }
        return members | {"schemes": list(self.schemes), "certificate": self.certificate.as_json()}


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


def key_view(key: KeyInformation) -> KeyView:
    """What a key's owner is shown."""
    return KeyView(
        key_id=key.key_id,
        algorithm=key.algorithm,
        schemes=key.schemes,
        state=key.state,
        backend=key.backend,
        created_at=key.created_at,
        pin_tries_left=key.pin_tries_left,
        passkey_count=len(key.passkeys),
        certificate=certificate_view(key.certificate),
    )


class OwnKeys:
    """The keys of the person who asks, from sam."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam

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

    async def choose(self, user_id: str, key_id: str | None) -> KeyInformation:
        """The key to sign with: the one named, else the newest active one. Raises `NotFound` or `Conflict`."""
        if key_id is not None:
            chosen = await self.require(user_id, key_id)
            if chosen.state != "active":
                raise Conflict(f"the key is {chosen.state}", hint="Choose another key.")
            return chosen
        active = [key for key in await self.of(user_id) if key.state == "active"]
        if not active:
            raise Conflict("you have no active key", hint="Ask a registration officer for a new invitation.")
        return active[-1]
