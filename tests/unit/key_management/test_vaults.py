"""One suite for every vault: software, SoftHSM2 and the soft token of NSS."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from natsuin.algorithms import FACTS, SCHEMES_OF, KeyAlgorithm, SignatureScheme
from natsuin.cli.demo.tokens import KINDS
from natsuin.errors import NatsuinError, Refused, Tampered
from natsuin.key_management import AlgorithmNotOffered, MasterKey, PKCS11Vault, SoftwareVault, Vault, Vaults
from natsuin.key_management.vaults import WrongSignature, load_public_key, verify_signature
from rigs.tokens import MASTER

EVERYWHERE = set(KeyAlgorithm) - {KeyAlgorithm.ED25519, KeyAlgorithm.RSA_2048, KeyAlgorithm.ML_DSA_65}


@pytest.fixture(scope="module", params=["software", *KINDS])
def vault(request: pytest.FixtureRequest, tokens: Callable[[str], PKCS11Vault]) -> Vault:
    return SoftwareVault(MASTER) if request.param == "software" else tokens(request.param)


@pytest.fixture(scope="module")
def other(vault: Vault) -> Vault:
    """A vault of the same kind under another master key."""
    if isinstance(vault, SoftwareVault):
        return SoftwareVault(MasterKey(bytes(32)))
    copied = object.__new__(PKCS11Vault)
    copied.__dict__ = dict(vault.__dict__)
    copied._cipher = type(vault._cipher)(bytes(32))
    return copied


def digest(scheme: SignatureScheme, text: bytes = b"contract") -> bytes:
    return hashlib.new(FACTS[scheme].hash_name, text).digest()


def sealed(vault: Vault, algorithm: KeyAlgorithm, binding: bytes = b"binding") -> tuple[bytes, bytes]:
    with vault.generate(algorithm) as fresh:
        return fresh.seal(binding), fresh.public_key


def test_it_offers_what_the_service_needs(vault: Vault) -> None:
    assert vault.algorithms >= EVERYWHERE
    vault.check()


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_key_signs_in_every_scheme(vault: Vault, algorithm: KeyAlgorithm) -> None:
    if algorithm not in vault.algorithms:
        with pytest.raises(AlgorithmNotOffered, match=algorithm.value), vault.generate(algorithm):
            pass
        return
    blob, spki = sealed(vault, algorithm)
    with vault.open(blob, b"binding") as key:
        for scheme in SCHEMES_OF[algorithm]:
            wanted = [digest(scheme, bytes([number])) for number in range(3)]
            signatures = key.sign_all(wanted, scheme)
            assert len(set(signatures)) == 3
            for dtbs, signature in zip(wanted, signatures, strict=True):
                verify_signature(load_public_key(spki), dtbs, signature, scheme)
            with pytest.raises(WrongSignature):
                verify_signature(load_public_key(spki), wanted[0], signatures[1], scheme)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.RSA_3072])
def test_certificate_builders_take_its_keys(vault: Vault, algorithm: KeyAlgorithm) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "山田 太郎")])
    with vault.generate(algorithm) as fresh:
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(fresh.private_key, hashes.SHA384())
        assert request.is_signature_valid
        assert _spki(request.public_key()) == fresh.public_key


def test_pss_with_every_legal_salt(vault: Vault) -> None:
    with vault.generate(KeyAlgorithm.RSA_3072) as fresh:
        key = fresh.private_key
        assert isinstance(key, rsa.RSAPrivateKey)
        for function in (hashes.SHA256(), hashes.SHA512()):
            most = padding.calculate_max_pss_salt_length(key, function)
            for salt in (0, 20, function.digest_size, most):
                scheme = padding.PSS(padding.MGF1(function), salt)
                key.public_key().verify(key.sign(b"text", scheme, function), b"text", scheme, function)
            with pytest.raises((Refused, ValueError)):
                key.sign(b"text", padding.PSS(padding.MGF1(function), most + 1), function)


def test_digests_are_signed_with_the_salt_that_was_asked_for(vault: Vault) -> None:
    blob, spki = sealed(vault, KeyAlgorithm.RSA_3072, b"binding")
    scheme = SignatureScheme.RSA_PSS_SHA256
    with vault.open(blob, b"binding") as key:
        for salt in (0, 20, 350):
            wanted = digest(scheme, bytes([salt % 256]))
            [made] = key.sign_all([wanted], scheme, salt)
            verify_signature(load_public_key(spki), wanted, made, scheme, salt)
            with pytest.raises(WrongSignature):
                verify_signature(load_public_key(spki), wanted, made, scheme)


def test_nothing_opens_under_other_names(vault: Vault, other: Vault) -> None:
    blob, _ = sealed(vault, KeyAlgorithm.P_256, b"alice")
    for opener, binding in ((vault, b"bob"), (vault, b""), (other, b"alice")):
        with pytest.raises(Tampered), opener.open(blob, binding):
            pass
    with pytest.raises(Tampered):
        vault.rebind(blob, b"bob", b"carol")


def test_two_peoples_keys_cannot_be_exchanged(vault: Vault) -> None:
    blobs = {name: sealed(vault, KeyAlgorithm.P_256, name)[0] for name in (b"alice", b"bob")}
    with pytest.raises(Tampered), vault.open(blobs[b"alice"], b"bob"):
        pass


def test_a_key_takes_new_names(vault: Vault) -> None:
    blob, spki = sealed(vault, KeyAlgorithm.P_256, b"one passkey")
    moved = vault.rebind(blob, b"one passkey", b"two passkeys")
    scheme = SignatureScheme.ECDSA_SHA256
    with vault.open(moved, b"two passkeys") as key:
        verify_signature(load_public_key(spki), digest(scheme), key.sign(digest(scheme), scheme), scheme)
    with pytest.raises(Tampered), vault.open(moved, b"one passkey"):
        pass


def test_a_bit_flipped_anywhere_is_found(vault: Vault) -> None:
    """One bit of every byte, chosen by its place; and everything cut off."""
    blob, _ = sealed(vault, KeyAlgorithm.P_256)
    for place in range(len(blob)):
        damaged = bytearray(blob)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(Tampered), vault.open(bytes(damaged), b"binding"):
            pass
    for length in (0, 1, 12, 28, len(blob) - 1):
        with pytest.raises(Tampered), vault.open(blob[:length], b"binding"):
            pass


def test_vaults_side_by_side_open_their_own(vault: Vault) -> None:
    """After a move from software to a token both kinds of key work; without the token its keys say so."""
    software = SoftwareVault(MASTER)
    old, old_public = sealed(software, KeyAlgorithm.P_256)
    both = Vaults(software, vault if isinstance(vault, PKCS11Vault) else None)
    new, new_public = sealed(both, KeyAlgorithm.P_256)
    scheme = SignatureScheme.ECDSA_SHA256
    for blob, spki in ((old, old_public), (new, new_public)):
        with both.open(both.rebind(blob, b"binding", b"b"), b"b") as key:
            verify_signature(load_public_key(spki), digest(scheme), key.sign(digest(scheme), scheme), scheme)
    assert both.name == vault.name
    if isinstance(vault, PKCS11Vault):
        with pytest.raises(Tampered, match="kept in a token"), Vaults(software).open(new, b"binding"):
            pass


def test_a_token_gives_no_private_half(token_vault: PKCS11Vault) -> None:
    with token_vault.generate(KeyAlgorithm.P_256) as elliptic, token_vault.generate(KeyAlgorithm.RSA_3072) as fresh:
        formats = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for key in (elliptic.private_key, fresh.private_key):
            for ask in (lambda key=key: key.private_bytes(*formats), lambda key=key: key.private_numbers()):
                with pytest.raises(NatsuinError, match="never leaves"):
                    ask()
        assert isinstance(elliptic.private_key, ec.EllipticCurvePrivateKey)
        with pytest.raises(NatsuinError, match="never leaves"):
            elliptic.private_key.exchange(ec.ECDH(), elliptic.private_key.public_key())
        assert isinstance(fresh.private_key, rsa.RSAPrivateKey)
        with pytest.raises(NatsuinError, match="never leaves"):
            fresh.private_key.decrypt(b"", padding.PKCS1v15())
        with pytest.raises(InvalidSignature):
            elliptic.private_key.public_key().verify(b"", b"text", ec.ECDSA(hashes.SHA256()))


def _spki(key: object) -> bytes:
    encoding, kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, kind)  # type: ignore[attr-defined, no-any-return]  # every public key has it
