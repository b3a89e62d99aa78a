"""`openssl verify` in its strict mode, with revocation lists and policies, and `openssl crl`."""

from typing import Any

import pytest

POLICY = "1.3.6.1.4.1.99999.1.1"


def _verify(installation: Any, name: str, *options: str) -> Any:
    return installation.run(
        "openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem", *options, f"{name}.pem"
    )


LISTS = ("-crl_check_all", "-CRLfile", "root.crl.pem", "-CRLfile", "issuing.crl.pem")


@pytest.mark.parametrize("name", ["issuing", "good", "tsa", "ocsp"])
def test_the_chain_holds_in_strict_mode_with_revocation_lists(any_installation: Any, name: str) -> None:
    result = _verify(any_installation, name, *LISTS)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{name}.pem: OK\n".encode()


def test_a_revoked_certificate_is_seen_as_revoked(any_installation: Any) -> None:
    result = _verify(any_installation, "revoked", *LISTS)
    assert result.returncode == 2
    assert b"certificate revoked" in result.stderr


def test_the_list_itself_verifies_and_names_the_revoked(installation: Any) -> None:
    result = installation.run("openssl", "crl", "-in", "issuing.crl.pem", "-CAfile", "issuing.pem", "-noout", "-text")
    assert b"verify OK" in result.stderr
    text = result.stdout.decode()
    assert f"Serial Number: {installation.revoked.serial_number:040X}" in text
    assert "Key Compromise" in text
    assert "X509v3 CRL Number" in text


def test_the_certificate_policy_holds_along_the_chain(installation: Any) -> None:
    assert _verify(installation, "good", "-policy_check", "-explicit_policy", "-policy", POLICY).returncode == 0
    other = _verify(installation, "good", "-policy_check", "-explicit_policy", "-policy", "1.2.3.4")
    assert other.returncode == 2
    assert b"no explicit policy" in other.stderr


@pytest.mark.parametrize(
    ("name", "purpose", "fits"),
    [
        ("tsa", "timestampsign", True),
        ("good", "timestampsign", False),
        ("good", "sslclient", False),
        ("good", "sslserver", False),
        ("good", "smimesign", True),
        ("ocsp", "ocsphelper", True),
        ("good", "crlsign", False),
    ],
)
def test_each_certificate_serves_its_purpose_only(installation: Any, name: str, purpose: str, fits: bool) -> None:
    assert (_verify(installation, name, "-purpose", purpose).returncode == 0) is fits


def test_a_signer_cannot_certify(installation: Any) -> None:
    result = installation.run(
        "openssl", "verify", "-CAfile", "root.pem", "-untrusted", "good.pem", "-partial_chain", "revoked.pem"
    )
    assert result.returncode == 2


@pytest.mark.parametrize("algorithm", ["P-256", "P-384", "P-521", "ED25519", "RSA"])
def test_a_request_made_by_openssl_passes(installation: Any, algorithm: str) -> None:
    from natsuin.certification import check_request
    from natsuin.sam.protocol import Subject

    made = {
        "RSA": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"),
        "ED25519": ("-algorithm", "ED25519"),
    }.get(algorithm, ("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{algorithm}"))
    key = installation.run("openssl", "genpkey", *made).stdout
    (installation.folder / "new.key").write_bytes(key)
    der = installation.run(
        "openssl", "req", "-new", "-utf8", "-key", "new.key", "-subj", "/C=JP/O=例/CN=山田 太郎", "-outform", "DER"
    ).stdout
    subject = Subject(common_name="山田 太郎", organization="例")
    assert check_request(der, subject).subject == subject


def test_openssl_accepts_our_request(installation: Any) -> None:
    from natsuin.certification import make_request
    from natsuin.sam.protocol import Subject

    der = make_request(installation.good_key, Subject(common_name="山田 太郎"))
    result = installation.run("openssl", "req", "-inform", "DER", "-verify", "-noout", "-subject", data=der)
    assert b"verify OK" in result.stderr
