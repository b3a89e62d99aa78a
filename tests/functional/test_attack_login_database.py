"""With all the rights of web, DB-1 included: a passkey that web put there signs somebody in, and approves nothing (P1).

The passkeys in DB-1 are copies for login; sam has its own record, so login and key authorisation fall separately.
"""

import sqlite3
import time
from typing import Any

import cbor2
import pytest

from natsuin import base64url
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from rigs.document_workshop import sample_pdf
from rigs.invariants import entries_of
from rigs.telling import assert_tells_nothing_inside
from rigs.whole_server import WholeServer


@pytest.fixture(scope="module")
def victim(whole_server: WholeServer, whole_officer: Visitor) -> Visitor:
    return whole_server.enrol(whole_officer, common_name="Victim", email="victim@example.jp")


@pytest.fixture(scope="module")
def victims_key(victim: Visitor) -> str:
    return str(victim.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="module")
def intruder(whole_server: WholeServer, victim: Visitor, victims_key: str) -> Visitor:
    """Somebody whose own passkey stands in DB-1 as the victim's."""
    user_id = victim.get("/api/me")["user_id"]
    visitor = whole_server.visitor()
    made = visitor.device.create(
        {"rp": {"id": "localhost"}, "user": {"id": base64url.encode(user_id.encode())}, "challenge": "AAAA"}
    )
    attested: dict[str, Any] = cbor2.loads(base64url.decode(made["response"]["attestationObject"]))
    # Web Authentication Level 3, 6.5.1: 37 bytes of head, AAGUID, length and credential id, then the COSE key.
    data = attested["authData"]
    size = int.from_bytes(data[53:55], "big")
    credential_id, public_key = data[55 : 55 + size], data[55 + size :]
    now = int(time.time() * 1000)
    with sqlite3.connect(whole_server.folder / "web" / "db1.sqlite") as database:
        database.execute(
            "INSERT INTO passkey (credential_id, user_id, public_key, sign_count, aaguid, backup_eligible, transports,"
            " created_at) VALUES (?, ?, ?, 0, ?, 0, '[]', ?)",
            (credential_id, user_id, public_key, "00000000-0000-0000-0000-000000000000", now),
        )
    visitor.sign_in()
    visitor.pin = victim.pin
    return visitor


def test_the_planted_passkey_signs_in_as_the_victim(intruder: Visitor, victim: Visitor) -> None:
    """What falls with web is login, and this shows that the attack below really stands where it claims to."""
    assert intruder.get("/api/me")["user_id"] == victim.get("/api/me")["user_id"]


def test_it_approves_nothing_even_with_the_right_pin(
    whole_server: WholeServer, intruder: Visitor, victims_key: str
) -> None:
    document = intruder.post_bytes(sample_pdf(), "planted.pdf")["id"]
    instruction = intruder.post(f"/api/documents/{document}/instruction", {})
    path = f"/api/instructions/{instruction['instruction_id']}/approval"
    own = dict(instruction, publicKey=dict(instruction["publicKey"], allowCredentials=[]))
    with pytest.raises(ServerRefused):
        intruder.approve(own, path)
    named = intruder.device.get(own["publicKey"])
    named["id"] = named["rawId"] = instruction["publicKey"]["allowCredentials"][0]["id"]
    answer = intruder._http.post(path, json={"credential": named, "sealed_pin": "A" * 200})
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")
    assert_tells_nothing_inside(answer)
    assert intruder.get(f"/api/documents/{document}")["state"] != "signed"
    entries = entries_of(whole_server.config.sam.log_folder)
    kinds = [entry["type"] for entry in entries if entry.get("key") == victims_key]
    assert kinds.count("approval-refused") == 2
    assert "intent" not in kinds


def test_it_resets_no_pin(intruder: Visitor, victims_key: str) -> None:
    act = intruder.post(f"/api/keys/{victims_key}/pin-reset", {})
    credential = intruder.device.get(dict(act["publicKey"], allowCredentials=[]))
    answer = intruder._http.post(
        f"/api/keys/{victims_key}/pin-reset/{act['act_id']}",
        json={"credential": credential, "sealed_secrets": "A" * 200},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")


def test_whoever_looks_at_the_keys_finds_it_out(intruder: Visitor, victim: Visitor) -> None:
    """sam does not know the planted passkey, so the next look at the keys takes it away, and everybody has to sign in
    again, which the victim alone can."""
    assert intruder.get("/api/keys")["keys"][0]["pin_tries_left"] == 10
    for visitor in (intruder, victim):
        with pytest.raises(ServerRefused, match="not signed in"):
            visitor.get("/api/me")
    with pytest.raises(ServerRefused):
        intruder.sign_in()
    victim.sign_in()
    document = victim.post_bytes(sample_pdf(), "own.pdf")["id"]
    victim.sign(document)
    assert victim.get(f"/api/documents/{document}")["state"] == "signed"
