"""Certificates of an outside authority: a key waits with its request until an officer installs the right one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.algorithm_policy import AlgorithmRefused
from natsuin.certification import CertificateNotAccepted, KeyDoesNotMatch, SubjectDiffers
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.outside_authority import OutsideAuthority
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, digests


@pytest.fixture
def authority() -> OutsideAuthority:
    return OutsideAuthority("Outside CA")


@pytest.fixture
def rig(tmp_path: Path, authority: OutsideAuthority) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path)
    made.sam.close()
    (tmp_path / "anchors.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    ca = made.config.ca.model_copy(update={"signers": "outside", "outside_anchors": tmp_path / "anchors.pem"})
    made.config = made.config.model_copy(update={"ca": ca})
    made.sam = open_sam(made.config, stop=made.stopped.append)
    yield made
    made.close()


@pytest.fixture
def pair(rig: SamRig) -> tuple[Officer, Signer]:
    return people(rig.web, rig.token)


def test_a_key_waits_for_its_certificate(
    rig: SamRig, pair: tuple[Officer, Signer], authority: OutsideAuthority
) -> None:
    officer, signer = pair
    web = rig.web
    assert (signer.key.state, signer.key.certificate) == ("pre-active", b"")
    with pytest.raises(errors.Conflict, match="pre-active"):
        web.instruct(signer, digests(1))
    issued = authority.issue(signer.key.certificate_request)
    done = web.act(signer, "install-certificate", officer=officer, certificates=(issued,))
    assert (done.key.state, done.key.certificate, done.key.chain) == ("active", issued, (authority.der,))
    wanted = digests(1)
    web.sign(web.approve(signer, wanted), wanted)
    with pytest.raises(errors.Conflict):
        web.act(signer, "install-certificate", officer=officer, certificates=(issued,))


def test_the_old_key_stays_until_the_new_one_is_certified(
    rig: SamRig, pair: tuple[Officer, Signer], authority: OutsideAuthority
) -> None:
    officer, signer = pair
    web = rig.web
    web.act(
        signer,
        "install-certificate",
        officer=officer,
        certificates=(authority.issue(signer.key.certificate_request),),
    )
    new = web.renew(signer)
    states = [key.state for key in web.ask(p.ListKeys(user_id=signer.user_id)).keys]
    assert states == ["active", "pre-active"]
    web.act(new, "install-certificate", officer=officer, certificates=(authority.issue(new.key.certificate_request),))
    states = [key.state for key in web.ask(p.ListKeys(user_id=signer.user_id)).keys]
    assert states == ["destroyed", "active"]


def test_what_is_not_this_persons_certificate_is_refused(
    rig: SamRig, pair: tuple[Officer, Signer], authority: OutsideAuthority
) -> None:
    officer, signer = pair
    web, request = rig.web, signer.key.certificate_request
    other = ec.generate_private_key(ec.SECP256R1())
    wanted = x509.load_der_x509_csr(request).subject
    of_another_key = x509.CertificateSigningRequestBuilder().subject_name(wanted).sign(other, hashes.SHA256())
    refused: list[tuple[type[errors.NatsuinError], tuple[bytes, ...]]] = [
        (KeyDoesNotMatch, (authority.issue(of_another_key.public_bytes(Encoding.DER)),)),
        (SubjectDiffers, (authority.issue(request, name="鈴木 一郎"),)),
        (CertificateNotAccepted, (OutsideAuthority("Outside CA").issue(request),)),
        (CertificateNotAccepted, (authority.issue(request, ca=True),)),
        (CertificateNotAccepted, (authority.issue(request, usage=False),)),
        (CertificateNotAccepted, (authority.issue(request, days=-1),)),
        (CertificateNotAccepted, (b"not a certificate",)),
        (CertificateNotAccepted, ()),
    ]
    for error, certificates in refused:
        with pytest.raises(error):
            web.propose_act(signer, "install-certificate", officer=officer, certificates=certificates)
    with pytest.raises(errors.Forbidden):
        web.propose_act(signer, "install-certificate", certificates=(authority.issue(request),))


def test_a_certificate_that_outlives_its_keys_algorithm_is_refused(
    rig: SamRig, pair: tuple[Officer, Signer], authority: OutsideAuthority
) -> None:
    officer, signer = pair
    far = authority.issue(signer.key.certificate_request, days=9000)
    with pytest.raises(AlgorithmRefused, match="2050-12-31"):
        rig.web.propose_act(signer, "install-certificate", officer=officer, certificates=(far,))
    near = authority.issue(signer.key.certificate_request, days=10)
    assert rig.web.propose_act(signer, "install-certificate", officer=officer, certificates=(near,)).act_id
