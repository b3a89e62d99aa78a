"""Acts on keys over HTTP, as a browser makes them, and people who make them."""

from typing import Any

import httpx2

from natsuin import base64url
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import challenge_of, new_recovery_code, seal
from natsuin.cli.demo.visitor import Visitor
from natsuin.sam import protocol
from rigs.web_side import ORIGIN, PIN

CHANGE, RENEW = protocol.HPKE_INFO_CHANGE, protocol.HPKE_INFO_RENEW
NEW_PIN = "battery staple 9"


def keys_of(visitor: Visitor) -> list[dict[str, Any]]:
    return list(visitor.get("/api/keys")["keys"])


def key_of(visitor: Visitor) -> dict[str, Any]:
    return keys_of(visitor)[-1]


def acts_of(visitor: Visitor) -> str:
    return f"/api/keys/{key_of(visitor)['key_id']}/acts"


def for_officers(visitor: Visitor) -> str:
    return f"/api/officer{acts_of(visitor).removeprefix('/api')}"


def approval(
    act: dict[str, Any], device: SoftwareAuthenticator, *, info: bytes = b"", **secrets: str
) -> dict[str, Any]:
    """What the browser sends once the record is seen to be the one of the challenge."""
    challenge = challenge_of(act["record"].encode())
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge == base64url.decode(act["challenge"])
    body: dict[str, Any] = {"credential": device.get(act["publicKey"])}
    if secrets:
        sealed = seal(base64url.decode(act["hpke_public_key"]), info + challenge, secrets)
        body["sealed_secrets"] = base64url.encode(sealed)
    return body


def do(visitor: Visitor, act: str, *, by: SoftwareAuthenticator | None = None, **rest: Any) -> dict[str, Any]:
    """Propose an act on the visitor's newest key, and approve it."""
    secrets = rest.pop("secrets", {})
    path = rest.pop("path", None) or acts_of(visitor)
    info = RENEW if act in {"renew", "one-time"} else CHANGE
    proposed = visitor.post(path, {"act": act, **rest})
    return visitor.post(f"{path}/{proposed['act_id']}", approval(proposed, by or visitor.device, info=info, **secrets))


def add_passkey(visitor: Visitor) -> SoftwareAuthenticator:
    offer = visitor.post(acts_of(visitor).replace("/acts", "/passkey-offer"), {})
    device = SoftwareAuthenticator(ORIGIN)
    do(
        visitor,
        "add-passkey",
        offer_id=offer["offer_id"],
        credential=device.create(offer["publicKey"]),
        secrets={"pin": PIN, "recovery_code": new_recovery_code()},
    )
    return device


def remove_passkey(visitor: Visitor, credential_id: str, by: SoftwareAuthenticator) -> None:
    secrets = {"pin": PIN, "recovery_code": new_recovery_code()}
    do(visitor, "remove-passkey", by=by, credential_id=credential_id, secrets=secrets)


def refusal(client: httpx2.Client, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = client.post(path, json=body)
    return answer.status_code, answer.json()["code"]
