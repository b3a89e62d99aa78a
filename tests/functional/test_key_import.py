"""Keys that an authority made: what enters, and by whose approval; everything else is refused at sam's door."""

import hashlib
import math
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from natsuin import base64url, errors
from natsuin.algorithm_policy import AlgorithmPolicy, AlgorithmRefused, Choice
from natsuin.algorithms import FACTS, KeyAlgorithm, SignatureScheme
from natsuin.certification import CertificateNotAccepted, SignerNotAccepted, SubjectDiffers
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.config import ConfigurationRefused
from natsuin.key_backup import ArchiveSeal
from natsuin.key_backup.archive import Archive
from natsuin.key_management import (
    BadPKCS12,
    EnvelopeMalformed,
    EnvelopeRefused,
    ImportOff,
    KeyKnown,
    WeakKey,
    signing_key,
    verify_signature,
)
from natsuin.key_management.keys import key_binding
from natsuin.key_management.vaults import load_public_key
from natsuin.sam import protocol as p
from natsuin.sam.key_imports import authorities_of
from natsuin.sam.permissions import PermissionsLoose, check_permissions
from natsuin.sam.process import open_sam
from rigs.key_envelopes import PASSWORD, ImportingAuthority, der, key_file, many_rounds, name_of, secret_of, two_signers
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, assertion, digests

WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  # weak on purpose


class Importing:
    """A sam that takes keys from `authority`, an officer, and a signer who has a key."""

    def __init__(self, rig: SamRig, authority: ImportingAuthority) -> None:
        self.rig, self.authority = rig, authority
        self.officer, self.signer = people(rig.web, rig.token)

    def envelope(self, key: Any = None, certificate: x509.Certificate | None = None, **wishes: Any) -> bytes:
        """An envelope with a genuine key, but for what is wished otherwise."""
        by = wishes.pop("by", self.authority)
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = certificate or self.authority.certify(key.public_key())
        secret = wishes.pop("secret", None) or secret_of(key_file(key, certificate))
        info = self.rig.web.info
        import_key = wishes.pop("import_key", info.import_key)
        told = {"origin": info.origin, "log": info.log_vkey, "user": self.signer.user_id, **wishes}
        return by.sign(by.content(by.header(**told), secret, import_key))

    def propose(self, envelope: bytes, **wishes: Any) -> p.Act:
        told = {"officer_id": self.officer.user_id, "user_id": self.signer.user_id, "key_id": self.signer.key.key_id}
        return self.rig.ask(p.ProposeKeyImport(envelope=envelope, **{**told, **wishes}))

    def officer_approves(self, act: p.Act, by: Officer | None = None) -> p.KeyImportStep:
        device = (by or self.officer).device
        return self.rig.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(device, act.challenge)))

    def owner_approves(self, act: p.Act, *, pin: str = "", by: Signer | None = None) -> p.KeyImportStep:
        web = self.rig.web
        code = new_recovery_code()
        sealed = web.seal(p.HPKE_INFO_IMPORT, act.challenge, pin=pin or self.signer.pin, recovery_code=code)
        device = (by or self.signer).device
        return self.rig.ask(
            p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(device, act.challenge), sealed_secrets=sealed)
        )

    def take_in(self, envelope: bytes) -> p.KeyInformation:
        act = self.propose(envelope)
        assert self.officer_approves(act).waiting_for == (self.signer.user_id,)
        key = self.owner_approves(act).key
        assert key is not None
        return key

    def refused(self, error: type[errors.NatsuinError], envelope: bytes, match: str = ".", **wishes: Any) -> None:
        with pytest.raises(error, match=match):
            self.propose(envelope, **wishes)


def told_since(rig: SamRig, size: int) -> list[dict[str, Any]]:
    """The entries of the log from index `size`."""
    return [msgspec.json.decode(leaf) for _, leaf in rig.sam.log.entries(size)]


