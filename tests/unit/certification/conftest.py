"""One small authority for all tests of this folder; keys are made once, since they cost the most."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import (
    Authority,
    CertificatePolicy,
    IssuingRules,
    PrivateKey,
    Publication,
    Responder,
    TimeStampAuthority,
    Validity,
    check_request,
    issue_responder_certificate,
    issue_signer_certificate,
    issue_time_stamping_certificate,
    make_issuing,
    make_request,
    make_root,
    service_subject,
)
from natsuin.sam.protocol import Subject

NOW = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class World:
    """Everything an installation would have."""

    now: datetime
    subject: Subject
    root: Authority
    issuing: Authority
    rules: IssuingRules
    signer: x509.Certificate
    responder: Responder
    tsa: TimeStampAuthority


@pytest.fixture(scope="session")
def world() -> World:
    root_key, issuing_key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    signer_key, ocsp_key, tsa_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = Authority(
        make_root(root_key, service_subject("Root CA", demo=False), validity=Validity.starting(NOW, 20 * YEAR)),
        root_key,
    )
    issuing = Authority(
        make_issuing(
            root,
            issuing_key.public_key(),
            subject=service_subject("Issuing CA", demo=False),
            validity=Validity.starting(NOW, 10 * YEAR),
            publication=Publication("http://pki.test/root.crl", "http://pki.test/root.cer"),
        ),
        issuing_key,
    )
    rules = IssuingRules(
        Publication("http://pki.test/issuing.crl", "http://pki.test/issuing.cer", "http://pki.test/ocsp"),
        CertificatePolicy("1.3.6.1.4.1.99999.1.1", "http://pki.test/cps"),
    )
    subject = Subject(common_name="山田 太郎", country="JP", organization="株式会社捺印")
    year = Validity.starting(NOW, YEAR)
    signer = issue_signer_certificate(
        issuing,
        check_request(make_request(signer_key, subject), subject),
        person_reference="person-7f3a",
        validity=year,
        rules=rules,
    )
    ocsp_certificate = issue_responder_certificate(
        issuing, ocsp_key.public_key(), subject=service_subject("OCSP", demo=False), validity=year, rules=rules
    )
    tsa_certificate = issue_time_stamping_certificate(
        issuing, tsa_key.public_key(), subject=service_subject("TSA", demo=False), validity=year, rules=rules
    )
    return World(
        now=NOW,
        subject=subject,
        root=root,
        issuing=issuing,
        rules=rules,
        signer=signer,
        responder=Responder(ocsp_certificate, ocsp_key, issuing.certificate),
        tsa=TimeStampAuthority(tsa_certificate, tsa_key, "1.3.6.1.4.1.99999.2.1", chain=(issuing.certificate,)),
    )


@pytest.fixture(scope="session")
def keys() -> dict[KeyAlgorithm, PrivateKey]:
    """One private key of every kind that is certified."""
    return {
        KeyAlgorithm.RSA_2048: rsa.generate_private_key(65537, 2048),
        KeyAlgorithm.RSA_3072: rsa.generate_private_key(65537, 3072),
        KeyAlgorithm.RSA_4096: rsa.generate_private_key(65537, 4096),
        KeyAlgorithm.P_256: ec.generate_private_key(ec.SECP256R1()),
        KeyAlgorithm.P_384: ec.generate_private_key(ec.SECP384R1()),
        KeyAlgorithm.P_521: ec.generate_private_key(ec.SECP521R1()),
        KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate(),
        KeyAlgorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.generate(),
    }
