"""What somebody with the PIN can do to a token, and what a token must be for Natsuin to use it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from natsuin.algorithms import KeyAlgorithm
from natsuin.cli.demo.tokens import KINDS, make_trial_token
from natsuin.errors import Conflict, NatsuinError
from natsuin.key_management import (
    PKCS11Vault,
    TokenSettings,
    VaultRefused,
    VaultUnavailable,
    WrappingKeyMissing,
    make_wrapping_key,
)
from rigs.tokens import MASTER, FaultyToken, in_token, settings_of

SECRETS = "VALUE PRIVATE_EXPONENT PRIME_1 PRIME_2 EXPONENT_1 EXPONENT_2 COEFFICIENT"
READ_ALL = f"""
answers = set()
for item in session.get_objects():
    if item.object_class == ObjectClass.PUBLIC_KEY:
        continue
    for name in "{SECRETS}".split():
        try:
            item[Attribute[name]]
            answers.add("read")
        except PKCS11Error as error:
            answers.add(type(error).__name__)
print(*sorted(answers))
"""
CHANGE = """
(item,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
for name, value in (("EXTRACTABLE", True), ("SENSITIVE", False), ("DECRYPT", True), ("MODIFIABLE", True)):
    try:
        item[Attribute[name]] = value
        print(name, "was changed")
    except PKCS11Error:
        print(name, "stays")
"""
WRAP_OUT = """
(wrapping,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
own = session.create_object({
    Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: b"K" * 32,
    Attribute.WRAP: True, Attribute.TOKEN: False,
})
for mechanism in (Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD):
    try:
        own.wrap_key(wrapping, mechanism=mechanism)
        print("stolen")
    except PKCS11Error as error:
        print(type(error).__name__)
"""
DECRYPT = """
(wrapping,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
for ask in ("encrypt", "decrypt", "sign", "derive_key"):
    print(ask, hasattr(wrapping, ask))
"""
MAKE_KEY = """
label, decrypt = arguments
session.generate_key(KeyType.AES, 256, id=b"\\xa1" * 16, label=label, store=True, template={
    Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.WRAP: True, Attribute.UNWRAP: True,
    Attribute.ENCRYPT: False, Attribute.DECRYPT: decrypt == "yes", Attribute.SIGN: False, Attribute.VERIFY: False,
    Attribute.DERIVE: False, Attribute.MODIFIABLE: False, Attribute.PRIVATE: True,
})
"""
EXCHANGE = """
from natsuin.key_management.hsm.wrapping_key import destroy_wrapping_key, make_wrapping_key
destroy_wrapping_key(session, bytes.fromhex(arguments[0]))
make_wrapping_key(session, bytes.fromhex(arguments[0]))
"""
LABEL = "natsuin wrapping key"


@pytest.fixture
def softhsm(tmp_path: Path) -> TokenSettings:
    """A token of its own, without a wrapping key."""
    return settings_of(make_trial_token("softhsm2", tmp_path / "token"), tmp_path)


def opened(settings: TokenSettings) -> PKCS11Vault:
    def stop(error: NatsuinError) -> None:
        raise AssertionError(error)

    return PKCS11Vault(MASTER, settings, stop)


def test_nothing_that_was_made_can_be_read(token_vault: PKCS11Vault) -> None:
    settings = token_vault._line._settings
    with token_vault.generate_resident(KeyAlgorithm.RSA_3072, "to be read"):
        """It stays."""
    try:
        answers = in_token(settings, READ_ALL).split()
    finally:
        token_vault.destroy_resident("to be read")
    assert "AttributeSensitive" in answers
    assert set(answers) <= {"AttributeSensitive", "AttributeTypeInvalid"}


def test_the_wrapping_key_can_only_wrap_and_unwrap(token_vault: PKCS11Vault) -> None:
    settings = token_vault._line._settings
    assert in_token(settings, CHANGE).splitlines() == [
        f"{name} stays" for name in ("EXTRACTABLE", "SENSITIVE", "DECRYPT", "MODIFIABLE")
    ]
    assert "True" not in in_token(settings, DECRYPT)


def test_the_wrapping_key_cannot_be_wrapped_out(tokens: Callable[[str], PKCS11Vault]) -> None:
    settings = tokens("softhsm2")._line._settings
    assert set(in_token(settings, WRAP_OUT).split()) == {"KeyUnextractable"}


def test_a_token_that_lets_its_wrapping_key_out_is_refused(tokens: Callable[[str], PKCS11Vault]) -> None:
    """NSS's soft token wraps what it calls never extractable, so it serves for trials only and must be told so."""
    settings = tokens("nss")._line._settings
    assert "stolen" in in_token(settings, WRAP_OUT).split()
    assert "wraps-unextractable" in tokens("nss").facts["weaknesses"]  # type: ignore[operator]  # a list of texts
    assert tokens("softhsm2").facts["weaknesses"] == []
    copies = {f"copies-with-CKA_{name}" for name in ("EXTRACTABLE", "DECRYPT")}
    assert copies <= set(tokens("nss").facts["weaknesses"])  # type: ignore[call-overload]  # a list of texts
    with pytest.raises(VaultRefused, match="wraps-unextractable"):
        opened(replace(settings, allow_weak_token=False))


def test_a_key_in_use_cannot_be_wrapped_again(tokens: Callable[[str], PKCS11Vault]) -> None:
    """What is unwrapped for a signature is not extractable any more."""
    vault = tokens("softhsm2")
    with vault.generate(KeyAlgorithm.P_256) as fresh:
        content = fresh.wrapped.content
    script = """
from natsuin.key_management.hsm.keys import Lane, Wrapped, _unwrapped
from natsuin.key_management.hsm.cryptoki import wrap
wrapped = Wrapped("p-256", b"", bytes.fromhex(arguments[0]), "AES_KEY_WRAP_PAD", bytes.fromhex(arguments[1]))
lane = Lane(session, Mechanism.AES_KEY_WRAP_PAD)
with _unwrapped(lane, wrapped) as key:
    print([bool(key[Attribute[name]]) for name in ("SENSITIVE", "EXTRACTABLE", "TOKEN", "DECRYPT", "UNWRAP", "DERIVE")])
    try:
        wrap(lane.wrapping_key(wrapped.wrapping_key), key, Mechanism.AES_KEY_WRAP_PAD)
    except PKCS11Error as error:
        print(type(error).__name__)
"""
    settings = vault._line._settings
    told = in_token(settings, script, settings.wrapping_key.hex(), content.hex()).splitlines()
    assert told == ["[True, False, False, False, False, False]", "KeyUnextractable"]


UNWRAP_OTHERWISE = """
from natsuin.key_management.hsm.cryptoki import DEFAULT, wrap
from natsuin.key_management.hsm.wrapping_key import find_wrapping_key
wrapping = find_wrapping_key(session, bytes.fromhex(arguments[0]))
as_made = dict.fromkeys(("PRIVATE", "SENSITIVE", "SIGN"), True)
as_made |= dict.fromkeys(("EXTRACTABLE", "DECRYPT", "UNWRAP", "DERIVE", "TOKEN"), False)
for name, value in (
    ("EXTRACTABLE", True), ("SENSITIVE", False), ("DECRYPT", True), ("TOKEN", True), ("EXTRACTABLE", False)
):
    template = {Attribute[key]: asked for key, asked in {**as_made, name: value}.items()}
    template |= dict.fromkeys((Attribute.ENCRYPT, Attribute.VERIFY, Attribute.WRAP), DEFAULT)
    try:
        key = wrapping.unwrap_key(
            ObjectClass.PRIVATE_KEY, KeyType.EC, bytes.fromhex(arguments[1]),
            mechanism=Mechanism.AES_KEY_WRAP_PAD, template=template,
        )
        print(name, value, "done")
        wrap(wrapping, key, Mechanism.AES_KEY_WRAP_PAD)
        print("and left the token")
    except PKCS11Error as error:
        print(name, value, type(error).__name__)
"""


def test_whoever_has_the_pin_unwraps_a_key_for_signing_alone(tokens: Callable[[str], PKCS11Vault]) -> None:
    """The wrapping key carries CKA_UNWRAP_TEMPLATE, and SoftHSM2 obeys it."""
    vault = tokens("softhsm2")
    with vault.generate(KeyAlgorithm.P_256) as fresh:
        content = fresh.wrapped.content
    settings = vault._line._settings
    told = in_token(settings, UNWRAP_OTHERWISE, settings.wrapping_key.hex(), content.hex()).splitlines()
    refused = [("EXTRACTABLE", True), ("SENSITIVE", False), ("DECRYPT", True), ("TOKEN", True)]
    assert told[:4] == [f"{name} {value} TemplateInconsistent" for name, value in refused]
    assert told[4:] == ["EXTRACTABLE False done", "EXTRACTABLE False KeyUnextractable"]
    assert vault.facts["unwraps_extractable"] is False


def test_a_token_that_takes_the_template_and_ignores_it_is_found_out(tokens: Callable[[str], PKCS11Vault]) -> None:
    assert tokens("nss").facts["unwraps_extractable"] is True


def test_a_token_that_takes_no_template_still_serves(softhsm: TokenSettings) -> None:
    """A wrapping key as it would be made there."""
    in_token(softhsm, MAKE_KEY, LABEL, "no")
    vault = opened(softhsm)
    assert vault.facts["unwraps_extractable"] is True
    assert vault.facts["weaknesses"] == []
    vault.close()


def test_a_wrapping_key_is_made_once(softhsm: TokenSettings) -> None:
    make_wrapping_key(softhsm)
    with pytest.raises(Conflict, match="already"):
        make_wrapping_key(softhsm)
    opened(softhsm).close()


def test_a_wrapping_key_of_other_making_is_refused(softhsm: TokenSettings) -> None:
    """One that can decrypt as well would open every stored key."""
    in_token(softhsm, MAKE_KEY, LABEL, "yes")
    with pytest.raises(VaultRefused, match="CKA_DECRYPT"):
        opened(softhsm)


def test_two_wrapping_keys_with_one_name_are_refused(softhsm: TokenSettings) -> None:
    in_token(softhsm, MAKE_KEY, LABEL, "no")
    opened(softhsm).close()
    in_token(softhsm, MAKE_KEY, LABEL, "no")
    with pytest.raises(WrappingKeyMissing, match="holds 2 wrapping keys"):
        opened(softhsm)


@pytest.mark.parametrize("kind", KINDS)
def test_another_wrapping_key_with_the_same_name_is_refused(tmp_path: Path, kind: str) -> None:
    """Made in the same way, so that only what lies under it tells them apart."""
    settings = settings_of(make_trial_token(kind, tmp_path / "token"), tmp_path)
    make_wrapping_key(settings)
    vault = opened(settings)
    proofs = {settings.wrapping_key.hex(): vault.make_proof(settings.wrapping_key)}
    vault.close()
    running = opened(replace(settings, proofs=proofs))
    in_token(settings, EXCHANGE, settings.wrapping_key.hex())
    # No session has used the wrapping key yet: each would look it up by its name now.
    with pytest.raises(VaultUnavailable, match="is another one than it was"), running.generate(KeyAlgorithm.P_256):
        pass
    running.close()
    with pytest.raises(WrappingKeyMissing, match="is another one than it was"):
        opened(replace(settings, proofs=proofs))


def test_a_token_that_fails_for_a_moment_is_not_accused(faulty: FaultyToken) -> None:
    vault = faulty.vault()
    identifier = faulty.settings().wrapping_key
    proofs = {identifier.hex(): vault.make_proof(identifier)}
    before = faulty.calls("C_UnwrapKey")
    vault.close()
    faulty.vault(proofs=proofs).close()
    start = faulty.calls("C_UnwrapKey") - before
    faulty.order(f"C_UnwrapKey return 0x5 once after {start - 1}")
    faulty.vault(proofs=proofs).close()
    assert faulty.obeyed


def test_another_token_is_refused(softhsm: TokenSettings) -> None:
    with pytest.raises(WrappingKeyMissing, match="holds 0 wrapping keys"):
        opened(softhsm)
    with pytest.raises(VaultUnavailable, match="no token labelled"):
        opened(replace(softhsm, label="elsewhere"))
    with pytest.raises(VaultRefused, match="cannot be loaded"):
        opened(replace(softhsm, module="/nowhere/module.so"))
    with pytest.raises(VaultRefused, match="cannot be loaded"):
        opened(replace(softhsm, module=str(Path(__file__))))


@pytest.mark.parametrize(
    ("hidden", "name"), [(0x1041, "CKM_ECDSA"), (0x210A, "CKM_AES_KEY_WRAP_PAD"), (0x1080, "CKM_AES_KEY_GEN")]
)
def test_a_missing_mechanism_is_named(faulty: FaultyToken, hidden: int, name: str) -> None:
    faulty.order(f"C_GetMechanismList hide {hidden:#x}")
    with pytest.raises(VaultRefused, match=name):
        faulty.vault()


def test_a_mechanism_that_is_listed_and_does_not_work_is_found(faulty: FaultyToken) -> None:
    faulty.order("C_UnwrapKey return 0x70")
    with pytest.raises(VaultRefused, match=r"CKM_AES_KEY_WRAP_PAD failed \(MechanismInvalid\)"):
        faulty.vault()


def test_a_token_without_rsa_serves_for_the_rest(faulty: FaultyToken) -> None:
    faulty.order("C_GetMechanismList hide 0xd")
    vault = faulty.vault()
    assert vault.algorithms == {KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.P_521}
    vault.close()


def test_a_token_that_signs_wrongly_is_refused_at_start(faulty: FaultyToken) -> None:
    faulty.order("C_Sign flip -")
    with pytest.raises(NatsuinError, match="does not verify"):
        faulty.vault()


def test_a_trusted_wrapping_key_is_the_only_one_for_new_keys(faulty: FaultyToken) -> None:
    """The module lies that the wrapping key is CKA_TRUSTED, so new keys are made for trusted ones only; the token
    knows better and does not wrap them."""
    faulty.order("C_GetAttributeValue trusted -")
    with pytest.raises(VaultRefused, match="KeyNotWrappable"):
        faulty.vault()


def test_a_forked_process_does_not_use_the_module(tokens: Callable[[str], PKCS11Vault]) -> None:
    script = """
import os
from natsuin.errors import Refused
from natsuin.key_management.hsm.messages import Count
from natsuin.key_management.hsm.worker import OpenToken
child = os.fork()
if child == 0:
    try:
        OpenToken(session, None, token).answer(Count())
    except Refused as error:
        print(error.message, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert "forked" in in_token(tokens("softhsm2")._line._settings, script)
