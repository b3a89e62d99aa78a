"""What preparing a document takes, and what is kept until its signature arrives: plain values to be stored."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.documents.facts import Placement
from natsuin.documents.seal import SealAppearance
from natsuin.errors import Malformed


@dataclass(frozen=True, kw_only=True)
class PrepareRequest:
    """How a document is to be signed.

    `certificate` and `chain` are DER; the issuing authorities in `chain` are embedded, a root may be left out.
    `signing_time` is the claimed time (/M), aware. With `placement` the mark `appearance` is drawn there; without it
    the signature is invisible. `reason`, `name` and `location` are shown by viewers. `time_stamp_bytes` is kept free
    for the token.
    """

    certificate: bytes
    scheme: SignatureScheme
    signing_time: datetime
    chain: tuple[bytes, ...] = ()
    placement: Placement | None = None
    appearance: SealAppearance | None = None
    reason: str = ""
    name: str = ""
    location: str = ""
    time_stamp_bytes: int = 12 * 1024


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A document with an empty place for its signature, and the data to be signed.

    `dtbs` is the DER of the signed attributes; the place is `pdf[start:end]`, from "<" to after ">".
    """

    pdf: bytes
    dtbs: bytes
    scheme: SignatureScheme
    certificate: bytes
    chain: tuple[bytes, ...]
    start: int
    end: int

    @property
    def digest(self) -> bytes:
        """The digest of `dtbs` by the scheme's hash function (DTBS/R); an Ed25519 key signs `dtbs` itself."""
        return hashlib.new(FACTS[self.scheme].hash_name, self.dtbs).digest()

    @property
    def document_digest(self) -> bytes:
        """The digest of everything but the empty place, which `dtbs` contains."""
        view = memoryview(self.pdf)
        state = hashlib.new(FACTS[self.scheme].hash_name, view[: self.start])
        state.update(view[self.end :])
        return state.digest()

    def to_bytes(self) -> bytes:
        """One byte string that `from_bytes` reads (MessagePack)."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The value that `to_bytes` wrote. Raises `Malformed`."""
        try:
            value = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Malformed(
                "The stored state of a prepared document cannot be read.", hint="Prepare it again."
            ) from error
        if not 0 < value.start < value.end <= len(value.pdf):
            raise Malformed("The stored state of a prepared document does not fit.", hint="Prepare it again.")
        return value
