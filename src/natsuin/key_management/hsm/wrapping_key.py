"""The wrapping key: AES-256, made in the token and never to leave it. Every person's key is stored under it.

It may wrap and unwrap and nothing else. A key that could also decrypt would turn a wrapped key into a readable one,
which is the oldest attack on PKCS#11 (Clulow, CHES 2003).
"""

from collections.abc import Mapping
from typing import Any

from natsuin.errors import Conflict, NotFound
from natsuin.key_management.hsm.cryptoki import (
    UNWRAP_TEMPLATE,
    Attribute,
    KeyType,
    Mechanism,
    ObjectClass,
    PKCS11Error,
    SecretKey,
    Session,
    is_lost_session,
    is_refused_template,
    name_of,
    template_bytes,
    wrap,
)
from natsuin.key_management.hsm.refusals import VaultRefused, WrappingKeyMissing

LABEL = "natsuin wrapping key"
KEY_BITS = 256

_MUST_HOLD = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.WRAP: True,
    Attribute.UNWRAP: True,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
    Attribute.DERIVE: False,
    Attribute.KEY_TYPE: KeyType.AES,
    Attribute.VALUE_LEN: KEY_BITS // 8,
}
_SHOULD_HOLD = {Attribute.LOCAL: True, Attribute.MODIFIABLE: False}
"""Whose absence a token for trials may be forgiven: made in this token, and not changeable by whoever logs in."""


_WEAKER = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False, Attribute.DECRYPT: True}
"""Any of these in a copy would let whoever holds the PIN read every key that is stored."""

_EVERY_UNWRAPPED = {
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
"""What whoever holds the PIN can make of a wrapped key, in a token that knows CKA_UNWRAP_TEMPLATE: a key to sign with
that does not leave, and nothing else."""


def make_wrapping_key(session: Session, identifier: bytes) -> None:
    """Make the key, with a template for what it unwraps where the token takes one; durable on return. Raises `Conflict`
    if there is one with this CKA_ID already."""
    if _found(session, identifier):
        raise Conflict("the token holds a wrapping key with this id already", hint="Nothing was changed.")
    given: dict[Any, Any] = {attribute: value for attribute, value in _MUST_HOLD.items() if attribute in _GIVEN}
    given[Attribute.MODIFIABLE] = False
    try:
        _generate(session, identifier, {**given, UNWRAP_TEMPLATE: template_bytes(_EVERY_UNWRAPPED)})
    except PKCS11Error as error:
        if not is_refused_template(error):
            # A token that fails for a moment must not end up with a key that unwraps more than signing keys.
            raise
        _generate_without(session, identifier, given)


def _generate_without(session: Session, identifier: bytes, given: Mapping[Any, Any]) -> None:
    try:
        _generate(session, identifier, given)
    except PKCS11Error as error:
        raise VaultRefused(f"the token makes no wrapping key by CKM_AES_KEY_GEN ({name_of(error)})") from error


def _generate(session: Session, identifier: bytes, template: Mapping[Any, Any]) -> None:
    session.generate_key(
        KeyType.AES,
        KEY_BITS,
        id=identifier,
        label=LABEL,
        store=True,
        mechanism=Mechanism.AES_KEY_GEN,
        template=dict(template),
    )


def find_wrapping_key(session: Session, identifier: bytes) -> SecretKey:
    """The wrapping key, for use in `session`. Raises `WrappingKeyMissing`."""
    found = _found(session, identifier)
    if len(found) != 1:
        raise WrappingKeyMissing(
            f"the token holds {len(found)} wrapping keys with the id {identifier.hex()}, and there must be one",
            hint="See that this is the right token, or restore it from the maker's backup."
            " Where the installation never had a token, `natsuin ceremony first-wrapping-key` makes the key.",
        )
    return found[0]


def count_wrapping_keys(session: Session, identifier: bytes) -> int:
    """How many keys go by this CKA_ID."""
    return len(_found(session, identifier))


def destroy_wrapping_key(session: Session, identifier: bytes) -> None:
    """Destroy every key that goes by this CKA_ID; durable on return. Raises `NotFound`."""
    found = _found(session, identifier)
    if not found:
        raise NotFound("the token holds no such wrapping key")
    for key in found:
        key.destroy()


def check_wrapping_key(key: SecretKey, mechanism: Mechanism) -> tuple[str, ...]:
    """Look at a wrapping key, and try to wrap it out and to copy it into a weaker one (C_CopyObject). Answers with what
    only a token for trials is forgiven.

    Raises:
        VaultRefused: the key is not what `make_wrapping_key` made.
    """
    wrong = [attribute.name for attribute, value in _MUST_HOLD.items() if _read(key, attribute) != value]
    if wrong:
        raise VaultRefused(
            f"the wrapping key in the token has wrong attributes: {', '.join(f'CKA_{name}' for name in wrong)}",
            hint="It was not made by Natsuin, or was changed. Do not use it; have another one made.",
        )
    weaknesses = [
        f"CKA_{attribute.name}" for attribute, value in _SHOULD_HOLD.items() if _read(key, attribute) != value
    ]
    try:
        wrap(key, key, mechanism)
        weaknesses.append("wraps-unextractable")
    except PKCS11Error:
        pass
    weaknesses += [f"copies-with-CKA_{name.name}" for name, value in _WEAKER.items() if _copies(key, name, value)]
    return tuple(weaknesses)


_GIVEN = set(_MUST_HOLD) - {
    Attribute.ALWAYS_SENSITIVE,
    Attribute.NEVER_EXTRACTABLE,
    Attribute.TOKEN,
    Attribute.KEY_TYPE,
    Attribute.VALUE_LEN,
}
"""What the caller chooses; the token sets the rest."""


def _found(session: Session, identifier: bytes) -> list[SecretKey]:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: LABEL, Attribute.ID: identifier}
    return [found for found in session.get_objects(wanted) if isinstance(found, SecretKey)]


def _copies(key: SecretKey, attribute: Attribute, value: bool) -> bool:
    """Whether the token makes a copy in which the attribute has this value. The copy is destroyed."""
    try:
        copied = key.copy({Attribute.TOKEN: False, attribute: value})
    except PKCS11Error as error:
        if is_lost_session(error):
            raise
        return False
    try:
        return bool(copied[attribute]) == value
    except PKCS11Error:
        return False
    finally:
        copied.destroy()


def _read(key: SecretKey, attribute: Attribute) -> object:
    try:
        value: object = key[attribute]
    except PKCS11Error:
        return None
    return value
