"""What sam and the vault worker say to each other: one frame a message, a length in four bytes and MessagePack.

Every request is whole in itself. Nothing is left open between two of them, so a worker may die at any time.
"""

import socket
from typing import Literal, TypeAlias

import msgspec

LARGEST_FRAME_BYTES = 16 * 1024 * 1024


class Method(msgspec.Struct, frozen=True):
    """How to sign. `hash_name` as hashlib has it; `salt_bytes` counts for PSS alone."""

    kind: Literal["pkcs1", "pss", "ecdsa", "eddsa"]
    hash_name: str = ""
    salt_bytes: int = 0


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The first request, once: load the module, find the token, log in, look at the wrapping key, try everything.

    `wrapping_key` is its CKA_ID, empty where none is to be looked at; `former` are those that keys still lie under, and
    that make none any more. `thorough` tries every algorithm; otherwise P-256
    stands for all. Each of `proofs` lies under one of these, and must open.
    """

    module: str
    parameters: str
    label: str
    pin: str
    sessions: int
    wrapping_key: bytes
    thorough: bool
    allow_weak_token: bool
    former: tuple[bytes, ...] = ()
    proofs: "tuple[Wrapped, ...]" = ()


class MakeProof(msgspec.Struct, frozen=True, tag=True):
    """Make a key by which this wrapping key will be known again, and look for it from now on."""

    wrapping_key: bytes


class MakeWrappingKey(msgspec.Struct, frozen=True, tag=True):
    """Make a wrapping key with this CKA_ID."""

    wrapping_key: bytes


class CountWrappingKeys(msgspec.Struct, frozen=True, tag=True):
    """Ask how many wrapping keys, of whatever installation, go by this CKA_ID."""

    wrapping_key: bytes


class TryWrappingKey(msgspec.Struct, frozen=True, tag=True):
    """Look at a wrapping key, and put a key under it and use it, as at the beginning."""

    wrapping_key: bytes
    allow_weak_token: bool


class DestroyWrappingKey(msgspec.Struct, frozen=True, tag=True):
    """Destroy the wrapping key with this CKA_ID, for ever."""

    wrapping_key: bytes


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Make a key pair and wrap the private key out."""

    algorithm: str
    wrapping_key: bytes


class Wrapped(msgspec.Struct, frozen=True, array_like=True):
    """A private key under a wrapping key. `mechanism` is the PKCS#11 name, `public_key` SubjectPublicKeyInfo, DER."""

    algorithm: str
    public_key: bytes
    wrapping_key: bytes
    mechanism: str
    content: bytes


class Use(msgspec.Struct, frozen=True, tag=True):
    """Unwrap a key, sign each of `dtbs`, destroy the key."""

    key: Wrapped
    method: Method
    dtbs: tuple[bytes, ...]


class MakeResident(msgspec.Struct, frozen=True, tag=True):
    """Make a key that stays in the token under `identifier`."""

    identifier: str
    algorithm: str


class UseResident(msgspec.Struct, frozen=True, tag=True):
    """Sign each of `dtbs` with a resident key."""

    identifier: str
    method: Method
    dtbs: tuple[bytes, ...]


class DestroyResident(msgspec.Struct, frozen=True, tag=True):
    """Destroy a resident key, for ever."""

    identifier: str


class ListResident(msgspec.Struct, frozen=True, tag=True):
    """Ask for all resident keys."""


class Count(msgspec.Struct, frozen=True, tag=True):
    """Ask how many objects the worker's sessions can see in the token."""


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ask whether the token is still there. Needs no session."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """What the token says of itself, and what it was found able to do. `weaknesses` were tolerated.
    `unwraps_extractable`: whoever holds the PIN could unwrap a person's key so that it leaves the token; tried when
    `thorough`. `locks_open_keys`: the token takes it that an open key be neither changed nor copied."""

    manufacturer: str
    model: str
    serial: str
    label: str
    algorithms: tuple[str, ...]
    weaknesses: tuple[str, ...]
    unwraps_extractable: bool = False
    locks_open_keys: bool = False


class Resident(msgspec.Struct, frozen=True, tag=True):
    """A key that lives in the token. `public_key` is SubjectPublicKeyInfo, DER."""

    identifier: str
    algorithm: str
    public_key: bytes


class Made(msgspec.Struct, frozen=True, tag=True):
    """A key pair that exists nowhere but in this message."""

    key: Wrapped


class Signatures(msgspec.Struct, frozen=True, tag=True):
    """One for each of `dtbs`, as the token gave them: ECDSA as r and s side by side."""

    values: tuple[bytes, ...]


class Residents(msgspec.Struct, frozen=True, tag=True):
    """All resident keys. `halves` names those of which only one half is there, or a public half that is none."""

    keys: tuple[Resident, ...]
    halves: tuple[str, ...] = ()


class Counted(msgspec.Struct, frozen=True, tag=True):
    """Objects in the token."""

    objects: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """It is done."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It is not done. `spoiled`: this worker must not be asked again. `untouched`: no key was used, so that asking
    another worker is safe."""

    code: str
    message: str
    hint: str = ""
    spoiled: bool = False
    untouched: bool = False


Request: TypeAlias = (
    Begin
    | MakeProof
    | MakeWrappingKey
    | CountWrappingKeys
    | TryWrappingKey
    | DestroyWrappingKey
    | Generate
    | Use
    | MakeResident
    | UseResident
    | DestroyResident
    | ListResident
    | Count
    | Ping
)
Answer: TypeAlias = Begun | Made | Signatures | Resident | Residents | Counted | Done | Failed

encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(tuple[int, Request]).decode
decode_answer = msgspec.msgpack.Decoder(tuple[int, Answer]).decode


def send_frame(connection: socket.socket, payload: bytes) -> None:
    """Send one frame. Callers take turns. Raises `OSError`."""
    connection.sendall(len(payload).to_bytes(4, "big") + payload)


def receive_frame(connection: socket.socket) -> bytes:
    """The next frame. Raises `EOFError` when the other side is gone, `OSError`."""
    size = int.from_bytes(_exactly(connection, 4), "big")
    if size > LARGEST_FRAME_BYTES:
        raise EOFError
    return _exactly(connection, size)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return bytes(data)
