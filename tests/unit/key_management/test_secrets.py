"""PIN rules, recovery codes, and what a browser sealed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from natsuin.cli.demo.encoding import new_recovery_code, seal
from natsuin.errors import Malformed, NatsuinError
from natsuin.key_management.signer_secrets import (
    EnrolmentSecrets,
    PINSecret,
    SecretOpener,
    WeakPIN,
    acceptable_pin,
    normal_pin,
    normal_recovery_code,
)

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OPENER = SecretOpener(KEY)


@pytest.mark.parametrize("pin", ["135790", "正しい馬の鋲", "a b c d e f", "正しい馬" * 2 + "鋲の", "739164"])
def test_a_usable_pin_is_accepted(pin: str) -> None:
    assert acceptable_pin(pin) == pin


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "12345",
        "x" * 65,
        "111111",
        "abcabc",
        "121212",
        "123456",
        "fedcba",
        "PASSWORD",
        "Qwerty1",
        "199003",
        "190101",
        "190407",
        "31121999",
        "000001",
        "aaaaab",
        "123457",
        "      .",
    ],
)
def test_a_guessable_pin_is_refused(pin: str) -> None:
    with pytest.raises(WeakPIN):
        acceptable_pin(pin)


def test_full_width_digits_are_the_same_pin() -> None:
    assert acceptable_pin("１３５７９０") == normal_pin("135790") == "135790"


def test_a_recovery_code_may_be_typed_as_people_do() -> None:
    code = new_recovery_code()
    typed = "-".join(code[n : n + 5] for n in range(0, 26, 5)).lower().replace("0", "o").replace("1", "l")
    assert normal_recovery_code(typed) == code


@pytest.mark.parametrize("code", ["", "0" * 25, "0" * 27, "U" * 26, "é" * 26])
def test_a_wrong_recovery_code_is_refused(code: str) -> None:
    with pytest.raises(Malformed):
        normal_recovery_code(code)


def test_a_sealed_secret_opens_under_its_own_info_only() -> None:
    sealed = seal(PUBLIC, b"info", {"pin": "135790"})
    assert OPENER.open(sealed, b"info", PINSecret).pin == "135790"
    for wrong in (b"", b"other"):
        with pytest.raises(Malformed):
            OPENER.open(sealed, wrong, PINSecret)
    with pytest.raises(Malformed):
        OPENER.open(sealed, b"info", EnrolmentSecrets)


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        OPENER.open(data, b"info", PINSecret)


@given(st.text(max_size=80))
def test_any_text_is_a_pin_or_refused(text: str) -> None:
    try:
        acceptable_pin(text)
        normal_recovery_code(text)
    except NatsuinError as refused:
        message = refused.message
        assert message
