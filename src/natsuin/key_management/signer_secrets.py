"""What the signer alone knows: PIN and recovery code, sealed in the browser so that only sam can read them (RFC
9180)."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin.errors import Malformed, Refused

PIN_LENGTH = range(6, 65)
_RECOVERY_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_DATE_LAYOUTS = {"%y%m%d": 6, "%d%m%y": 6, "%m%d%y": 6, "%Y%m": 6, "%Y%m%d": 8, "%d%m%Y": 8, "%m%d%Y": 8}
_COMMON_PINS = frozenset(
    {
        "password",
        "passw0rd",
        "qwerty",
        "asdfgh",
        "zxcvbn",
        "abc123",
        "iloveyou",
        "letmein",
        "welcome",
        "admin1",
        "natsuin",
        "hanko1",
        "secret",
        "123123",
        "121212",
        "112233",
        "123321",
        "696969",
        "159753",
        "147258",
        "789456",
        "101010",
        "202020",
        "111222",
        "natsuin1",
        "password1",
        "qwerty1",
    }
)


class WeakPIN(Refused):
    """The chosen PIN is too short or too easily guessed."""

    code = "weak_pin"


class PINSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed with an approval."""

    pin: str


class EnrolmentSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed at enrolment."""

    pin: str
    recovery_code: str


class ResetSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed for a new PIN."""

    recovery_code: str
    new_pin: str
    new_recovery_code: str


class PINChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed to replace a known PIN."""

    pin: str
    new_pin: str


class KeyProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shows that a key is the sender's: `slot` is `pin` or `recovery`."""

    key: str
    slot: str
    secret: str


class ReplacementSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed with a new passkey for the keys of somebody who lost every other. Keys proved by recovery code, and a key
    that is made anew, get `new_pin`; all get the new recovery code."""

    proofs: tuple[KeyProof, ...]
    given_up: tuple[str, ...]
    recovery_code: str
    new_pin: str = ""


_Secret = TypeVar("_Secret", PINSecret, EnrolmentSecrets, ResetSecrets, PINChange, ReplacementSecrets)


@dataclass(frozen=True)
class SecretOpener:
    """Opens what browsers sealed. Safe from several threads."""

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    def open(self, sealed: bytes, info: bytes, kind: type[_Secret]) -> _Secret:
        """The secrets of `kind` sealed under `info`. Raises `Malformed`, with no word about the contents."""
        try:
            clear = _SUITE.decrypt(sealed, self.private_key, info=info)
            return msgspec.json.decode(clear, type=kind)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise Malformed(
                "the sealed secret does not open",
                hint="Reload the page and try again; it may have been left open too long.",
            ) from error


def acceptable_pin(pin: str) -> str:
    """The PIN in the form it is used in (NFKC). Raises `WeakPIN` naming the rule that it breaks (SP 800-63B-4,
    3.2.10)."""
    normal = unicodedata.normalize("NFKC", pin)
    if len(normal) not in PIN_LENGTH:
        raise WeakPIN("the PIN must have 6 to 64 characters", hint="Choose a longer PIN.")
    if (
        normal.lower() in _COMMON_PINS
        or len(set(normal)) < 3
        or _is_repetition(normal)
        or _has_run(normal)
        or _is_date(normal)
    ):
        raise WeakPIN(
            "the PIN is one that others try first", hint="Avoid dates, repeated characters, sequences and common words."
        )
    return normal


def normal_pin(pin: str) -> str:
    """A PIN typed to approve, in the form it was accepted in."""
    return unicodedata.normalize("NFKC", pin)[:64]


def normal_recovery_code(code: str) -> str:
    """26 characters of Crockford's base32 without separators, letters O, I, L read as digits. Raises `Malformed`."""
    plain = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("OIL", "011"))
    if not _RECOVERY_CODE.fullmatch(plain):
        raise Malformed(
            "a recovery code has 26 letters and digits", hint="Type it as it was printed, with or without dashes."
        )
    return plain


def _is_repetition(text: str) -> bool:
    return any(text == text[:n] * (len(text) // n) for n in (1, 2, 3) if len(text) % n == 0)


def _has_run(text: str) -> bool:
    """Whether all characters but one, or five in a row, go up, down or on in single steps."""
    longest = most = 1
    before = 2
    for a, b in pairwise(text):
        step = ord(b) - ord(a)
        longest = longest + 1 if step == before and abs(step) <= 1 else 2 if abs(step) <= 1 else 1
        before = step
        most = max(most, longest)
    return most >= min(5, len(text))


def _is_date(text: str) -> bool:
    return text.isdigit() and any(
        len(text) == length and _parses(text, layout) for layout, length in _DATE_LAYOUTS.items()
    )


def _parses(text: str, layout: str) -> bool:
    try:
        found = datetime.strptime(text, layout)  # noqa: DTZ007  # only whether it is a date is asked
    except ValueError:
        return False
    return 1900 <= found.year <= 2100
