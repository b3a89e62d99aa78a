"""With all the rights of web: nobody is enrolled without an officer's passkey, and no invitation works twice (P1)."""

import uuid

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from natsuin import errors
from natsuin.sam import protocol as p
from rigs.web_side import ORIGIN, Officer, Signer, WebSide, assertion, attestation

EVIDENCE = p.IdentityEvidence(kind="passport", reference="r", level=2, checked_by="c", checked_at=1)


def test_nobody_is_registered_in_the_name_of_nobody(web: WebSide, alice: Signer) -> None:
    for officer_id in ("", "nobody", alice.user_id):
        with pytest.raises(errors.Forbidden):
            web.ask(
                p.ProposeEnrolment(
                    officer_id=officer_id,
                    user_id=uuid.uuid4().hex,
                    subject=p.Subject(common_name="Mallory"),
                    evidence=EVIDENCE,
                    algorithm="p-256",
                )
            )


def test_only_the_officers_own_passkey_approves(web: WebSide, officer: Officer, alice: Signer) -> None:
    act = web.propose(officer)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.ApproveEnrolment(act_id=act.act_id, assertion=assertion(alice.device, act.challenge)))
    stranger = web.device()
    attestation(stranger, bytes(32), "x")
    forged = assertion(stranger, act.challenge)
    named = p.Assertion(
        credential_id=act.credential_ids[0],
        client_data_json=forged.client_data_json,
        authenticator_data=forged.authenticator_data,
        signature=forged.signature,
    )
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.ApproveEnrolment(act_id=act.act_id, assertion=named))


def test_an_officers_approval_is_for_one_record(web: WebSide, officer: Officer) -> None:
    first, second = web.propose(officer, name="One"), web.propose(officer, name="Two")
    approval = assertion(officer.device, first.challenge)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.ApproveEnrolment(act_id=second.act_id, assertion=approval))
    web.ask(p.ApproveEnrolment(act_id=first.act_id, assertion=approval))
    with pytest.raises(errors.Refused):
        web.ask(p.ApproveEnrolment(act_id=first.act_id, assertion=approval))


def test_an_invitation_works_once_and_is_not_guessed(web: WebSide, officer: Officer) -> None:
    invitation = web.invite(officer)
    web.enrol(invitation)
    with pytest.raises(errors.AlreadyUsed):
        web.ask(p.OpenInvitation(token=invitation.token))
    for token in ("", "x" * 43):
        with pytest.raises(errors.NotFound):
            web.ask(p.OpenInvitation(token=token))


def test_a_passkey_made_without_the_person_being_verified_is_refused(web: WebSide, officer: Officer) -> None:
    invitation = web.invite(officer)
    opened = web.ask(p.OpenInvitation(token=invitation.token))
    sealed = web.seal(p.HPKE_INFO_ENROL, opened.challenge, pin="long enough", recovery_code="0" * 26)
    unverified, elsewhere = web.device(), web.device()
    unverified.user_verified = False
    elsewhere.origin = "https://phisher.example"
    for device in (unverified, elsewhere):
        made = attestation(device, opened.challenge, opened.user_id)
        with pytest.raises(errors.ApprovalRefused):
            web.ask(p.CompleteEnrolment(token=invitation.token, attestation=made, sealed_secrets=sealed))
    wrong_challenge = attestation(web.device(), bytes(32), opened.user_id)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.CompleteEnrolment(token=invitation.token, attestation=wrong_challenge, sealed_secrets=sealed))
    assert elsewhere.origin != ORIGIN


@pytest.mark.parametrize("pin", ["12345", "111111", "123456", "654321", "abcabc", "password", "１２３４５６", "x" * 65])
def test_a_weak_pin_is_refused_and_the_invitation_stays(web: WebSide, officer: Officer, pin: str) -> None:
    invitation = web.invite(officer)
    with pytest.raises(errors.Refused) as refused:
        web.enrol(invitation, pin=pin)
    assert refused.value.told == "weak_pin"
    assert web.enrol(invitation).key.state == "active"


def test_a_passkey_made_in_a_frame_of_another_site_is_refused(web: WebSide, officer: Officer) -> None:
    invitation = web.invite(officer)
    opened = web.ask(p.OpenInvitation(token=invitation.token))
    device = web.device()
    device.cross_origin = True
    sealed = web.seal(p.HPKE_INFO_ENROL, opened.challenge, pin="correct horse 7", recovery_code="A" * 26)
    framed = attestation(device, opened.challenge, opened.user_id)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.CompleteEnrolment(token=invitation.token, attestation=framed, sealed_secrets=sealed))
    assert web.enrol(invitation).key.state == "active", "the refusal must not spend the invitation"


