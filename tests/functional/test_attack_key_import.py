"""Keys from outside that must not enter: not meant for here, not the person's, not signed, not sound, not genuine."""

import math
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin import errors
from natsuin.certification import CertificateNotAccepted, SignerNotAccepted, SubjectDiffers
from natsuin.key_management import (
    BadPKCS12,
    EnvelopeMalformed,
    EnvelopeRefused,
    KeyKnown,
    KeyMaker,
    WeakKey,
    signing_key,
)
from natsuin.sam import protocol as p
from rigs.key_envelopes import ImportingAuthority, key_file, many_rounds, name_of, secret_of, two_signers
from rigs.key_imports import Importing, switch_on
from rigs.sam_in_process import SamRig
from rigs.web_side import Signer, digests

WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  # weak on purpose


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    folder = tmp_path_factory.mktemp("sam")
    rig, authority = SamRig.make(folder), ImportingAuthority()
    switch_on(rig, authority, folder)
    yield Importing(rig, authority)
    rig.close()


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


def test_two_keys_that_share_a_prime_do_not_enter_at_the_same_instant(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is sound beside what is in the store; together they give each other away."""
    other = importing.rig.web.enrol(importing.rig.web.invite(importing.officer))
    first, second, third = primes()
    owners, acts = (importing.signer, other), []
    for owner, prime in zip(owners, (second, third), strict=True):
        envelope = importing.envelope(numbers_of(first, prime), user=owner.user_id)
        acts.append(importing.propose(envelope, user_id=owner.user_id, key_id=owner.key.key_id))
        importing.officer_approves(acts[-1])
    both, take_in = threading.Barrier(2), KeyMaker.take_in

    def meet(self: KeyMaker, *given: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        return take_in(self, *given)

    def approve(act: p.Act, owner: Signer) -> str:
        try:
            importing.owner_approves(act, by=owner)
        except WeakKey as error:
            return error.code
        return "taken in"

    monkeypatch.setattr(KeyMaker, "take_in", meet)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(approve, acts, owners)) == ["taken in", "weak_key"]


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


def test_passkeys_replaced_while_a_key_is_taken_in(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new key would be bound to passkeys that guard nothing any more."""
    handlers = importing.rig.sam.handlers
    foundation = handlers.keys.foundation
    take_in = KeyMaker.take_in

    def change(passkeys: bytes) -> bytes:
        with foundation.database.write() as connection:
            row = foundation.find(connection, signing_key, key_id=importing.signer.key.key_id)
            assert row is not None
            foundation.update(connection, signing_key, row, passkeys=passkeys)
            return bytes(row["passkeys"])

    before: list[bytes] = []

    def slow(self: KeyMaker, *given: Any) -> Any:
        made = take_in(self, *given)
        before.append(change(b"[]"))
        return made

    act = importing.propose(importing.envelope())
    importing.officer_approves(act)
    monkeypatch.setattr(KeyMaker, "take_in", slow)
    with pytest.raises(errors.Conflict, match="passkeys"):
        importing.owner_approves(act)
    change(before[0])