def switch_on(rig: SamRig, authority: ImportingAuthority, folder: Path) -> None:
    rig.sam.close()
    file = folder / "authorities.pem"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    keys = rig.config.keys.model_copy(update={"import_from": file})
    rig.config = rig.config.model_copy(update={"keys": keys})
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    folder = tmp_path_factory.mktemp("sam")
    rig, authority = SamRig.make(folder), ImportingAuthority()
    switch_on(rig, authority, folder)
    yield Importing(rig, authority)
    rig.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: rsa.generate_private_key(65537, 3072),
        lambda: ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p-256", "p-521", "rsa-3072", "ed25519"],
)
def test_an_imported_key_signs_and_says_where_it_comes_from(importing: Importing, make: Any) -> None:
    private_key, owner = make(), importing.signer
    certificate = importing.authority.certify(private_key.public_key())
    size = importing.rig.sam.log.size
    key = importing.take_in(importing.envelope(private_key, certificate))
    assert (key.origin, key.backend, key.state, key.user_id) == ("imported", "software", "active", owner.user_id)
    assert (key.certificate, key.chain) == (der(certificate), (der(importing.authority.certificate),))
    told = [entry for entry in told_since(importing.rig, size) if entry["type"] == "key-imported"]
    assert [(each["key"], each["algorithm"], each["backend"]) for each in told] == [
        (key.key_id, key.algorithm, "software")
    ]
    scheme = SignatureScheme(key.schemes[0])
    facts = FACTS[scheme]
    wanted = (b"x" * facts.digest_bytes,)
    approved = wanted if facts.prehashed else (hashlib.sha512(wanted[0]).digest(),)
    web = importing.rig.web
    signer = Signer(owner.user_id, key, owner.device, owner.pin)
    signed = web.sign(web.approve(signer, approved, scheme=scheme.value), wanted)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verify_signature(load_public_key(spki), wanted[0], signed.signatures[0], scheme)
    listed = {each.key_id: each.origin for each in web.ask(p.ListKeys(user_id=owner.user_id)).keys}
    assert (listed[key.key_id], listed[owner.key.key_id]) == ("imported", "generated")
    renewed = web.renew(signer)
    assert (renewed.key.origin, renewed.key.predecessor) == ("generated", key.key_id)


def test_the_evidence_tells_the_origin(importing: Importing) -> None:
    key = importing.take_in(importing.envelope())
    owner = Signer(importing.signer.user_id, key, importing.signer.device, importing.signer.pin)
    web, wanted = importing.rig.web, digests(1)
    instruction = web.instruct(owner, wanted)
    web.sign(web.activate(owner, instruction).sad, wanted)
    bundle = web.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=owner.user_id))
    assert msgspec.json.decode(bundle.document)["key"]["origin"] == "imported"


def test_an_envelope_is_good_once(importing: Importing) -> None:
    envelope = importing.envelope()
    waiting = importing.propose(envelope)
    importing.officer_approves(waiting)
    key = importing.take_in(envelope)
    importing.refused(errors.AlreadyUsed, envelope, "before")
    # What was proposed before the other one was taken in comes too late.
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(waiting)
    owner = Signer(importing.signer.user_id, key, importing.signer.device)
    importing.rig.web.act(owner, "destroy")
    importing.refused(errors.AlreadyUsed, envelope, "before")


def test_an_older_database_does_not_make_an_envelope_good_again(importing: Importing) -> None:
    envelope = importing.envelope()
    key = importing.take_in(envelope)
    with importing.rig.sam.database.write() as connection:
        for table, column in (("key_slot", "key_id"), ("certificate", "key_id"), ("used_envelope", "key_id")):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = '{key.key_id}'")  # noqa: S608  # own id
        connection.exec_driver_sql(f"DELETE FROM signing_key WHERE key_id = '{key.key_id}'")  # noqa: S608  # own id
    importing.refused(errors.AlreadyUsed, envelope, "before")


def test_an_envelope_for_somebody_else_is_refused(importing: Importing) -> None:
    other = importing.rig.web.enrol(importing.rig.web.invite(importing.officer, name="鈴木 一郎"))
    importing.refused(EnvelopeRefused, importing.envelope(origin="https://other.example"), "another service")
    importing.refused(EnvelopeRefused, importing.envelope(log="localhost+00000000+AAAA"), "another service")
    importing.refused(EnvelopeRefused, importing.envelope(user=other.user_id), "another person")
    importing.refused(
        EnvelopeRefused, importing.envelope(), "another person", user_id=other.user_id, key_id=other.key.key_id
    )
    importing.refused(errors.NotFound, importing.envelope(), user_id=other.user_id)
    importing.refused(errors.NotFound, importing.envelope(), key_id=other.key.key_id)
    elsewhere = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = elsewhere.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    importing.refused(EnvelopeMalformed, importing.envelope(import_key=point), "does not open")
    importing.refused(EnvelopeMalformed, importing.envelope(import_key=importing.rig.web.info.hpke_public_key))


