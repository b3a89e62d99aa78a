"""Keys that live in the token for good, such as an organisation's seal. There are few of them, and they are found by
their identifier each time: what the token holds may have changed since, and not by Natsuin."""

from collections.abc import Sequence
from contextlib import suppress

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import Conflict, NotFound, Tampered
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
from natsuin.key_management.hsm.messages import Method, Resident, Residents
from natsuin.key_management.hsm.refusals import ResidentKeyMissing, VaultRefused

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
    """A signature for each of `messages`. Raises `ResidentKeyMissing`, `VaultRefused` for a key that could leave, and
    what `keys.sign_all` raises."""
    found = [item for item in _objects(session, identifier) if isinstance(item, PrivateKey)]
    if len(found) != 1:
        raise ResidentKeyMissing(
            f"the token holds {len(found)} keys with the identifier that is on record, and there must be one",
            hint="Nothing was signed. See that this is the right token, or restore it from the maker's backup.",
        )
    _check(found[0])
    return sign_all(found[0], method, messages)


def list_resident(session: Session) -> Residents:
    """All of them, by identifier, and of which only one half is there, or a public half that is none."""
    private = {_identifier(item) for item in _of_class(session, ObjectClass.PRIVATE_KEY)}
    public = {_identifier(item): item for item in _of_class(session, ObjectClass.PUBLIC_KEY)}
    found = {}
    for identifier in private & public.keys():
        item = public[identifier]
        # Whoever has the PIN can put anything there, and it must not keep the others from being listed.
        with suppress(KeyError, StopIteration, Tampered, PKCS11Error):
            if isinstance(item, PublicKey):
                algorithm = _algorithm_of(item)
                found[identifier] = Resident(identifier, algorithm.value, public_key_of(item, algorithm))
    halves = (private | public.keys()) - found.keys()
    return Residents(tuple(found[name] for name in sorted(found)), tuple(sorted(halves)))


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


def _of_class(session: Session, kind: ObjectClass) -> list[PrivateKey | PublicKey]:
    wanted = {Attribute.CLASS: kind, Attribute.LABEL: LABEL}
    return [item for item in session.get_objects(wanted) if isinstance(item, PrivateKey | PublicKey)]


def _identifier(item: PrivateKey | PublicKey) -> str:
    # Whoever has the PIN can give an object any bytes for a name.
    found: bytes = item[Attribute.ID]
    return found.decode("utf-8", "backslashreplace")


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
