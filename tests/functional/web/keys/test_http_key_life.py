"""The life of a key over HTTP: what its owner and an officer can do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import base64url
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.sam.process import open_sam
from rigs.key_acts import (
    acts_of,
    add_passkey,
    do,
    for_officers,
    key_of,
    refusal,
)
from rigs.outside_authority import OutsideAuthority
from rigs.portal import PDF, Portal
from rigs.web_side import PIN

NEW_PIN = "battery staple 9"


def test_an_owner_suspends_and_resumes(person: Visitor) -> None:
    document = person.post_bytes(PDF + b"while suspended", "a.pdf")["id"]
    assert do(person, "suspend")["key"]["state"] == "suspended"
    key = key_of(person)
    assert (key["suspended_by"], key["cannot_sign"]) == ("owner", "suspended")
    assert key["acts"] == ["resume", "revoke", "destroy"]
    told = refusal(person._http, f"/api/documents/{document}/instruction", {})
    assert told == (409, "key_cannot_sign")
    page = person.download(f"/documents/{document}").decode()
    assert "is suspended" in page
    assert "data-place " not in page
    assert do(person, "resume")["key"]["state"] == "active"
    person.sign(document)


def test_last_use_is_told_to_owner_and_officer(person: Visitor, officer: Visitor) -> None:
    assert key_of(person)["last_used_at"] == 0
    document = person.post_bytes(PDF + b"used", "a.pdf")["id"]
    waiting = person.post_bytes(PDF + b"only approved", "b.pdf")["id"]
    person.sign(document)
    used = key_of(person)["last_used_at"]
    assert used >= key_of(person)["created_at"]
    person.post(f"/api/documents/{waiting}/instruction", {})
    assert key_of(person)["last_used_at"] == used
    found = officer.get("/api/officer/keys?name=carol@&limit=500")["keys"]
    assert used in {key["last_used_at"] for key in found}


@pytest.mark.parametrize(
    ("act", "wish", "state"), [("revoke", {"reason": "keyCompromise"}, "revoked"), ("destroy", {}, "destroyed")]
)
def test_an_owner_ends_a_key(person: Visitor, act: str, wish: dict[str, str], state: str) -> None:
    assert do(person, act, **wish)["key"]["state"] == state
    assert key_of(person)["acts"] == []
    assert refusal(person._http, acts_of(person), {"act": "suspend"}) == (409, "illegal_move")
    # A person without a living key still sees what was signed.
    person.sign_in()
    assert person.get("/api/me")["roles"] == ["signer"]


def test_renewal_needs_pin_and_gives_another_key(person: Visitor) -> None:
    old = key_of(person)["key_id"]
    secrets = {"pin": PIN, "recovery_code": new_recovery_code()}
    done = do(person, "renew", algorithm="p-384", secrets=secrets)
    assert (done["key"]["state"], done["made"]["algorithm"], done["made"]["predecessor"]) == ("destroyed", "p-384", old)
    document = person.post_bytes(PDF + b"renewed", "a.pdf")["id"]
    person.sign(document)


def test_a_key_for_one_instruction_is_never_chosen_by_itself(person: Visitor) -> None:
    lasting = key_of(person)["key_id"]
    made = do(person, "one-time", secrets={"pin": PIN})["made"]
    assert made["one_time"]
    document = person.post_bytes(PDF + b"chosen", "a.pdf")["id"]
    instruction = person.post(f"/api/documents/{document}/instruction", {})
    assert f'"key":"{lasting}"' in instruction["record"]


def test_a_wrong_pin_is_counted_and_a_right_one_changes_it(person: Visitor) -> None:
    with pytest.raises(ServerRefused, match="9 tries"):
        do(person, "change-pin", secrets={"pin": "wrong horse 7", "new_pin": NEW_PIN})
    do(person, "change-pin", secrets={"pin": PIN, "new_pin": NEW_PIN})
    assert key_of(person)["pin_tries_left"] == 10
    person.pin = NEW_PIN
    person.sign(person.post_bytes(PDF + b"new PIN", "a.pdf")["id"])


def test_a_second_passkey_signs_in_and_approves(portal: Portal, person: Visitor) -> None:
    known = key_of(person)["passkeys"]
    assert [(one["signs_in"], one["synced"]) for one in known] == [(True, False)]
    assert "one_passkey" in {warning["kind"] for warning in key_of(person)["warnings"]}
    second = add_passkey(person)
    assert "one_passkey" not in {warning["kind"] for warning in key_of(person)["warnings"]}
    other = portal.visitor()
    other.device, other.pin = second, PIN
    other.sign_in()
    other.sign(other.post_bytes(PDF + b"second passkey", "a.pdf")["id"])


def test_an_offer_excludes_what_is_known(person: Visitor) -> None:
    offer = person.post(acts_of(person).replace("/acts", "/passkey-offer"), {})
    excluded = [one["id"] for one in offer["publicKey"]["excludeCredentials"]]
    assert excluded == [passkey["credential_id"] for passkey in key_of(person)["passkeys"]]


def test_an_officer_suspends_resumes_and_revokes(person: Visitor, officer: Visitor) -> None:
    path = for_officers(person)
    done = do(officer, "suspend", path=path, note="書類を確認中")
    assert done["key"]["suspended_by"] == "officer"
    assert not {"passkeys", "pin_tries_left"} & set(done["key"])
    assert refusal(person._http, acts_of(person), {"act": "resume"}) == (409, "illegal_move")
    assert do(officer, "resume", path=path)["key"]["state"] == "active"
    assert do(officer, "revoke", path=path, reason="affiliationChanged")["key"]["state"] == "revoked"


def test_officers_find_keys_by_name_and_state_page_by_page(person: Visitor, officer: Visitor, bob: Visitor) -> None:
    key_id = key_of(person)["key_id"]
    do(person, "suspend")
    found = officer.get("/api/officer/keys?name=CAROL&state=suspended")["keys"]
    assert key_id in {key["key_id"] for key in found}
    assert {(key["owner"], key["state"]) for key in found} == {("Carol", "suspended")}
    assert officer.get("/api/officer/keys?name=%25")["keys"] == []
    seen: list[str] = []
    after = ""
    while True:
        page = officer.get(f"/api/officer/keys?limit=2&after={after}")
        seen += [key["key_id"] for key in page["keys"]]
        after = page["next"]
        if not after:
            break
    everybody = officer.get("/api/officer/keys?limit=500")
    assert seen == sorted(seen) == [key["key_id"] for key in everybody["keys"]]
    assert everybody["next"] == ""
    shown = officer.download(f"/officer/keys/{key_id}").decode()
    assert "Carol" in shown
    assert "resume" in shown


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[Portal, OutsideAuthority]]:
    """A portal whose signers get their certificates elsewhere."""
    made, authority = Portal.start(tmp_path), OutsideAuthority("Outside CA")
    rig = made.sam.rig
    rig.sam.close()
    (tmp_path / "anchors.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    ca = rig.config.ca.model_copy(update={"signers": "outside", "outside_anchors": tmp_path / "anchors.pem"})
    rig.config = rig.config.model_copy(update={"ca": ca})
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)
    yield made, authority
    made.stop()


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_key_waits_everywhere_and_an_officer_installs_its_certificate(
    outside: tuple[Portal, OutsideAuthority], form: str
) -> None:
    portal, authority = outside
    officer = portal.enrol_officer()
    signer = portal.enrol(officer, common_name="Dora", email="dora@example.jp")
    key = key_of(signer)
    assert (key["state"], key["certificate"], key["acts"]) == ("pre-active", None, ["destroy"])
    request = x509.load_pem_x509_csr(key["certificate_request"].encode())
    document = signer.post_bytes(PDF + b"too early", "a.pdf")["id"]
    for path in ("/keys", f"/documents/{document}", f"/keys/{key['key_id']}/destroy"):
        assert signer.download(path)
    for path in ("/officer/keys", f"/officer/keys/{key['key_id']}"):
        assert "Dora" in officer.download(path).decode()
    issued = authority.issue(request.public_bytes(Encoding.DER))
    files = [authority.der, issued]
    if form == "pem":
        text = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in files]
        files = [b"Bag Attributes\n" + b"".join(text)]
    path = for_officers(signer)
    foreign = OutsideAuthority("Foreign CA").issue(request.public_bytes(Encoding.DER))
    wrong = {"act": "install-certificate", "certificates": [base64url.encode(foreign)]}
    assert refusal(officer._http, path, wrong) == (422, "certificate_not_accepted")
    done = do(officer, "install-certificate", path=path, certificates=[base64url.encode(content) for content in files])
    assert (done["key"]["state"], done["key"]["certificate"]["issuer"]) == ("active", "CN=Outside CA")
    signer.sign(document)