def test_an_envelope_has_its_time(importing: Importing) -> None:
    now = importing.authority.header()["made"]
    day = 86_400_000
    importing.refused(errors.Expired, importing.envelope(expires=now - 1))
    importing.refused(EnvelopeRefused, importing.envelope(made=now + day, expires=now + 2 * day), "future")
    importing.refused(EnvelopeRefused, importing.envelope(expires=now + 31 * day), "30 days")
    importing.refused(EnvelopeMalformed, importing.envelope(other_copies="one, for us"))
    importing.refused(EnvelopeMalformed, importing.envelope(envelope="7"))
    importing.refused(EnvelopeMalformed, importing.envelope(extra="x"))


def test_only_a_configured_authority_hands_over_keys(importing: Importing) -> None:
    authority = importing.authority
    for stranger in (
        ImportingAuthority("Another CA"),
        ImportingAuthority(authority.name),
        ImportingAuthority(key=authority.key, purposes=()),
        ImportingAuthority(key=authority.key, purposes=("1.3.6.1.5.5.7.3.4",)),
        ImportingAuthority(key=authority.key, purposes=("2.5.29.37.0",)),
        ImportingAuthority(key=authority.key, signer_days=-1),
        ImportingAuthority(key=authority.key, signer_key=WEAK),
    ):
        importing.refused(SignerNotAccepted, importing.envelope(by=stranger))
    itself = ImportingAuthority(key=authority.key, signer_key=authority.key)
    itself.signer = itself.certificate = authority.certificate
    importing.refused(SignerNotAccepted, importing.envelope(by=itself), "purpose")
    genuine = ImportingAuthority(key=authority.key)
    genuine.certificate = authority.certificate
    importing.take_in(importing.envelope(by=genuine))


def test_an_unsigned_envelope_is_refused(importing: Importing) -> None:
    authority, info = importing.authority, importing.rig.web.info
    key = ec.generate_private_key(ec.SECP256R1())
    header = authority.header(origin=info.origin, log=info.log_vkey, user=importing.signer.user_id)
    content = authority.content(header, secret_of(key_file(key, authority.certify(key.public_key()))), info.import_key)
    signed = authority.sign(content)
    for envelope in (
        content,
        b"",
        signed[:-1],
        signed + b"\0",
        authority.sign(content, detached=True),
        authority.sign(content, attributes=False),
        two_signers(signed),
    ):
        importing.refused(SignerNotAccepted, envelope)
    importing.refused(EnvelopeMalformed, authority.sign(b"a letter"))
    importing.refused(EnvelopeMalformed, authority.sign(content[:200]))


def test_nobody_passes_on_what_another_sealed(importing: Importing) -> None:
    authority, info = importing.authority, importing.rig.web.info
    second = ImportingAuthority(key=authority.key)
    header = authority.header(origin=info.origin, log=info.log_vkey, user=importing.signer.user_id)
    key = ec.generate_private_key(ec.SECP256R1())
    content = authority.content(header, secret_of(key_file(key, authority.certify(key.public_key()))), info.import_key)
    importing.refused(EnvelopeRefused, second.sign(content), "another signer")
    own = second.header(origin=info.origin, log=info.log_vkey, user=importing.signer.user_id)
    sealed = content[26 + int.from_bytes(content[22:26], "big") :]
    front = second.content(own, b"", info.import_key)
    front = front[: 26 + int.from_bytes(front[22:26], "big")]
    importing.refused(EnvelopeMalformed, second.sign(front + sealed), "does not open")


def test_a_bit_flipped_anywhere_changes_no_key(importing: Importing) -> None:
    envelope = importing.envelope()
    genuine = msgspec.json.decode(importing.propose(envelope).record)
    begin = envelope.index(b"natsuin-key-envelope")
    chosen = random.Random(7)  # noqa: S311  # the same places each time
    for place in [*range(begin, begin + 60), *chosen.sample(range(len(envelope)), 150)]:
        changed = bytearray(envelope)
        changed[place] ^= 1 << chosen.randrange(8)
        try:
            told = msgspec.json.decode(importing.propose(bytes(changed)).record)
        except errors.Refused:
            continue
        # A bit that nothing rests on, such as one of the list of hash functions beside the signature.
        assert not begin <= place < begin + 800
        assert {name: told[name] for name in ("envelope", "certificate_sha256")} == {
            name: genuine[name] for name in ("envelope", "certificate_sha256")
        }


