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
def intruder(whole_server: WholeServer, victim: Visitor) -> Visitor:
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
    assert intruder.get("/api/keys")["keys"] == victim.get("/api/keys")["keys"]


def test_it_approves_nothing_even_with_the_right_pin(
    whole_server: WholeServer, intruder: Visitor, victim: Visitor
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
    key_id = victim.get("/api/keys")["keys"][0]["key_id"]
    kinds = [entry["type"] for entry in entries if entry.get("key") == key_id]
    assert kinds.count("approval-refused") == 2
    assert "intent" not in kinds


def test_it_resets_no_pin(intruder: Visitor) -> None:
    key_id = intruder.get("/api/keys")["keys"][0]["key_id"]
    act = intruder.post(f"/api/keys/{key_id}/pin-reset", {})
    credential = intruder.device.get(dict(act["publicKey"], allowCredentials=[]))
    answer = intruder._http.post(
        f"/api/keys/{key_id}/pin-reset/{act['act_id']}", json={"credential": credential, "sealed_secrets": "A" * 200}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")


def test_the_victim_goes_on_undisturbed(intruder: Visitor, victim: Visitor) -> None:
    assert intruder.get("/api/keys")["keys"][0]["pin_tries_left"] == 10
    document = victim.post_bytes(sample_pdf(), "own.pdf")["id"]
    victim.sign(document)
    assert victim.get(f"/api/documents/{document}")["state"] == "signed"
