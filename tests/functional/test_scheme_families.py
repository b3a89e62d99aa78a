"""An approval of RSA digests that leaves the padding to the application, as the CSC API does: what it allows and what
not."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin import errors
from natsuin.sam import protocol as p
from natsuin.validation import judge_evidence, read_evidence
from rigs.invariants import entries_of
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, digests

FAMILY = "rsa-any-sha256"
LARGEST_SALT = 384 - 32 - 2
"""For RSA-3072 and SHA-256 (RFC 8017, 9.1.1)."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path_factory.mktemp("families"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def web(rig: SamRig) -> WebSide:
    return rig.web


@pytest.fixture(scope="module")
def officer(rig: SamRig, web: WebSide) -> Officer:
    return web.register_officer(rig.token)


@pytest.fixture(scope="module")
def alice(web: WebSide, officer: Officer) -> Signer:
    return web.enrol(web.invite(officer))


@pytest.fixture(scope="module")
def rsa_signer(web: WebSide, officer: Officer) -> Signer:
    return web.enrol(web.invite(officer, algorithm="rsa-3072"))


def public_key(signer: Signer) -> rsa.RSAPublicKey:
    key = x509.load_der_x509_certificate(signer.key.certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def verify(signer: Signer, digest: bytes, signature: bytes, how: padding.AsymmetricPadding) -> None:
    public_key(signer).verify(signature, digest, how, Prehashed(hashes.SHA256()))


def pss(salt: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


def test_the_application_chooses_the_padding_of_approved_digests(rig: SamRig, web: WebSide, rsa_signer: Signer) -> None:
    wanted = digests(4)
    sad = web.approve(rsa_signer, wanted, scheme=FAMILY)
    ways: list[tuple[dict[str, Any], padding.AsymmetricPadding]] = [
        ({"scheme": "rsa-pkcs1-sha256"}, padding.PKCS1v15()),
        ({"scheme": "rsa-pss-sha256"}, pss(32)),
        ({"scheme": "rsa-pss-sha256", "salt_bytes": 0}, pss(0)),
        ({"scheme": "rsa-pss-sha256", "salt_bytes": LARGEST_SALT}, pss(LARGEST_SALT)),
    ]
    for digest, (wish, how) in zip(wanted, ways, strict=True):
        verify(rsa_signer, digest, web.sign(sad, (digest,), **wish).signatures[0], how)
    told = [e["scheme"] for e in entries_of(rig.config.sam.log_folder) if e["type"] == "intent"][-4:]
    assert told == [wish["scheme"] for wish, _ in ways], "the log says which it was"


def test_openssl_agrees_about_the_salt(web: WebSide, rsa_signer: Signer, tmp_path: Path) -> None:
    wanted = digests(1)
    sad = web.approve(rsa_signer, wanted, scheme=FAMILY)
    made = web.sign(sad, wanted, scheme="rsa-pss-sha256", salt_bytes=222).signatures[0]
    files = {
        "key": public_key(rsa_signer).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "digest": wanted[0],
        "signature": made,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    options: list[str] = []
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-in", "digest", "-sigfile", "signature"]
    for value in ("digest:sha256", "rsa_padding_mode:pss", "rsa_pss_saltlen:222"):
        options += ["-pkeyopt", value]
    assert subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    options[-1] = "rsa_pss_saltlen:32"
    assert subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"scheme": "rsa-pss-sha384"},
        {"scheme": "ecdsa-sha256"},
        {"scheme": FAMILY},
        {"scheme": "no such scheme"},
        {"scheme": "rsa-pkcs1-sha256", "salt_bytes": 32},
        {"scheme": "rsa-pss-sha256", "salt_bytes": LARGEST_SALT + 1},
        {"scheme": "rsa-pss-sha256", "salt_bytes": -1},
    ],
)
def test_what_was_not_approved_or_cannot_be_costs_nothing(web: WebSide, rsa_signer: Signer, wish: Any) -> None:
    wanted = digests(1)
    sad = web.approve(rsa_signer, wanted, scheme=FAMILY)
    with pytest.raises(errors.Refused):
        web.sign(sad, wanted, **wish)
    assert web.sign(sad, wanted, scheme="rsa-pss-sha256").signatures


def test_an_approved_scheme_is_that_scheme(web: WebSide, rsa_signer: Signer, alice: Signer) -> None:
    """P1: where the record names one scheme, no request gets another."""
    wanted = digests(1)
    sad = web.approve(rsa_signer, wanted, scheme="rsa-pkcs1-sha256")
    for wish in ({"scheme": "rsa-pss-sha256"}, {"salt_bytes": 32}):
        with pytest.raises(errors.Refused):
            web.sign(sad, wanted, **wish)
    verify(rsa_signer, wanted[0], web.sign(sad, wanted, scheme="rsa-pkcs1-sha256").signatures[0], padding.PKCS1v15())
    with pytest.raises(errors.Refused):
        web.instruct(alice, wanted, scheme=FAMILY)
    with pytest.raises(errors.Refused):
        web.instruct(rsa_signer, wanted, scheme="rsa-any-sha384")


def test_a_digest_is_padded_in_one_way_only(web: WebSide, rsa_signer: Signer) -> None:
    """P5: the same request again is the same answer; the same digest in another way is another request, and refused."""
    wanted = digests(1)
    sad = web.approve(rsa_signer, wanted, scheme=FAMILY)
    first = web.sign(sad, wanted, scheme="rsa-pss-sha256")
    assert web.sign(sad, wanted, scheme="rsa-pss-sha256") == first
    for wish in ({"scheme": "rsa-pkcs1-sha256"}, {"scheme": "rsa-pss-sha256", "salt_bytes": 20}):
        with pytest.raises(errors.AlreadyUsed):
            web.sign(sad, wanted, **wish)


def test_evidence_of_such_an_approval_can_be_checked(web: WebSide, rsa_signer: Signer) -> None:
    wanted = digests(2)
    instruction = web.instruct(rsa_signer, wanted, scheme=FAMILY)
    sad = web.activate(rsa_signer, instruction).sad
    web.sign(sad, wanted[:1], scheme="rsa-pkcs1-sha256")
    web.sign(sad, wanted[1:], scheme="rsa-pss-sha256", salt_bytes=64)
    bundle = web.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=rsa_signer.user_id)).document
    root = x509.load_der_x509_certificate(web.info.root_certificate).public_bytes(Encoding.PEM)

    def judged(content: bytes) -> dict[str, str]:
        report = judge_evidence(read_evidence(content, web.info.log_vkey, [root]))
        return {line.name: line.status for line in report.lines}

    lines = judged(bundle)
    assert (lines["uses"], lines["signature"]) == ("good", "good"), lines
    other = json.loads(bundle)
    first, second = (use["signatures"] for use in other["uses"])
    assert first != second
    first[0], second[0] = second[0], first[0]
    assert judged(json.dumps(other).encode())["signature"] == "bad"
