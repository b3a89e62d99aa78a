"""Registrations and assertions, as sign-in and sam both verify them, against a software authenticator."""

import json

import msgspec
import pytest

from natsuin import base64url
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.errors import ApprovalRefused
from natsuin.passkeys import RelyingParty, claimed_challenge
from natsuin.sam.protocol import Assertion, Attestation, Passkey

ORIGIN = "https://sign.example.jp"
PARTY = RelyingParty("sign.example.jp", ORIGIN)
CHALLENGE, USER = bytes(range(32)), b"u-1"


def registration(device: SoftwareAuthenticator) -> Attestation:
    user = {"id": base64url.encode(USER)}
    made = device.create({"rp": {"id": PARTY.rp_id}, "user": user, "challenge": base64url.encode(CHALLENGE)})
    return Attestation(
        credential_id=base64url.decode(made["rawId"]),
        client_data_json=base64url.decode(made["response"]["clientDataJSON"]),
        attestation_object=base64url.decode(made["response"]["attestationObject"]),
        transports=("internal",) * 20,
    )


def answer(device: SoftwareAuthenticator) -> Assertion:
    made = device.get({"rpId": PARTY.rp_id, "challenge": base64url.encode(CHALLENGE)})
    response = {name: base64url.decode(value) for name, value in made["response"].items()}
    return Assertion(
        credential_id=base64url.decode(made["rawId"]),
        client_data_json=response["clientDataJSON"],
        authenticator_data=response["authenticatorData"],
        signature=response["signature"],
        user_handle=response["userHandle"],
    )


@pytest.fixture
def device() -> SoftwareAuthenticator:
    return SoftwareAuthenticator(ORIGIN)


@pytest.fixture
def passkey(device) -> Passkey:
    return PARTY.verify_registration(registration(device), CHALLENGE)


def verify(passkey: Passkey, assertion: Assertion, *, user_handle: bytes | None = USER) -> int:
    return PARTY.verify_assertion(
        assertion, CHALLENGE, public_key=passkey.public_key, sign_count=passkey.sign_count, user_handle=user_handle
    )


def test_a_passkey_registers_and_answers(device, passkey):
    assert verify(passkey, answer(device)) == 1
    assert len(passkey.transports) == 8
    assert claimed_challenge(answer(device)) == CHALLENGE


@pytest.mark.parametrize(
    "members",
    [{"crossOrigin": True}, {"crossOrigin": "true"}, {"crossOrigin": 1}, {"crossOrigin": None}]
    + [{"topOrigin": origin} for origin in ("https://other.example", ORIGIN, None)],
)
def test_what_is_answered_in_a_frame_counts_for_neither_ceremony(device, passkey, members, monkeypatch):
    """Signed by the real passkey, so that nothing but the frame is wrong."""

    def framed(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": ORIGIN, **members}).encode()

    monkeypatch.setattr(SoftwareAuthenticator, "_client_data", framed)
    with pytest.raises(ApprovalRefused, match="frame"):
        verify(passkey, answer(device))
    with pytest.raises(ApprovalRefused, match="frame"):
        PARTY.verify_registration(registration(device), CHALLENGE)


def test_client_data_of_older_browsers_does_not_say_where_it_was_answered(device, passkey, monkeypatch):
    def brief(self, kind, challenge):
        return json.dumps({"type": kind, "challenge": challenge, "origin": ORIGIN}).encode()

    monkeypatch.setattr(SoftwareAuthenticator, "_client_data", brief)
    assert verify(passkey, answer(device)) == 1
    assert PARTY.verify_registration(registration(device), CHALLENGE).public_key


@pytest.mark.parametrize("change", [{"user_verified": False}, {"origin": "https://phisher.example"}])
def test_without_user_verification_or_from_elsewhere_neither_counts(device, passkey, change):
    for name, value in change.items():
        setattr(device, name, value)
    with pytest.raises(ApprovalRefused):
        verify(passkey, answer(device))
    with pytest.raises(ApprovalRefused):
        PARTY.verify_registration(registration(device), CHALLENGE)


def test_an_answer_names_the_account_or_none(device, passkey):
    given = answer(device)
    with pytest.raises(ApprovalRefused, match="another account"):
        verify(passkey, given, user_handle=b"u-2")
    with pytest.raises(ApprovalRefused, match="another account"):
        verify(passkey, msgspec.structs.replace(given, user_handle=b""))
    assert verify(passkey, msgspec.structs.replace(given, user_handle=None)) == 1
    assert verify(passkey, given, user_handle=None) == 1


def test_an_answer_to_another_challenge_or_with_an_old_count_is_none(device, passkey):
    given = answer(device)
    for challenge, count in ((bytes(32), 0), (CHALLENGE, 1), (CHALLENGE, 7)):
        with pytest.raises(ApprovalRefused):
            PARTY.verify_assertion(given, challenge, public_key=passkey.public_key, sign_count=count)


HOSTILE = [b"", b"{}", b"[", b"[]", b"\xff", b'"a"', b'{"challenge":7}', b"[" * 60_000, b"1" * 60_000, bytes(70_000)]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("member", ["client_data_json", "authenticator_data", "signature", "user_handle"])
def test_hostile_answers_are_refused(device, passkey, member, value):
    with pytest.raises(ApprovalRefused):
        verify(passkey, msgspec.structs.replace(answer(device), **{member: value}), user_handle=USER)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("member", ["client_data_json", "attestation_object", "credential_id"])
def test_hostile_registrations_are_refused(device, member, value):
    with pytest.raises(ApprovalRefused):
        PARTY.verify_registration(msgspec.structs.replace(registration(device), **{member: value}), CHALLENGE)


def test_a_credential_id_longer_than_any_is_refused(device, passkey):
    """Which passkey it must be is the caller's matter; this is only about size."""
    with pytest.raises(ApprovalRefused):
        verify(passkey, msgspec.structs.replace(answer(device), credential_id=bytes(1024)))


@pytest.mark.parametrize("value", [*HOSTILE, b'{"challenge":"AR"}'])
def test_client_data_without_a_challenge_claims_none(device, passkey, value):
    with pytest.raises(ApprovalRefused):
        claimed_challenge(msgspec.structs.replace(answer(device), client_data_json=value))
