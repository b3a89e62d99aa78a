"""The plan of a ceremony: one small file that everybody who takes part has read, and agrees to by its hash."""

import hashlib
import json
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from natsuin.errors import Malformed
from natsuin.plain_text import plain_text

LARGEST = 16 * 1024
"""Bytes of a plan. Names of sixteen custodians and sixteen witnesses fit in; a larger text is none to be read aloud."""
_LONGEST_NAME = 100
_LONGEST_LINE = 4000

Kind = Literal["split", "rotate", "recover", "abandon", "wrapping", "retire-wrapping"]
ON_WRAPPING_KEYS = frozenset({"wrapping", "retire-wrapping"})
"""Kinds that leave the master key as it is, and need custodians who show that they have it."""

_NO_REASON = "Write why."
_MASTER_KEY = """\
# A ceremony for Natsuin's master key. Everybody named here reads this file before it is run.
kind = "{kind}"
# split: shares of the present key.  rotate: a new key, and shares of it.  recover: the key from shares.
"""
_WRAPPING = """\
# A ceremony for the wrapping key in Natsuin's token. Everybody named here reads this file before it is run.
kind = "{kind}"
# A new wrapping key is made in the token, under this CKA_ID; from then on new keys go under it.
wrapping_key = "{wrapping_key}"
"""
_ABANDON = """\
# A ceremony for Natsuin's master key. Everybody named here reads this file before it is run.
kind = "{kind}"
# A change of the master key that was broken off is taken back: the present key stays, with the shares of it. Nobody
# gives or gets a share; the custodians named here are those who are there.
"""
_RETIRE_WRAPPING = """\
# A ceremony for a former wrapping key in Natsuin's token. Everybody named here reads this file before it is run.
kind = "{kind}"
# The key with this CKA_ID is destroyed in the token for ever. It must be a former one that nothing lies under.
wrapping_key = "{wrapping_key}"
"""
_HEADS = {"abandon": _ABANDON, "wrapping": _WRAPPING, "retire-wrapping": _RETIRE_WRAPPING}
_PEOPLE = """\
reason = "{reason}"
threshold = {threshold}
custodians = [{custodians}]
witnesses = []
"""


def template(kind: str, custodians: Sequence[str], threshold: int, wrapping_key: str = "") -> str:
    """A plan to be completed. One for a wrapping key names `wrapping_key`, or at random the one to be made."""
    names = ", ".join(json.dumps(name, ensure_ascii=False) for name in custodians)
    head = _HEADS.get(kind, _MASTER_KEY)
    told = {"kind": kind, "reason": _NO_REASON, "threshold": threshold, "custodians": names}
    return (head + _PEOPLE).format(**told, wrapping_key=wrapping_key or secrets.token_hex(16))


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    reason: str
    threshold: int = Field(ge=2, le=16)
    custodians: tuple[str, ...] = Field(min_length=2, max_length=16)
    witnesses: tuple[str, ...] = Field(max_length=16)
    wrapping_key: str = Field(default="", pattern=r"^([0-9a-f]{32})?$")


@dataclass(frozen=True)
class Plan:
    """A plan that was read. `sha256` is hexadecimal, of the file's bytes."""

    kind: str
    reason: str
    threshold: int
    custodians: tuple[str, ...]
    witnesses: tuple[str, ...]
    wrapping_key: str
    """CKA_ID in hexadecimal; empty for a ceremony of the master key."""
    text: str
    sha256: str


def read_plan(file: Path) -> Plan:
    """The plan in `file`.

    Raises:
        Malformed: it cannot be read, or says something that no ceremony can do.
    """
    content, text = _content_of(file)
    try:
        told = _Content.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"the plan's {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        # Besides what TOML forbids: numbers of thousands of digits, and thousands of brackets.
        raise Malformed("the plan is not TOML", hint="Make one with `natsuin ceremony plan`.") from error
    reason = plain_text(told.reason, "the plan's reason", most=_LONGEST_NAME, required=True)
    custodians, witnesses = _names(told.custodians, "a custodian's name"), _names(told.witnesses, "a witness's name")
    if reason == _NO_REASON:
        raise Malformed("the plan does not say why", hint="Write the reason, and who witnesses it, if anybody does.")
    if told.threshold > len(custodians) or len(set(custodians)) != len(custodians):
        raise Malformed("the plan needs more custodians than it names, or names one twice")
    if bool(told.wrapping_key) != (told.kind in ON_WRAPPING_KEYS):
        raise Malformed(
            "a plan about a wrapping key names it, and no other plan does",
            hint="Make one with `natsuin ceremony plan`.",
        )
    return Plan(
        told.kind,
        reason,
        told.threshold,
        custodians,
        witnesses,
        told.wrapping_key,
        text,
        hashlib.sha256(content).hexdigest(),
    )


def _content_of(file: Path) -> tuple[bytes, str]:
    """The plan's bytes and its text, in which everything can be seen: what people agree to must be what they read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise Malformed(f"the plan cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Malformed("the plan is not TOML in UTF-8", hint="Make one with `natsuin ceremony plan`.") from error
    if len(content) > LARGEST:
        raise Malformed(f"the plan is larger than {LARGEST} bytes", hint="Make one with `natsuin ceremony plan`.")
    for number, line in enumerate(text.split("\n"), 1):
        plain_text(line.removesuffix("\r").replace("\t", " "), f"line {number} of the plan", most=_LONGEST_LINE)
    return content, text


def _names(given: Sequence[str], what: str) -> tuple[str, ...]:
    return tuple(plain_text(name, what, most=_LONGEST_NAME, required=True) for name in given)
