"""The only file that imports `pkcs11`: loading a module with locks, finding its token, logging in, kinds of error.

python-pkcs11 releases Python's lock during calls but initialises modules with C_Initialize(NULL), which promises them
that only one thread will call. SoftHSM2 corrupts its memory after that promise. `_Library` asks for locking by the
operating system instead (PKCS#11 v2.40, 5.4: CKF_OS_LOCKING_OK).
"""

import ctypes
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from pkcs11 import (
    MGF,
    Attribute,
    KeyType,
    Mechanism,
    ObjectClass,
    PKCS11Error,
    PrivateKey,
    PublicKey,
    SecretKey,
    Session,
    Token,
    TokenFlag,
    _pkcs11,
    exceptions,
)
from pkcs11.attributes import AttributeMapper
from pkcs11.constants import DEFAULT
from pkcs11.types import SignMixin, UnwrapMixin, WrapMixin

from natsuin.errors import Tampered
from natsuin.key_management.hsm.refusals import PINNotTried, PINRefused, VaultRefused, VaultUnavailable

__all__ = [
    "DEFAULT",
    "MGF",
    "NSS_PUBLIC_POINT",
    "UNWRAP_TEMPLATE",
    "Attribute",
    "KeyType",
    "Mechanism",
    "ObjectClass",
    "PKCS11Error",
    "PrivateKey",
    "PublicKey",
    "SecretKey",
    "Session",
    "Token",
    "find_token",
    "is_lost_session",
    "is_refused_template",
    "load",
    "log_in",
    "name_of",
    "open_session",
    "require_own_process",
    "sign",
    "template_bytes",
    "unwrap",
    "wrap",
]

_OS_LOCKING_OK = 2
_INITIALIZE = 1
"""Place of C_Initialize in CK_FUNCTION_LIST, after the version."""
NSS_PUBLIC_POINT = 0xD5A0DB00
"""CKA_NSS_DB: NSS takes back no elliptic curve key without its public point (nss/lib/util/pkcs11n.h)."""

UNWRAP_TEMPLATE = 0x40000212
"""CKA_UNWRAP_TEMPLATE: what every key must be that is unwrapped with a key (PKCS#11 v2.40, 4.10.1). A number, because
python-pkcs11 cannot write attributes inside of attributes."""

_LOST_SESSION = (
    exceptions.KeyHandleInvalid,
    exceptions.ObjectHandleInvalid,
    exceptions.OperationNotInitialized,
    exceptions.SessionClosed,
    exceptions.SessionHandleInvalid,
    exceptions.TokenNotPresent,
    exceptions.UnwrappingKeyHandleInvalid,
    exceptions.UserNotLoggedIn,
    exceptions.WrappingKeyHandleInvalid,
)
_REFUSED_TEMPLATE = (
    exceptions.ArgumentsBad,
    exceptions.AttributeReadOnly,
    exceptions.AttributeTypeInvalid,
    exceptions.AttributeValueInvalid,
    exceptions.TemplateIncomplete,
    exceptions.TemplateInconsistent,
)
_PIN_REFUSED = (
    exceptions.PinExpired,
    exceptions.PinIncorrect,
    exceptions.PinInvalid,
    exceptions.PinLenRange,
    exceptions.PinLocked,
    exceptions.UserPinNotInitialized,
)


class _Attribute(ctypes.Structure):
    _fields_: ClassVar = [("kind", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong)]


class _InitializeArguments(ctypes.Structure):
    _fields_: ClassVar = [
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    ]


class _Library(_pkcs11.lib):
    parameters: ClassVar[bytes | None] = None
    process: ClassVar[int] = 0
    """Who initialised the module: a child made by fork must not use what its parent holds (PKCS#11 v2.40, 5.4)."""

    def initialize(self) -> None:
        """Called by the constructor."""
        if _Library.process:
            return
        functions = ctypes.POINTER(ctypes.c_void_p)()
        if ctypes.CDLL(self.so).C_GetFunctionList(ctypes.byref(functions)) != 0:
            raise VaultRefused("the PKCS#11 module gives no list of its functions")
        call = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(functions[_INITIALIZE])
        arguments = _InitializeArguments(flags=_OS_LOCKING_OK, parameters=self.parameters)
        answer = call(ctypes.addressof(arguments))
        if answer != 0:
            raise VaultUnavailable(
                f"the PKCS#11 module could not be initialised (error 0x{answer:x})",
                hint="See the module's own settings and log; vault.environment and vault.parameters are handed to it.",
            )
        _Library.process = os.getpid()


def load(module: str, parameters: str) -> _Library:
    """Load and initialise a module; once in a process. Raises `VaultRefused`, `VaultUnavailable`."""
    _Library.parameters = parameters.encode() or None
    try:
        return _Library(module)
    except (PKCS11Error, OSError) as error:
        raise VaultRefused(f"the PKCS#11 module cannot be loaded: {module}", hint=str(error)) from error


