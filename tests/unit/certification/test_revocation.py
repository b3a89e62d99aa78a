from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from natsuin.certification import (
    Authority,
    Revocation,
    RevocationReason,
    Validity,
    make_crl,
    make_root,
    service_subject,
)

DAY = timedelta(days=1)


def _list(world: Any, *revoked: Revocation, **changes: Any) -> x509.CertificateRevocationList:
    arguments = {"number": 7, "this_update": world.now, "next_update": world.now + DAY} | changes
    return x509.load_der_x509_crl(make_crl(world.issuing, revoked, **arguments))


def test_a_list_is_signed_numbered_and_dated(world: Any) -> None:
    crl = _list(world)
    assert crl.is_signature_valid(world.issuing.key.public_key())
    assert crl.issuer == world.issuing.certificate.subject
    assert crl.last_update_utc == world.now.replace(microsecond=0)
    assert crl.next_update_utc == world.now.replace(microsecond=0) + DAY
    number = crl.extensions.get_extension_for_class(x509.CRLNumber)
    assert (number.value.crl_number, number.critical) == (7, False)
    identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    own = world.issuing.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert identifier == own
    assert len(crl) == 0


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_revocation_keeps_its_time_and_reason(world: Any, reason: RevocationReason) -> None:
    crl = _list(world, Revocation(world.signer.serial_number, world.now - DAY, reason))
    entry = crl.get_revoked_certificate_by_serial_number(world.signer.serial_number)
    assert entry is not None
    assert entry.revocation_date_utc == (world.now - DAY).replace(microsecond=0)
    if reason is RevocationReason.UNSPECIFIED:
        assert len(entry.extensions) == 0
    else:
        assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value == reason.value


def test_a_long_list_takes_no_longer_than_its_length(world: Any) -> None:
    crl = _list(world, *(Revocation(serial, world.now) for serial in range(1, 20001)))
    assert len(crl) == 20000


def test_a_list_that_ends_before_it_begins_is_a_mistake(world: Any) -> None:
    with pytest.raises(ValueError, match="update"):
        _list(world, next_update=world.now - DAY)


def test_a_root_lists_too(world: Any, keys: Any) -> None:
    for key in keys.values():
        subject = service_subject("Root CA", demo=False)
        root = Authority(make_root(key, subject, validity=Validity.starting(world.now, DAY)), key)
        der = make_crl(root, [], number=1, this_update=world.now, next_update=world.now + DAY)
        assert x509.load_der_x509_crl(der).is_signature_valid(key.public_key())
