"""Algorithms end on their day, at every door of sam, whatever was approved before; seen with the clock moved."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin.algorithm_policy import AlgorithmRefused
from natsuin.clock import FixedClock, SystemClock
from natsuin.config import load
from natsuin.key_management import KeyKnown, check_strength, stored_public_keys
from natsuin.sam import protocol
from natsuin.sam.process import open_sam
from rigs.sam_in_process import SamRig, make_installation
from rigs.web_side import Officer, Signer, digests

IN_2029 = datetime(2029, 6, 1, 12, tzinfo=UTC)
LAST_MINUTE = datetime(2030, 12, 31, 23, 59, tzinfo=UTC)


def rig_with(folder: Path, algorithms: str, clock: FixedClock) -> SamRig:
    config, token = make_installation(folder)
    assert config.file is not None
    config.file.write_text(f"{config.file.read_text()}\n[algorithms]\n{algorithms}\n")
    config = load(config.file)
    return SamRig(config, open_sam(config, clock=clock), token, [])


def officer_of(rig: SamRig, clock: FixedClock) -> Officer:
    """The first officer, registered while the token is good; then the clock goes on."""
    officer = rig.web.register_officer(rig.token)
    clock.time = IN_2029
    return officer


def signer_of(rig: SamRig, clock: FixedClock, **wishes: str) -> Signer:
    return rig.web.enrol(rig.web.invite(officer_of(rig, clock), **wishes))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
def rig(tmp_path: Path, clock: FixedClock) -> Iterator[SamRig]:
    made = rig_with(tmp_path, 'transition = ["rsa-2048"]', clock)
    yield made
    made.close()


def test_rsa_2048_ends_with_2030_even_for_what_was_approved(rig: SamRig, clock: FixedClock) -> None:
    web = rig.web
    officer = officer_of(rig, clock)
    signer = web.enrol(web.invite(officer, algorithm="rsa-2048"))
    certificate = x509.load_der_x509_certificate(signer.key.certificate)
    assert certificate.not_valid_after_utc == datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (signer.key.algorithm_notice, signer.key.algorithm_last_day) == ("transition", "2030-12-31")

    clock.time = LAST_MINUTE
    first, second = digests(2)
    sad = web.approve(signer, (first, second), scheme="rsa-pkcs1-sha256")
    assert web.sign(sad, (first,)).signatures
    waiting = web.propose(officer, algorithm="rsa-2048")
    (key,) = rig.ask(protocol.ListKeys(user_id=signer.user_id)).keys
    assert key.algorithm_notice == "ending"

    clock.advance(61)
    with pytest.raises(AlgorithmRefused, match="rsa-2048 makes no new signatures after 2030-12-31") as caught:
        web.sign(sad, (second,))
    assert caught.value.hint
    with pytest.raises(AlgorithmRefused, match="2030-12-31"):
        web.instruct(signer, digests(1), scheme="rsa-pss-sha256")
    with pytest.raises(AlgorithmRefused, match="no new rsa-2048 keys are made after 2030-12-31"):
        web.propose(officer, algorithm="rsa-2048")
    with pytest.raises(AlgorithmRefused):
        web.renew(signer, algorithm="rsa-2048")
    with pytest.raises(AlgorithmRefused):
        web.act(signer, "one-time", secrets={"pin": signer.pin})
    assert waiting.act_id
    (key,) = rig.ask(protocol.ListKeys(user_id=signer.user_id)).keys
    assert key.algorithm_notice == "ended"
    renewed = web.renew(signer, algorithm="p-256")
    assert renewed.key.state == "active"


def test_an_invitation_from_before_the_end_makes_no_key_after_it(rig: SamRig, clock: FixedClock) -> None:
    web = rig.web
    officer = officer_of(rig, clock)
    clock.time = LAST_MINUTE
    invitation = web.invite(officer, algorithm="rsa-2048")
    clock.advance(61)
    with pytest.raises(AlgorithmRefused):
        web.enrol(invitation)


def test_the_start_warns_of_ends_that_concern_stored_keys(rig: SamRig, clock: FixedClock) -> None:
    signer_of(rig, clock, algorithm="rsa-2048")
    clock.time = datetime(2030, 2, 1, tzinfo=UTC)
    with structlog.testing.capture_logs() as lines:
        rig.reopen(clock=clock)
    told = [line for line in lines if line["event"] == "sam.algorithm_notice"]
    assert [(line["algorithm"], line["notice"], line["last_day"], line["keys"]) for line in told] == [
        ("rsa-2048", "ending", "2030-12-31", 1)
    ]


def test_nothing_in_transition_or_experimental_is_made_unasked(tmp_path: Path, clock: FixedClock) -> None:
    rig = SamRig.make(tmp_path, clock=clock)
    try:
        officer = officer_of(rig, clock)
        offered = rig.ask(protocol.Hello()).algorithms
        assert "p-256" in offered
        for name in ("rsa-2048", "ml-dsa-65-experimental"):
            assert name not in offered
            with pytest.raises(AlgorithmRefused):
                rig.web.propose(officer, algorithm=name)
    finally:
        rig.close()


def test_an_operators_earlier_end_is_kept(tmp_path: Path, clock: FixedClock) -> None:
    rig = rig_with(tmp_path, 'sign_until = { p-256 = 2029-07-01 }\nrefused = ["ed25519"]', clock)
    try:
        officer = officer_of(rig, clock)
        signer = rig.web.enrol(rig.web.invite(officer))
        certificate = x509.load_der_x509_certificate(signer.key.certificate)
        assert certificate.not_valid_after_utc == datetime(2029, 7, 1, 23, 59, 59, tzinfo=UTC)
        with pytest.raises(AlgorithmRefused):
            rig.web.propose(officer, algorithm="ed25519")
        clock.time = datetime(2029, 7, 1, 23, 59, tzinfo=UTC)
        sad = rig.web.approve(signer, wanted := digests(1))
        clock.advance(61)
        with pytest.raises(AlgorithmRefused, match="2029-07-01"):
            rig.web.sign(sad, wanted)
    finally:
        rig.close()


def test_keys_made_before_the_operator_refused_their_kind_sign_no_more(tmp_path: Path, clock: FixedClock) -> None:
    rig = rig_with(tmp_path, "", clock)
    try:
        signer = signer_of(rig, clock)
        sad = rig.web.approve(signer, wanted := digests(1))
        file = rig.config.file
        assert file is not None
        file.write_text(file.read_text().replace("[algorithms]\n", '[algorithms]\nrefused = ["p-256"]\n'))
        rig.config = load(file)
        rig.reopen(clock=clock)
        with pytest.raises(AlgorithmRefused, match="does not use p-256"):
            rig.web.sign(sad, wanted)
        with pytest.raises(AlgorithmRefused):
            rig.web.instruct(signer, wanted)
    finally:
        rig.close()


def test_ml_dsa_signs_where_it_was_asked_for(tmp_path: Path, clock: FixedClock) -> None:
    rig = rig_with(tmp_path, 'experimental = ["ML-DSA-65"]', clock)
    try:
        signer = signer_of(rig, clock, algorithm="ml-dsa-65-experimental")
        assert signer.key.algorithm_notice == "experimental"
        assert signer.key.schemes == ("ml-dsa-65-experimental",)
        message = b"the signed attributes"
        sad = rig.web.approve(signer, (hashlib.sha512(message).digest(),))
        (signature,) = rig.web.sign(sad, (message,)).signatures
        key = x509.load_der_x509_certificate(signer.key.certificate).public_key()
        assert isinstance(key, mldsa.MLDSA65PublicKey)
        key.verify(signature, message)
        entries = b"".join(entry for _, entry in rig.sam.log.entries())
        assert entries.count(b'"algorithm":"ml-dsa-65-experimental"') >= 2
    finally:
        rig.close()


def test_every_key_that_is_or_was_here_is_known_to_the_check_of_weak_keys(rig: SamRig, clock: FixedClock) -> None:
    officer = officer_of(rig, clock)
    first, second = (rig.web.enrol(rig.web.invite(officer, algorithm=name)) for name in ("rsa-2048", "p-256"))
    rig.web.act(first, "destroy")
    foundation = rig.sam.handlers.keys.foundation
    for signer in (first, second):
        key = x509.load_der_x509_certificate(signer.key.certificate).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(KeyKnown):
            check_strength(spki, others=stored_public_keys(foundation))
    root = x509.load_der_x509_certificate(rig.ask(protocol.Hello()).root_certificate).public_key()
    with pytest.raises(KeyKnown):
        check_strength(
            root.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), others=stored_public_keys(foundation)
        )
