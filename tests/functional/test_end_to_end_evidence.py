"""evidence.json as a court's expert would read it: recomputed by hand with hashlib and `cryptography`, not with
Natsuin.

It shows that this person's passkey approved exactly what stands in the PDF, and that the log knew before and after.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from rigs.outside_judges import SignatureInFile, signatures_in


@pytest.fixture(scope="module")
def evidence(demonstration: Path) -> dict[str, Any]:
    return json.loads((demonstration / "evidence.json").read_text())


@pytest.fixture(scope="module")
def record(evidence: dict[str, Any]) -> dict[str, Any]:
    return json.loads(evidence["record"])


@pytest.fixture(scope="module")
def signature(demonstration: Path) -> SignatureInFile:
    (found,) = signatures_in((demonstration / "signed.pdf").read_bytes())
    return found


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_the_challenge_is_the_hash_of_the_record(evidence: dict[str, Any]) -> None:
    assert decode(evidence["challenge"]) == sha256(b"natsuin/approval/v1\0" + evidence["record"].encode())
    assert evidence["format"] == "natsuin-evidence/v1"


def test_the_passkey_signed_this_challenge_for_this_service(evidence: dict[str, Any]) -> None:
    """Web Authentication Level 3, 7.2, the steps that bind an assertion."""
    approval, party = evidence["approval"], evidence["relying_party"]
    client_data, data = decode(approval["client_data_json"]), decode(approval["authenticator_data"])
    told = json.loads(client_data)
    assert told["type"] == "webauthn.get"
    assert told["challenge"] == evidence["challenge"]
    assert told["origin"] == party["origin"]
    assert data[:32] == sha256(party["id"].encode())
    user_present, user_verified = 0x01, 0x04
    assert data[32] & (user_present | user_verified) == user_present | user_verified
    cose = cbor2.loads(decode(evidence["passkey"]["public_key"]))
    assert (cose[1], cose[3], cose[-1]) == (2, -7, 1), "EC2, ES256, P-256"
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(cose[-2], "big"), int.from_bytes(cose[-3], "big"), ec.SECP256R1()
    )
    key, message = numbers.public_key(), data + sha256(client_data)
    key.verify(decode(approval["signature"]), message, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(decode(approval["signature"]), message + b"!", ec.ECDSA(hashes.SHA256()))


def test_what_was_approved_is_what_stands_in_the_pdf(
    demonstration: Path, record: dict[str, Any], signature: SignatureInFile
) -> None:
    assert record["act"] == "sign"
    assert record["count"] == 1
    assert record["scheme"] == "rsa-pkcs1-sha256"
    (digest,) = record["digests"]
    assert decode(digest) == sha256(signature.signed_attributes)
    (document,) = record["documents"]
    signed = (demonstration / "signed.pdf").read_bytes()
    assert decode(document["sha256"]) == sha256(signed[: document["size"]]), "the PDF begins with what was shown"


def test_the_key_is_the_certified_one(
    evidence: dict[str, Any], record: dict[str, Any], demonstration: Path, signature: SignatureInFile
) -> None:
    ders = [base64.b64decode(text) for text in evidence["certificates"]]
    leaf, issuing, root = map(x509.load_der_x509_certificate, ders)
    assert decode(record["certificate_sha256"]) == sha256(ders[0])
    assert record["key"] == evidence["key"]["id"]
    assert record["algorithm"] == evidence["key"]["algorithm"] == "rsa-3072"
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert root.public_bytes(Encoding.PEM) == (demonstration / "ca.pem").read_bytes()
    embedded = [choice.chosen.dump() for choice in signature.signed_data["certificates"]]
    assert ders[0] in embedded


def test_intent_and_outcome_are_in_the_log_and_say_so(
    evidence: dict[str, Any], demonstration: Path, signature: SignatureInFile
) -> None:
    vkey = (demonstration / "log.vkey").read_text().strip()
    assert evidence["log_vkey"] == vkey
    (use,) = evidence["uses"]
    assert use["state"] == "released"
    place, intent = proved(use["intent"], vkey)
    after, outcome = proved(use["outcome"], vkey)
    assert (intent["type"], outcome["type"]) == ("intent", "outcome")
    assert intent["tx"] == outcome["tx"]
    assert outcome["intent"] == place < after
    assert outcome["result"] == "signed"
    assert [decode(name) for name in outcome["signatures"]] == [sha256(signature.value)]
    assert use["outcome"] == (demonstration / "signed.pdf.tlog-proof").read_text()


def test_the_openings_open_the_commitment(evidence: dict[str, Any], record: dict[str, Any]) -> None:
    (use,) = evidence["uses"]
    _, intent = proved(use["intent"], evidence["log_vkey"])
    hashed, opened = b"", {}
    for name, part in sorted(use["opening"]["fields"].items()):
        tagged = b"natsuin/commitment/field/v1\0" + name.encode() + b"\0" + part["value"].encode()
        hashed += name.encode() + b"\0" + hmac.digest(decode(part["salt"]), tagged, "sha256")
        opened[name] = json.loads(part["value"])
    commitment = sha256(b"natsuin/commitment/entry/v1\0" + intent["tx"].encode() + hashed)
    assert decode(intent["commitment"]) == commitment
    assert opened["record_sha256"] == sha256(evidence["record"].encode()).hex()
    assert opened["user"] == record["user"]
    assert opened["instruction"] == record["id"]
    text = json.dumps(intent)
    assert record["user"] not in text, "the log itself names nobody"


def proved(receipt: str, vkey: str) -> tuple[int, dict[str, Any]]:
    """Index and entry of a `.tlog-proof`: RFC 9162, 2.1.3.2 for the path, C2SP signed-note for the checkpoint."""
    head, _, checkpoint = receipt.partition("\n\n")
    header, extra, index_line, *path = head.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    leaf, index = base64.b64decode(extra.removeprefix("extra ")), int(index_line.removeprefix("index "))
    body, _, signatures = checkpoint.partition("\n\n")
    origin, size, root = body.split("\n")
    node, last, computed = index, int(size) - 1, sha256(b"\0" + leaf)
    for sibling in map(base64.b64decode, path):
        if node & 1 or node == last:
            computed = sha256(b"\1" + sibling + computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed = sha256(b"\1" + computed + sibling)
        node, last = node >> 1, last >> 1
    assert last == 0
    assert computed == base64.b64decode(root)
    name, _, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    assert origin == name
    assert public[0] == 1, "Ed25519"
    line = signatures.strip().removeprefix(f"— {name} ")
    ed25519.Ed25519PublicKey.from_public_bytes(public[1:]).verify(base64.b64decode(line)[4:], (body + "\n").encode())
    return index, json.loads(leaf)
