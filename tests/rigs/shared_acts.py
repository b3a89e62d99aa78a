"""What two officers and an owner do by HTTP to copy a key, to bring it back, and to take one in."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from natsuin import base64url
from natsuin.cli.demo.encoding import challenge_of, new_recovery_code, seal
from natsuin.cli.demo.visitor import Visitor
from natsuin.sam import protocol
from rigs.key_envelopes import ImportingAuthority, key_file, name_of, secret_of
from rigs.portal import PERSON, Portal
from rigs.web_side import PIN

ACTS = "/api/officer/backup-acts"


def me(visitor: Visitor) -> str:
    return str(visitor.get("/api/me")["user_id"])


def database(portal: Portal) -> Path:
    """DB-2, for those who can write to it."""
    assert portal.config.file is not None
    return portal.config.file.parent / "sam" / "db2.sqlite"


def by_officer(act: dict[str, Any], officer: Visitor) -> dict[str, Any]:
    """The body of an officer's approval, once the record is seen to be the one of the challenge."""
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge_of(act["record"].encode())
    return {"credential": officer.device.get(act["publicKey"])}


def by_owner(act: dict[str, Any], owner: Visitor, *, info: bytes, pin: str = PIN, **more: str) -> dict[str, Any]:
    challenge = challenge_of(act["record"].encode())
    sealed = seal(base64url.decode(act["hpke_public_key"]), info + challenge, {"pin": pin, **more})
    credential = owner.device.get(act["publicKey"])
    return {"credential": credential, "sealed_secrets": base64url.encode(sealed)}


def review(officer: Visitor, act_id: str) -> dict[str, Any]:
    return officer.get(f"/api/officer/waiting/{act_id}")


def second_approves(act: dict[str, Any], second: Visitor) -> dict[str, Any]:
    shown = review(second, act["act_id"])
    assert shown["record"] == act["record"]
    return second.post(f"{ACTS}/{act['act_id']}", by_officer(shown, second))


def archive(first: Visitor, second: Visitor, key_id: str = "") -> list[dict[str, Any]]:
    """Both approve; the archives that were made."""
    act = first.post("/api/officer/archives", {"key_id": key_id, "second_officer": me(second)})
    waiting = first.post(f"{ACTS}/{act['act_id']}", by_officer(act, first))
    assert len(waiting["waiting_for"]) == 1
    return list(second_approves(act, second)["archives"])


def propose_restore(first: Visitor, second: Visitor, archive_id: str) -> dict[str, Any]:
    return first.post(f"/api/officer/archives/{archive_id}/restore", {"second_officer": me(second)})


def restore_by_officers(first: Visitor, second: Visitor, archive_id: str) -> dict[str, Any]:
    """Both approve; the act waits for the owner."""
    act = propose_restore(first, second, archive_id)
    first.post(f"{ACTS}/{act['act_id']}", by_officer(act, first))
    second_approves(act, second)
    return act


def restore_by_owner(owner: Visitor, act_id: str, *, pin: str = PIN) -> dict[str, Any]:
    shown = owner.get(f"/api/waiting/{act_id}")
    body = by_owner(shown, owner, info=protocol.HPKE_INFO_RESTORE, pin=pin)
    return owner.post(f"/api/restores/{act_id}", body)


def import_body(act: dict[str, Any], owner: Visitor, *, pin: str = PIN) -> dict[str, Any]:
    return by_owner(act, owner, info=protocol.HPKE_INFO_IMPORT, pin=pin, recovery_code=new_recovery_code())


def envelope_for(authority: ImportingAuthority, info: protocol.ServiceInformation, user_id: str, name: str) -> bytes:
    """An envelope with a new key for this person, as the authority makes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify(key.public_key(), name_of(name, PERSON["organization"]))
    header = authority.header(origin=info.origin, log=info.log_vkey, user=user_id)
    return authority.sign(authority.content(header, secret_of(key_file(key, certificate)), info.import_key))
