"""credentials/list and credentials/info: a person's keys as credentials, without a null anywhere.

Clients differ in what they insist on, so what any of them needs is always there: names and dates of the certificate
whether asked for or not, texts as texts and numbers as numbers, and an empty list of authentication objects.
"""

import base64
from datetime import datetime
from typing import Any

from anyio import to_thread
from cryptography import x509

from natsuin.algorithms import KeyAlgorithm
from natsuin.authentication.oauth import CREDENTIAL, Access, Clients, Switch
from natsuin.clock import Clock
from natsuin.sam.key_warnings import why_it_cannot_sign
from natsuin.sam.protocol import MAX_DIGESTS, KeyInformation
from natsuin.web.csc.algorithms import BITS, CURVES, identifiers_of
from natsuin.web.csc.bodies import Members, refused
from natsuin.web.keys import OwnKeys, name_in

_CERTIFICATES = ("none", "single", "chain")
_MOST_RESULTS = 100

PORTAL = "PORTAL"
"""The one authentication object of the mode `explicit`."""
_EXPLICIT = {
    "mode": "explicit",
    "expression": PORTAL,
    "objects": [
        {
            "type": "ChallengeResponseOOB",
            "id": PORTAL,
            "label": "Approval in the portal",
            "description": "Open the page Applications of the portal and approve there with passkey and PIN.",
        }
    ],
}
_OAUTH = {"mode": "oauth2code", "objects": []}


class Credentials:
    """The credentials of whoever a token speaks for."""

    def __init__(self, keys: OwnKeys, clients: Clients, clock: Clock, *, language: str) -> None:
        self._keys = keys
        self._clients = clients
        self._clock = clock
        self._language = language

    async def list(self, access: Access, members: Members, generation: int) -> dict[str, Any]:
        """credentials/list. Raises `OAuthRefused`."""
        if members.has("userID"):
            raise refused("userID parameter MUST be null")
        which = self._certificates(members)
        found = [key for key in await self._keys.of(access.user_id) if is_credential(key)]
        if access.scope == CREDENTIAL:
            found = [key for key in found if key.key_id == access.key_id]
        only_valid = members.flag("onlyValid")
        if only_valid:
            found = [key for key in found if not why_it_cannot_sign(key, self._clock.now())]
        answer: dict[str, Any] = {}
        if generation == 1:
            found, following = _page(found, members)
            if following:
                answer["nextPageToken"] = following
        answer["credentialIDs"] = [key.key_id for key in found]
        if generation > 1 and members.flag("credentialInfo"):
            mode = await self._mode(access, generation)
            answer["credentialInfos"] = [
                {"credentialID": key.key_id, **self._described(key, which), **mode} for key in found
            ]
        if generation > 1 and only_valid:
            answer["onlyValid"] = True
        return answer

    async def info(self, access: Access, members: Members, generation: int) -> dict[str, Any]:
        """credentials/info. Raises `OAuthRefused`."""
        credential_id = members.required("credentialID")
        which = self._certificates(members)
        described = self._described(await self.require(access, credential_id), which)
        return described | await self._mode(access, generation)

    async def require(self, access: Access, credential_id: str) -> KeyInformation:
        """The key that is meant. Raises `OAuthRefused`, in the same words for one that is unknown, another person's, or
        not the token's."""
        if access.scope != CREDENTIAL or credential_id == access.key_id:
            for key in await self._keys.of(access.user_id):
                if key.key_id == credential_id and is_credential(key):
                    return key
        raise refused("Invalid parameter credentialID")

    def _certificates(self, members: Members) -> str:
        which = members.text("certificates") or "single"
        if which not in _CERTIFICATES:
            raise refused("Invalid parameter certificates")
        return which

    async def _mode(self, access: Access, generation: int) -> dict[str, Any]:
        """How this client is given approvals."""
        if generation == 1:
            return {"authMode": "oauth2code"}
        client = await to_thread.run_sync(self._clients.find, access.client_id)
        elsewhere = client is not None and Switch.APPROVAL_ELSEWHERE in client.switches
        return {"auth": _EXPLICIT if elsewhere else _OAUTH}

    def _described(self, key: KeyInformation, which: str) -> dict[str, Any]:
        algorithm = KeyAlgorithm(key.algorithm)
        silent = why_it_cannot_sign(key, self._clock.now())
        of_key: dict[str, Any] = {
            "status": "disabled" if silent else "enabled",
            "algo": identifiers_of(key.schemes),
            "len": BITS[algorithm],
        }
        if algorithm in CURVES:
            of_key["curve"] = CURVES[algorithm]
        return {
            "description": name_in(key),
            "key": of_key,
            "cert": self._certificate(key, which),
            "SCAL": "2",
            "multisign": MAX_DIGESTS,
            "lang": self._language,
        }

    def _certificate(self, key: KeyInformation, which: str) -> dict[str, Any]:
        certificate = x509.load_der_x509_certificate(key.certificate)
        told: dict[str, Any] = {
            "status": self._status(key, certificate),
            "issuerDN": certificate.issuer.rfc4514_string(),
            "serialNumber": f"{certificate.serial_number:X}",
            "subjectDN": certificate.subject.rfc4514_string(),
            "validFrom": _written(certificate.not_valid_before_utc),
            "validTo": _written(certificate.not_valid_after_utc),
        }
        if which != "none":
            chain = (key.certificate, *(key.chain if which == "chain" else ()))
            told["certificates"] = [base64.b64encode(der).decode() for der in chain]
        return told

    def _status(self, key: KeyInformation, certificate: x509.Certificate) -> str:
        if key.state in ("revoked", "destroyed"):
            return "revoked"
        if self._clock.now() > certificate.not_valid_after_utc:
            return "expired"
        return "suspended" if key.state == "suspended" else "valid"


def is_credential(key: KeyInformation) -> bool:
    """Whether a key is one for this API: certified, still there, of a kind that signs digests, and not for one use."""
    living = key.state in ("active", "suspended", "revoked")
    return bool(key.certificate) and living and not key.one_time and KeyAlgorithm(key.algorithm) in BITS


def _page(found: list[KeyInformation], members: Members) -> tuple[list[KeyInformation], str]:
    """One page of the first generation's list; its token is the last id of the page before."""
    after = members.text("pageToken")
    most = min(members.number("maxResults", _MOST_RESULTS), _MOST_RESULTS)
    ids = [key.key_id for key in found]
    if after and after not in ids:
        raise refused("Invalid parameter pageToken")
    start = ids.index(after) + 1 if after else 0
    page = found[start : start + most]
    return page, page[-1].key_id if page and start + most < len(found) else ""


def _written(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%SZ}"