def test_the_certificate_must_be_the_persons_own(importing: Importing) -> None:
    authority, key = importing.authority, ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    somebody = authority.certify(public_key, name_of("鈴木 一郎", "例示株式会社"))
    importing.refused(SubjectDiffers, importing.envelope(key, somebody))
    importing.refused(SubjectDiffers, importing.envelope(key, authority.certify(public_key, name_of("山田 太郎"))))
    importing.refused(CertificateNotAccepted, importing.envelope(key, authority.certify(public_key, days=-1)))
    importing.refused(CertificateNotAccepted, importing.envelope(key, authority.certify(public_key, ca=True)))
    # Signed by the right authority around a certificate of another one.
    foreign = ImportingAuthority("Another CA").certify(public_key)
    importing.refused(CertificateNotAccepted, importing.envelope(key, foreign))
    # The key of one person beside the certificate of another key.
    file = key_file(key, None, [authority.certify(other)])
    importing.refused(BadPKCS12, importing.envelope(secret=secret_of(file)))


def test_what_is_inside_must_open(importing: Importing) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = importing.authority.certify(key.public_key())
    file = key_file(key, certificate)
    importing.refused(BadPKCS12, importing.envelope(secret=secret_of(file, "another password")), "password")
    importing.refused(BadPKCS12, importing.envelope(secret=secret_of(key_file(key, None))))
    importing.refused(BadPKCS12, importing.envelope(secret=secret_of(b"no file")))
    importing.refused(errors.TooLarge, importing.envelope(secret=secret_of(many_rounds(key, certificate, 1_000_001))))
    importing.refused(errors.TooLarge, importing.envelope(secret=secret_of(bytes(65 * 1024))))
    for secret in (b"{}", b"nothing", b'{"pkcs12": 1, "password": 2}'):
        importing.refused(EnvelopeMalformed, importing.envelope(secret=secret))


def numbers_of(first: int, second: int) -> rsa.RSAPrivateKey:
    """An RSA key from its primes."""
    exponent = pow(65537, -1, math.lcm(first - 1, second - 1))
    parts = (exponent % (first - 1), exponent % (second - 1), pow(second, -1, first))
    public = rsa.RSAPublicNumbers(65537, first * second)
    return rsa.RSAPrivateNumbers(first, second, exponent, *parts, public).private_key()


def primes() -> tuple[int, int, int]:
    """Three primes of 1024 bits."""
    one, two = (rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(2))
    return one.p, one.q, two.p


