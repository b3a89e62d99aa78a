"""What somebody with the module and the token's PIN learns of a key while it signs: from another process, and even from
a second session of the very process that opened it (P3)."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.key_management import PKCS11Vault, VaultInterrupted
from rigs.tokens import FaultyToken, eventually, in_token, settings_of

ATTACK = """
SECRETS = "VALUE PRIVATE_EXPONENT PRIME_1 PRIME_2 EXPONENT_1 EXPONENT_2 COEFFICIENT".split()


def attack(session):
    told = set()
    for item in session.get_objects():
        if item.object_class == ObjectClass.PUBLIC_KEY:
            continue
        told.add("seen " + item.object_class.name)
        for name in SECRETS:
            try:
                told.add(item.object_class.name + (" read " if item[Attribute[name]] else " empty ") + name)
            except PKCS11Error as error:
                told.add(type(error).__name__)
        wishes = [("EXTRACTABLE", True), ("SENSITIVE", False), ("DECRYPT", True)]
        if item.object_class == ObjectClass.PRIVATE_KEY:
            wishes += [("UNWRAP", True), ("DERIVE", True), ("SIGN_RECOVER", True)]
        for name, value in wishes:
            try:
                item[Attribute[name]] = value
                told.add(item.object_class.name + " changed " + name)
            except PKCS11Error:
                pass
            try:
                copied = item.copy({Attribute[name]: value, Attribute.TOKEN: False})
                if bool(copied[Attribute[name]]) == value:
                    told.add(item.object_class.name + " copied with " + name)
                copied.destroy()
            except PKCS11Error:
                pass
    return told


def wrap_out(session, key):
    own = session.create_object({
        Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: b"K" * 32,
        Attribute.WRAP: True, Attribute.TOKEN: False,
    })
    try:
        own.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD)
        return "wrapped out"
    except PKCS11Error as error:
        return type(error).__name__
    finally:
        own.destroy()
"""
OUTSIDE = ATTACK + "print(*sorted(attack(session)), sep='\\n')\n"
INSIDE = (
    ATTACK
    + """
from natsuin.key_management.hsm.cryptoki import open_session, sign
from natsuin.key_management.hsm.keys import Lane, Wrapped, _unwrapped
kind, public_key, wrapping_key, mechanism, content, needs_point = arguments
wrapped = Wrapped(kind, bytes.fromhex(public_key), bytes.fromhex(wrapping_key), mechanism, bytes.fromhex(content))
lane = Lane(session, Mechanism[mechanism], needs_point == "yes")
second = open_session(token)
with _unwrapped(lane, wrapped) as key:
    told = attack(second)
    told.add("wrapping: " + wrap_out(second, key))
    signature = sign(key, b"d" * 32, Mechanism.ECDSA if kind == "p-256" else Mechanism.RSA_PKCS)
    told.add("it signs" if signature else "it does not sign")
    told |= attack(second)
told.add("left: %d" % sum(item.object_class == ObjectClass.PRIVATE_KEY for item in second.get_objects()))
print(*sorted(told), sep="\\n")
"""
)
WEAK = {
    "wrapping: wrapped out",
    "PRIVATE_KEY copied with EXTRACTABLE",
    "PRIVATE_KEY copied with DECRYPT",
    "PRIVATE_KEY copied with UNWRAP",
    "PRIVATE_KEY copied with DERIVE",
    "PRIVATE_KEY copied with SIGN_RECOVER",
    "SECRET_KEY copied with EXTRACTABLE",
    "SECRET_KEY copied with DECRYPT",
}
"""What NSS's soft token allows to whoever has its PIN. It is refused but for trials (docs/hsm.md)."""
REFUSALS = {"AttributeSensitive", "AttributeTypeInvalid"}


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
def test_a_key_that_is_open_for_a_signature_gives_nothing_away(
    token_vault: PKCS11Vault, algorithm: KeyAlgorithm
) -> None:
    with token_vault.generate(algorithm) as fresh:
        wrapped = fresh.wrapped
    settings = token_vault._line._settings
    weak = "wraps-unextractable" in token_vault.facts["weaknesses"]  # type: ignore[operator]  # a list of texts
    facts = (algorithm.value, wrapped.public_key.hex(), wrapped.wrapping_key.hex(), wrapped.mechanism)
    told = set(in_token(settings, INSIDE, *facts, wrapped.content.hex(), "yes" if weak else "no").splitlines())
    expected = {"seen PRIVATE_KEY", "seen SECRET_KEY", "it signs", "left: 0"}
    assert expected <= told
    assert told & REFUSALS
    assert told - REFUSALS - expected == (WEAK if weak else {"wrapping: KeyUnextractable"})
    assert token_vault.facts["locks_open_keys"] is True


def test_another_process_sees_no_key_while_it_signs(faulty: FaultyToken) -> None:
    """The token holds the wrapping key, which cannot be read, and to others nothing else."""
    vault = faulty.vault()
    with vault.generate(KeyAlgorithm.P_256) as fresh:
        blob = fresh.seal(b"alice")
    interrupted: list[Exception] = []

    def sign() -> None:
        try:
            with vault.open(blob, b"alice") as key:
                key.sign(b"d" * 32, SignatureScheme.ECDSA_SHA256)
        except VaultInterrupted as error:
            interrupted.append(error)

    before = faulty.calls("C_Sign")
    faulty.order("C_Sign hang -")
    signing = threading.Thread(target=sign)
    signing.start()
    eventually(lambda: faulty.calls("C_Sign") > before)
    real = replace(faulty.token, module=faulty.token.environment["FAULTY_MODULE"])
    told = set(in_token(settings_of(real, faulty.folder), OUTSIDE).splitlines())
    assert signing.is_alive() or interrupted
    signing.join(60)
    faulty.behave()
    vault.close()
    assert interrupted, "the signature was under way"
    assert told - REFUSALS == {"seen SECRET_KEY"}


def test_nothing_stays_after_signatures(tokens: Callable[[str], PKCS11Vault]) -> None:
    """At rest, after keys were made and used, both tokens hold no private key and let nothing of theirs be read."""
    for kind in ("softhsm2", "nss"):
        vault = tokens(kind)
        with vault.generate(KeyAlgorithm.P_256) as fresh:
            blob = fresh.seal(b"alice")
        for _ in range(3):
            with vault.open(blob, b"alice") as key:
                key.sign(b"d" * 32, SignatureScheme.ECDSA_SHA256)
        told = set(in_token(vault._line._settings, OUTSIDE).splitlines()) - REFUSALS
        assert told - WEAK == {"seen SECRET_KEY"}
        assert kind == "nss" or not told & WEAK
