"""The CMS that is written directly, read back by asn1crypto."""

import hashlib

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.documents import CertificateUnusable, SignatureMismatch, cms

DIGESTS = {32: b"\x11" * 32, 48: b"\x22" * 48, 64: b"\x33" * 64}


@pytest.fixture(params=list(SignatureScheme))
def scheme(request):
    return request.param


@pytest.fixture
def parts(workshop, scheme):
    person = workshop.signer(scheme=scheme)
    certificate = cms.SigningCertificate.parse(person.der)
    attributes = cms.signed_attributes(certificate, scheme, DIGESTS[FACTS[scheme].digest_bytes])
    return person, certificate, attributes


def test_signed_attributes_are_those_of_pades_and_no_signing_time(parts, scheme):
    person, _, encoded = parts
    attributes = {a["type"].native: a["values"] for a in asn1_cms.CMSAttributes.load(encoded, strict=True)}
    assert attributes.keys() == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
        "cms_algorithm_protection",
    }
    assert attributes["content_type"].native == ["data"]
    assert attributes["message_digest"].native == [DIGESTS[FACTS[scheme].digest_bytes]]
    identified = attributes["signing_certificate_v2"][0]["certs"][0]
    name = FACTS[scheme].hash_name
    assert identified["hash_algorithm"]["algorithm"].native == name
    assert identified["cert_hash"].native == hashlib.new(name, person.der).digest()
    assert identified["issuer_serial"]["serial_number"].native == person.certificate.serial_number


def test_algorithms_are_named_as_the_standards_say(parts, scheme):
    _, certificate, attributes = parts
    signed = cms.signed_data(certificate, [], scheme, attributes=attributes, signature=b"s", time_stamp=None)
    signer = asn1_cms.ContentInfo.load(signed, strict=True)["content"]["signer_infos"][0]
    algorithm = signer["signature_algorithm"]
    expected = {"rsa-pkcs1": "rsassa_pkcs1v15", "rsa-pss": "rsassa_pss", "ecdsa": "ecdsa", "ed25519": "ed25519"}
    if scheme is SignatureScheme.ML_DSA_65:
        assert algorithm["algorithm"].dotted == "2.16.840.1.101.3.4.3.18"
        assert algorithm["parameters"].native is None
    else:
        assert algorithm.signature_algo == next(v for k, v in expected.items() if scheme.startswith(k))
    if FACTS[scheme].prehashed:
        assert algorithm.hash_algo == FACTS[scheme].hash_name
    if scheme.startswith("rsa-pss"):
        assert algorithm["parameters"]["salt_length"].native == FACTS[scheme].digest_bytes
        mask = algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native
        assert mask == FACTS[scheme].hash_name
    # RFC 8419 demands SHA-512 with Ed25519, RFC 9882 recommends it with ML-DSA.
    assert signer["digest_algorithm"]["algorithm"].native == FACTS[scheme].hash_name


def test_certificates_stand_unchanged_and_once(parts, scheme, workshop):
    person, certificate, attributes = parts
    chain = [workshop.issuing.der, person.der, workshop.issuing.der]
    signed = cms.signed_data(certificate, chain, scheme, attributes=attributes, signature=b"s", time_stamp=None)
    content = asn1_cms.ContentInfo.load(signed, strict=True)["content"]
    assert sorted(c.chosen.dump() for c in content["certificates"]) == sorted([person.der, workshop.issuing.der])
    identifier = content["signer_infos"][0]["sid"].chosen
    loaded = asn1_x509.Certificate.load(person.der)
    assert identifier["issuer"].dump() == loaded.issuer.dump()
    assert identifier["serial_number"].native == loaded.serial_number


def test_signature_values_are_checked_with_the_certificate(parts, scheme):
    person, _, attributes = parts
    value = person.sign(scheme, attributes)
    cms.verify_value(person.der, scheme, message=attributes, signature=value)
    assert len(value) <= cms.signature_size(person.der)
    for wrong in (value[:-1] + bytes([value[-1] ^ 1]), b"", b"\0" * len(value)):
        with pytest.raises(SignatureMismatch):
            cms.verify_value(person.der, scheme, message=attributes, signature=wrong)
    with pytest.raises(SignatureMismatch):
        cms.verify_value(person.der, scheme, message=attributes + b"!", signature=value)


def test_a_key_of_another_kind_is_refused(workshop):
    person = workshop.signer(scheme=SignatureScheme.ED25519)
    with pytest.raises(CertificateUnusable):
        cms.verify_value(person.der, SignatureScheme.ECDSA_SHA256, message=b"", signature=b"")


@pytest.mark.parametrize("change", [lambda d: b"", lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"\x30\x00"])
def test_what_is_no_certificate_is_refused(workshop, change):
    with pytest.raises(CertificateUnusable):
        cms.SigningCertificate.parse(change(workshop.root.der))