def require_own_process() -> None:
    """Raise `VaultRefused` in a process that was forked from the one that initialised the module."""
    if _Library.process != os.getpid():
        raise VaultRefused("a forked process may not use the PKCS#11 module of its parent")


def find_token(library: _Library, label: str) -> Token:
    """The one token with this label. Raises `VaultUnavailable`, `VaultRefused`."""
    try:
        return library.get_token(token_label=label)
    except exceptions.MultipleTokensReturned as error:
        raise VaultRefused(
            f"more than one token is labelled {label!r}", hint="Give each a label of its own."
        ) from error
    except PKCS11Error as error:
        raise VaultUnavailable(
            f"there is no token labelled {label!r} ({name_of(error)})", hint="See that it is connected and switched on."
        ) from error


def log_in(token: Token, pin: str) -> Session:
    """The session that holds the login for as long as it is open. The PIN is tried once.

    Raises:
        PINRefused: the token did not take it.
        PINNotTried: the token says that the next wrong PIN would be its last.
    """
    if token.flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY):
        raise PINNotTried(
            "the token's PIN is locked or one wrong try away from it, so it was not tried",
            hint="Find out who tried wrong PINs. Log in once, or set the PIN anew, with the maker's own tool.",
        )
    try:
        return token.open(rw=True, user_pin=pin, attribute_mapper=_mapper())
    except _PIN_REFUSED as error:
        raise PINRefused(
            f"the token refused its PIN ({name_of(error)}); it was tried once and will not be tried again",
            hint="Put the right PIN where vault.pin says.",
        ) from error


def open_session(token: Token) -> Session:
    """A further session; the login of the first counts for it."""
    return token.open(rw=True, attribute_mapper=_mapper())


def is_lost_session(error: PKCS11Error) -> bool:
    """Whether the token refused a call because it knows session, login or object no more: it did nothing then."""
    return isinstance(error, _LOST_SESSION)


def is_refused_template(error: PKCS11Error) -> bool:
    """Whether the token refused what a new object should be, rather than failing at it."""
    return isinstance(error, _REFUSED_TEMPLATE)


def name_of(error: PKCS11Error) -> str:
    """What to call an error of the token in a message."""
    return type(error).__name__ if type(error) is not PKCS11Error else str(error)


def wrap(wrapping: SecretKey, key: SecretKey | PrivateKey, mechanism: Mechanism) -> bytes:
    """`key` under `wrapping`. Raises `PKCS11Error`."""
    if not isinstance(wrapping, WrapMixin):
        raise VaultRefused("the token does not let the wrapping key wrap")
    return wrapping.wrap_key(key, mechanism=mechanism)


def unwrap(wrapping: SecretKey, kind: KeyType, content: bytes, mechanism: Mechanism, template: Any) -> PrivateKey:
    """A private key as a session object with the attributes of `template`. Raises `PKCS11Error`."""
    if not isinstance(wrapping, UnwrapMixin):
        raise VaultRefused("the token does not let the wrapping key unwrap")
    key = wrapping.unwrap_key(ObjectClass.PRIVATE_KEY, kind, content, mechanism=mechanism, template=template)
    if not isinstance(key, PrivateKey):
        raise Tampered("what was unwrapped is not a private key")
    return key


def sign(key: PrivateKey, data: bytes, mechanism: Mechanism, parameters: Any = None) -> bytes:
    """A signature as the token gives it. Raises `PKCS11Error`."""
    if not isinstance(key, SignMixin):
        raise VaultRefused("the token does not let the key sign")
    return key.sign(data, mechanism=mechanism, mechanism_param=parameters)


def template_bytes(attributes: Mapping[Attribute, bool]) -> bytes:
    """An array of CK_ATTRIBUTE as a value. It points into this process, and is good for as long as that lives."""
    array = (_Attribute * len(attributes))()
    for place, (attribute, value) in zip(array, attributes.items(), strict=True):
        content = ctypes.create_string_buffer(bytes([value]), 1)
        _kept.append(content)
        place.kind, place.value, place.length = int(attribute), ctypes.addressof(content), 1
    return bytes(array)


_kept: list[object] = []
"""What the arrays point to: a few bytes for each wrapping key that is made."""


def _mapper() -> AttributeMapper:
    mapper = AttributeMapper()
    mapper.register_handler(UNWRAP_TEMPLATE, bytes, bytes)  # type: ignore[arg-type]  # see there
    mapper.register_handler(NSS_PUBLIC_POINT, bytes, bytes)  # type: ignore[arg-type]  # a vendor's own attribute
    return mapper