def test_an_officers_approval_in_a_frame_of_another_site_is_none(web: WebSide, officer: Officer) -> None:
    act = web.propose(officer)
    officer.device.cross_origin = True
    try:
        with pytest.raises(errors.ApprovalRefused):
            web.ask(p.ApproveEnrolment(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))
    finally:
        officer.device.cross_origin = False


def test_a_person_with_a_full_width_space_in_the_name_enrols(web: WebSide, officer: Officer) -> None:
    signer = web.enrol(web.invite(officer, name="山田\u3000太郎"))
    subject = x509.load_der_x509_certificate(signer.key.certificate).subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "山田\u3000太郎"


def test_an_officers_token_works_once(web: WebSide) -> None:
    with pytest.raises(errors.NotFound):
        web.ask(p.OpenOfficerInvitation(token="guess"))


@pytest.mark.parametrize("algorithm", ["rsa-3072", "rsa-4096", "p-256", "p-384", "p-521", "ed25519"])
def test_every_algorithm_enrols_and_signs(web: WebSide, officer: Officer, algorithm: str) -> None:
    import hashlib

    from cryptography import x509

    from natsuin.algorithms import DEFAULT_SCHEME, FACTS, SCHEMES_OF, KeyAlgorithm
    from natsuin.key_management.vaults import verify_signature

    signer = web.enrol(web.invite(officer, algorithm=algorithm))
    public_key = x509.load_der_x509_certificate(signer.key.certificate).public_key()
    assert DEFAULT_SCHEME[KeyAlgorithm(algorithm)].value in signer.key.schemes
    for scheme in SCHEMES_OF[KeyAlgorithm(algorithm)]:
        facts = FACTS[scheme]
        message = b"to be signed"
        digest = hashlib.new(facts.hash_name, message).digest()
        sad = web.approve(signer, (digest,), scheme=scheme.value)
        dtbs = digest if facts.prehashed else message
        (signature,) = web.sign(sad, (dtbs,)).signatures
        verify_signature(public_key, dtbs, signature, scheme)


def test_hostile_people_are_refused(web: WebSide, officer: Officer) -> None:
    for name in ("", "a\u202eb", "x" * 65, "nul\0", "山" * 22):
        with pytest.raises(errors.Refused):
            web.propose(officer, name=name)
    with pytest.raises(errors.Refused):
        web.propose(officer, algorithm="rsa-2048")


def test_enrolling_again_with_the_same_registration_gives_the_same_key(web: WebSide, officer: Officer) -> None:
    """The answer was lost on its way: asking again is safe, with another passkey it is not."""
    invitation = web.invite(officer)
    opened = web.ask(p.OpenInvitation(token=invitation.token))
    sealed = web.seal(p.HPKE_INFO_ENROL, opened.challenge, pin="long enough", recovery_code="0" * 26)
    made = attestation(web.device(), opened.challenge, opened.user_id)
    request = p.CompleteEnrolment(token=invitation.token, attestation=made, sealed_secrets=sealed)
    first = web.ask(request)
    again = web.ask(request)
    assert (again.key, again.replayed, first.replayed) == (first.key, True, False)
    assert len(web.ask(p.ListKeys(user_id=opened.user_id)).keys) == 1
    other = attestation(web.device(), opened.challenge, opened.user_id)
    with pytest.raises(errors.AlreadyUsed):
        web.ask(p.CompleteEnrolment(token=invitation.token, attestation=other, sealed_secrets=sealed))


def test_a_used_invitation_tells_nothing_to_whom_knows_only_public_things(web: WebSide, officer: Officer) -> None:
    """Challenge, credential id and public key may be known to others; what was sealed for sam is not."""
    invitation = web.invite(officer)
    opened = web.ask(p.OpenInvitation(token=invitation.token))
    made = attestation(web.device(), opened.challenge, opened.user_id)

    def complete() -> p.Enrolled:
        sealed = web.seal(p.HPKE_INFO_ENROL, opened.challenge, pin="long enough", recovery_code="0" * 26)
        request = p.CompleteEnrolment(token=invitation.token, attestation=made, sealed_secrets=sealed)
        return web.ask(request)

    assert not complete().replayed
    with pytest.raises(errors.AlreadyUsed):
        complete()


@pytest.mark.parametrize("user_id", ["", " a", "a\n", "x" * 65, "../a", "山"])
def test_an_account_has_one_spelling(web: WebSide, officer: Officer, user_id: str) -> None:
    with pytest.raises(errors.Malformed):
        web.ask(
            p.ProposeEnrolment(
                officer_id=officer.user_id,
                user_id=user_id,
                subject=p.Subject(common_name="Mallory"),
                evidence=EVIDENCE,
                algorithm="p-256",
            )
        )
