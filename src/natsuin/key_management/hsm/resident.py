"""Keys that live in the token for good, such as an organisation's seal. There are few of them, and they are found by
their identifier each time."""

from collections.abc import Sequence

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import Conflict, NotFound
from natsuin.key_management.hsm.cryptoki import (
    Attribute,
    KeyType,
    ObjectClass,
    PKCS11Error,
    PrivateKey,
    PublicKey,
    Session,
)
from natsuin.key_management.hsm.keys import make_pair, public_key_of, sign_all
from natsuin.key_management.hsm.messages import Method, Resident
from natsuin.key_management.hsm.refusals import VaultRefused

LABEL = "natsuin resident key"
_NEVER_LEAVES = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_TOKEN_SETS = {Attribute.TOKEN, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE}
_BY_BITS = {3072: KeyAlgorithm.RSA_3072, 4096: KeyAlgorithm.RSA_4096}
_BY_POINT_BYTES = {65: KeyAlgorithm.P_256, 97: KeyAlgorithm.P_384, 133: KeyAlgorithm.P_521}


def make_resident(session: Session, identifier: str, algorithm: KeyAlgorithm) -> Resident:
    """Make a key; durable on return. Raises `Conflict` if the identifier is taken."""
    if any(True for _ in _objects(session, identifier)):
        raise Conflict("the token holds a key with this identifier already", hint="Nothing was changed.")
    private = {attribute: value for attribute, value in _NEVER_LEAVES.items() if attribute not in _TOKEN_SETS}
    public, key = make_pair(session, algorithm, private=private, label=LABEL, identifier=identifier.encode())
    try:
        _check(key)
        return Resident(identifier, algorithm.value, public_key_of(public, algorithm))
    except BaseException:
        key.destroy()
        public.destroy()
        raise


def use_resident(session: Session, identifier: str, method: Method, messages: Sequence[bytes]) -> tuple[bytes, ...]:
    """A signature for each of `messages`. Raises `NotFound`, and what `keys.sign_all` raises."""
    found = [item for item in _objects(session, identifier) if isinstance(item, PrivateKey)]
    if len(found) != 1:
        raise NotFound("the token holds no such key")
    _check(found[0])
    return sign_all(found[0], method, messages)


def list_resident(session: Session) -> tuple[Resident, ...]:
    """All of them, by identifier."""
    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: LABEL}
    found = []
    for item in session.get_objects(wanted):
        if isinstance(item, PublicKey):
            algorithm = _algorithm_of(item)
            found.append(Resident(item[Attribute.ID].decode(), algorithm.value, public_key_of(item, algorithm)))
    return tuple(sorted(found, key=lambda resident: resident.identifier))


def destroy_resident(session: Session, identifier: str) -> None:
    """Destroy both halves, the private one first; durable on return. Raises `NotFound`."""
    found = list(_objects(session, identifier))
    if not found:
        raise NotFound("the token holds no such key")
    for item in sorted(found, key=lambda item: isinstance(item, PublicKey)):
        item.destroy()


def _objects(session: Session, identifier: str) -> list[PrivateKey | PublicKey]:
    wanted = {Attribute.LABEL: LABEL, Attribute.ID: identifier.encode()}
    return [item for item in session.get_objects(wanted) if isinstance(item, PrivateKey | PublicKey)]


def _check(key: PrivateKey) -> None:
    wrong = [name for name, value in _NEVER_LEAVES.items() if _read(key, name) != value]
    if wrong:
        raise VaultRefused(
            f"a key in the token has wrong attributes: {', '.join(f'CKA_{name.name}' for name in wrong)}",
            hint="It was not made by Natsuin, or was changed.",
        )


def _read(key: PrivateKey, attribute: Attribute) -> object:
    try:
        value: object = key[attribute]
    except PKCS11Error:
        return None
    return value


def _algorithm_of(key: PublicKey) -> KeyAlgorithm:
    if key.key_type == KeyType.RSA:
        return _BY_BITS[int.from_bytes(key[Attribute.MODULUS]).bit_length()]
    if key.key_type == KeyType.EC_EDWARDS:
        return KeyAlgorithm.ED25519
    point = key[Attribute.EC_POINT]
    return next(algorithm for size, algorithm in _BY_POINT_BYTES.items() if size <= len(point) <= size + 3)