def roca_prime(chosen: random.Random) -> int:
    """k * M + (65537 ** a mod M), as the flawed library made them."""
    product = math.prod(p for p in range(2, 702) if all(p % q for q in range(2, p)))
    while True:
        factor = chosen.randrange((3 << 1022) // product + 1, (1 << 1024) // product)
        candidate = factor * product + pow(65537, chosen.getrandbits(200), product)
        if pow(2, candidate - 1, candidate) == 1 and math.gcd(candidate - 1, 65537) == 1:
            return candidate


def test_weak_keys_are_refused(importing: Importing) -> None:
    chosen = random.Random(2017)  # noqa: S311  # the same key each time
    for weak in (
        WEAK,
        rsa.generate_private_key(3, 2048),
        numbers_of(roca_prime(chosen), roca_prime(chosen)),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
    ):
        importing.refused(WeakKey, importing.envelope(weak))


def test_a_key_that_is_here_or_shares_a_prime_is_refused(importing: Importing) -> None:
    first, second, third = primes()
    genuine = numbers_of(first, second)
    importing.take_in(importing.envelope(genuine))
    importing.refused(KeyKnown, importing.envelope(genuine))
    importing.refused(WeakKey, importing.envelope(numbers_of(first, third)), "shares a prime")
    own = ec.generate_private_key(ec.SECP256R1())
    waiting = importing.propose(importing.envelope(own))
    importing.officer_approves(waiting)
    importing.take_in(importing.envelope(own))
    with pytest.raises(KeyKnown):
        importing.owner_approves(waiting)


def test_algorithms_end_for_imports_too(importing: Importing) -> None:
    key = rsa.generate_private_key(65537, 2048)
    foundation = importing.rig.sam.handlers.keys.foundation
    choice = Choice(refused_keys=frozenset({KeyAlgorithm.RSA_2048}))
    imports = importing.rig.sam.handlers.key_imports
    narrow = replace(imports, foundation=replace(foundation, policy=AlgorithmPolicy(choice)))
    message = {"officer_id": importing.officer.user_id, "user_id": importing.signer.user_id}
    with pytest.raises(AlgorithmRefused):
        narrow.propose(
            p.ProposeKeyImport(envelope=importing.envelope(key), key_id=importing.signer.key.key_id, **message)
        )
    late = importing.authority.certify(key.public_key(), days=3650)
    importing.refused(AlgorithmRefused, importing.envelope(key, late), "2030-12-31")


def test_both_must_approve_in_turn_with_their_own_passkeys(importing: Importing) -> None:
    stranger = importing.rig.web.enrol(importing.rig.web.invite(importing.officer, name="鈴木 一郎"))
    nobody = Officer(importing.officer.user_id, stranger.device)
    importing.refused(errors.Forbidden, importing.envelope(), officer_id=importing.signer.user_id)
    importing.refused(errors.Forbidden, importing.envelope(), officer_id="")
    act = importing.propose(importing.envelope())
    with pytest.raises(errors.Forbidden):
        importing.owner_approves(act)
    with pytest.raises(errors.Refused):
        importing.officer_approves(act, nobody)
    importing.officer_approves(act)
    with pytest.raises(errors.AlreadyUsed):
        importing.officer_approves(act)
    with pytest.raises(errors.ApprovalRefused):
        importing.owner_approves(act, by=stranger)
    # Five refusals end an act, whoever is right afterwards.
    with pytest.raises(errors.ApprovalRefused):
        importing.owner_approves(act, by=stranger)
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(act)
    assert importing.rig.web.ask(p.ListKeys(user_id=stranger.user_id)).keys[1:] == ()


def test_the_owner_approves_this_record_with_passkey_and_pin(importing: Importing) -> None:
    envelope = importing.envelope()
    first, second = importing.propose(envelope), importing.propose(importing.envelope())
    for act in (first, second):
        importing.officer_approves(act)
    web, owner = importing.rig.web, importing.signer
    sealed = web.seal(p.HPKE_INFO_IMPORT, second.challenge, pin=owner.pin, recovery_code=new_recovery_code())
    mixed = assertion(owner.device, first.challenge)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.ApproveKeyImport(act_id=second.act_id, assertion=mixed, sealed_secrets=sealed))
    with pytest.raises(errors.WrongSecret, match="9 tries left"):
        importing.owner_approves(first, pin="wrong horse 8")
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(first)
    with pytest.raises(errors.NotFound):
        importing.officer_approves(p.Act(act_id="0" * 32, record=b"", challenge=b"", credential_ids=(), expires_at=0))
    # The envelope itself was not used up by a mistyped PIN.
    importing.take_in(envelope)


def test_a_suspended_key_guards_no_other(importing: Importing) -> None:
    web, owner = importing.rig.web, importing.signer
    act = importing.propose(importing.envelope())
    importing.officer_approves(act)
    web.act(owner, "suspend")
    try:
        importing.refused(errors.Conflict, importing.envelope())
        with pytest.raises(errors.Conflict):
            importing.owner_approves(act)
    finally:
        web.act(owner, "resume")


def test_switching_import_off_ends_it_and_erases_its_key(tmp_path: Path) -> None:
    rig, authority = SamRig.make(tmp_path), ImportingAuthority()
    importing = Importing(rig, authority)
    stray = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = stray.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert rig.web.info.import_key == b""
    importing.refused(ImportOff, importing.envelope(import_key=point))
    switch_on(rig, authority, tmp_path)
    first = rig.web.info.import_key
    envelope = importing.envelope()
    act = importing.propose(envelope)
    importing.officer_approves(act)
    rig.reopen()
    assert rig.web.info.import_key == first
    rig.config = rig.config.model_copy(update={"keys": rig.config.keys.model_copy(update={"import_from": None})})
    rig.reopen()
    assert rig.web.info.import_key == b""
    importing.refused(ImportOff, envelope)
    with pytest.raises(ImportOff):
        importing.owner_approves(act)
    switch_on(rig, authority, tmp_path)
    assert rig.web.info.import_key not in (b"", first)
    importing.refused(EnvelopeMalformed, envelope, "does not open")
    kinds = [entry["type"] for entry in told_since(rig, 0)]
    assert [kind for kind in kinds if kind.startswith("import-key")] == [
        "import-key-made",
        "import-key-erased",
        "import-key-made",
    ]
    rig.close()


