"""The sign-in ceremony against a software passkey. What is tried over HTTP as well is in tests/functional/web."""

import pytest
import sqlalchemy as sa

from natsuin import base64url
from natsuin.authentication import Challenges, Login, SignInFailed, keep_passkey, transports_of
from natsuin.authentication.tables import passkey
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.passkeys import RelyingParty
from natsuin.sam.protocol import Assertion, Passkey

ORIGIN = "https://sign.example.jp"
PARTY = RelyingParty(rp_id="sign.example.jp", origin=ORIGIN, name="Sign")


@pytest.fixture
def login(database, clock) -> Login:
    return Login(database, clock, party=PARTY)


@pytest.fixture
def device(database) -> SoftwareAuthenticator:
    """Alice's passkey, which sam would have verified."""
    from webauthn.helpers import parse_attestation_object

    made = SoftwareAuthenticator(ORIGIN)
    answer = made.create({"rp": {"id": PARTY.rp_id}, "user": {"id": base64url.encode(b"u-1")}, "challenge": "AAAA"})
    data = parse_attestation_object(base64url.decode(answer["response"]["attestationObject"])).auth_data
    verified = Passkey(
        credential_id=data.attested_credential_data.credential_id,
        public_key=data.attested_credential_data.credential_public_key,
        sign_count=0,
        aaguid="",
        backup_eligible=False,
        transports=("internal", "hybrid"),
    )
    with database.write() as connection:
        keep_passkey(connection, "u-1", verified, now=0)
        keep_passkey(connection, "u-2", verified, now=0)
    return made


def answered(device: SoftwareAuthenticator, challenge: bytes, **changes: object) -> Assertion:
    made = device.get({"rpId": PARTY.rp_id, "challenge": base64url.encode(challenge)})["response"]
    fields = {
        "credential_id": next(iter(device._held)),
        "client_data_json": base64url.decode(made["clientDataJSON"]),
        "authenticator_data": base64url.decode(made["authenticatorData"]),
        "signature": base64url.decode(made["signature"]),
        "user_handle": base64url.decode(made["userHandle"]),
    }
    return Assertion(**{**fields, **changes})


def test_the_owner_signs_in(login, device, database):
    assert login.finish(answered(device, login.challenge())) == "u-1"
    with database.read() as connection:
        assert connection.execute(sa.select(passkey.c.sign_count)).scalar_one() == 1
        assert transports_of(connection, (next(iter(device._held)),)) == {
            next(iter(device._held)): ("internal", "hybrid")
        }


def test_a_challenge_expires(database, clock, device):
    """Five minutes by a clock that nobody can set back."""
    now = [0.0]
    login = Login(database, clock, party=PARTY, challenges=Challenges(timer=lambda: now[0]))
    challenge = login.challenge()
    now[0] = 300
    clock.advance(-3600)
    with pytest.raises(SignInFailed):
        login.finish(answered(device, challenge))


def test_a_counter_that_does_not_grow_is_a_copy(login, device):
    login.finish(answered(device, login.challenge()))
    next(iter(device._held.values())).count = 0
    with pytest.raises(SignInFailed):
        login.finish(answered(device, login.challenge()))


@pytest.mark.parametrize(
    "changes",
    [
        {"user_handle": b"u-2"},
        {"signature": b""},
        {"authenticator_data": b""},
        {"authenticator_data": bytes(37)},
        {"client_data_json": b"{}"},
        {"client_data_json": b"["},
        {"client_data_json": b"\xff"},
        {"client_data_json": b'{"challenge":7}'},
        {"client_data_json": b"[" * 100_000},
        {"credential_id": b"unknown"},
        {"credential_id": b""},
    ],
)
def test_anything_else_fails_in_the_same_words(login, device, changes):
    with pytest.raises(SignInFailed) as refusal:
        login.finish(answered(device, login.challenge(), **changes))
    assert refusal.value.message == "the sign-in could not be verified"


def test_an_answer_from_a_frame_of_another_site_fails_in_the_same_words(login, device):
    device.cross_origin = True
    with pytest.raises(SignInFailed) as refusal:
        login.finish(answered(device, login.challenge()))
    assert refusal.value.message == "the sign-in could not be verified"


def test_a_wrong_answer_leaves_the_challenge_to_its_owner(login, device):
    """It proves nothing, so it changes nothing; the right one is good once."""
    challenge = login.challenge()
    with pytest.raises(SignInFailed):
        login.finish(answered(device, challenge, signature=b""))
    assert login.finish(answered(device, challenge)) == "u-1"
    with pytest.raises(SignInFailed):
        login.finish(answered(device, challenge))


def test_a_challenge_that_was_not_given_out_is_none(login, device):
    for challenge in (bytes(32), bytes(56), b""):
        with pytest.raises(SignInFailed):
            login.finish(answered(device, challenge))