def test_what_cannot_be_trusted_refuses_the_start(tmp_path: Path) -> None:
    rig, authority = SamRig.make(tmp_path), ImportingAuthority()
    rig.sam.close()
    file = tmp_path / "authorities.pem"
    keys = rig.config.keys.model_copy(update={"import_from": file})
    config = rig.config.model_copy(update={"keys": keys})
    for content in (b"", b"nothing", authority.signer.public_bytes(Encoding.PEM)):
        file.write_bytes(content)
        with pytest.raises(ConfigurationRefused, match=r"keys\.import_from"):
            authorities_of(config)
    with pytest.raises(ConfigurationRefused, match=r"keys\.import_from"):
        open_sam(config)
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    token = config.vault.model_copy(update={"kind": "pkcs11"})
    with pytest.raises(ConfigurationRefused, match="kept in software"):
        authorities_of(config.model_copy(update={"vault": token}))
    assert authorities_of(config) == (der(authority.certificate),)
    file.chmod(0o666)
    with pytest.raises(PermissionsLoose, match="authorities"):
        check_permissions(config)


def test_the_commands_of_an_authority_make_an_envelope_that_is_taken(importing: Importing, tmp_path: Path) -> None:
    authority, info = importing.authority, importing.rig.web.info
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify(key.public_key())
    told = {"origin": info.origin, "log": info.log_vkey, "import_key": base64url.encode(info.import_key)}
    files = {
        "sam.json": msgspec.json.encode(told),
        "key.p12": key_file(key, certificate),
        "password": PASSWORD.encode() + b"\n",
        "signer.pem": authority.signer.public_bytes(Encoding.PEM) + authority.certificate.public_bytes(Encoding.PEM),
        "signer.key": authority.signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "envelope"
    arguments = ["import", "seal", "--for", "sam.json", "--user", importing.signer.user_id, "--pkcs12", "key.p12"]
    arguments += [
        "--password-file",
        "password",
        "--signer",
        "signer.pem",
        "--signer-key",
        "signer.key",
        "--out",
        "envelope",
    ]
    program = [sys.executable, "-m", "natsuin.cli"]
    refused = subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (refused.returncode, out.exists()) == (2, False)
    assert "--no-other-copy" in refused.stderr
    subprocess.run([*program, *arguments, "--no-other-copy"], cwd=tmp_path, capture_output=True, check=True)
    assert out.stat().st_mode & 0o777 == 0o600
    taken = importing.take_in(out.read_bytes())
    assert (taken.origin, taken.certificate) == ("imported", der(certificate))
    again = subprocess.run([*program, *arguments, "--no-other-copy"], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 73


def test_an_archive_keeps_the_origin(importing: Importing) -> None:
    key = importing.take_in(importing.envelope())
    foundation = importing.rig.sam.handlers.keys.foundation
    with foundation.database.read() as connection:
        row = foundation.find(connection, signing_key, key_id=key.key_id)
    assert row is not None
    seal = ArchiveSeal(bytes(32), "provider")
    archive = Archive("a" * 32, 1, 0, 0, row, row["key_blob"], {})
    assert seal.open(seal.close(archive)).key.binding == key_binding(row)
    assert key_binding({**row, "origin": "generated"}) != key_binding(row)


def test_an_origin_changed_in_the_database_opens_nothing(importing: Importing) -> None:
    key = importing.take_in(importing.envelope())
    owner = Signer(importing.signer.user_id, key, importing.signer.device, importing.signer.pin)
    foundation = importing.rig.sam.handlers.keys.foundation
    with foundation.database.write() as connection:
        row = foundation.find(connection, signing_key, key_id=key.key_id)
        assert row is not None
        # Somebody with the master key, who can make the row's seal, and with no signer's secret.
        assert foundation.update(connection, signing_key, row, origin="generated")
    with pytest.raises(errors.WrongSecret):
        importing.rig.web.approve(owner, digests(1))


def test_one_envelope_at_once_makes_one_key(importing: Importing) -> None:
    envelope = importing.envelope()
    acts = [importing.propose(envelope) for _ in range(3)]
    for act in acts:
        importing.officer_approves(act)
    before = len(importing.rig.web.ask(p.ListKeys(user_id=importing.signer.user_id)).keys)

    def approve(act: p.Act) -> bool:
        try:
            return importing.owner_approves(act).key is not None
        except errors.Refused:
            return False

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(approve, acts)) <= 1
    assert len(importing.rig.web.ask(p.ListKeys(user_id=importing.signer.user_id)).keys) <= before + 1
