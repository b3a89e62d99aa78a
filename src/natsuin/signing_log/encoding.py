"""Strict base64 and decimal numbers: one text for one value, so that no two files mean the same.

Python's own readers are too kind for signed text: `int()` takes blanks, underscores, signs and digits of other scripts,
and `base64.b64decode` takes stray bits in the last character (RFC 4648, 3.5).
"""

import base64
import binascii
import re
from typing import Final

from natsuin.signing_log.refusals import BadEncoding

MAX_SIZE: Final = 2**63 - 1
"""Largest index or tree size (C2SP tlog-checkpoint)."""

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def decode_base64(text: str) -> bytes:
    """The bytes that canonical, padded base64 of the standard alphabet stands for.

    Raises `BadEncoding` for anything else, also for what other decoders tolerate.
    """
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadEncoding("this is not base64") from error
    if encode_base64(decoded) != text:
        raise BadEncoding("this base64 is not in its canonical form")
    return decoded


def encode_base64(value: bytes) -> str:
    """Padded base64 of the standard alphabet, without line breaks."""
    return base64.b64encode(value).decode("ascii")


def decode_decimal(text: str) -> int:
    """A number from 0 to 2^63-1 in ASCII digits without sign or leading zero. Raises `BadEncoding` otherwise."""
    if not _DECIMAL.fullmatch(text):
        raise BadEncoding("this is not a plain decimal number")
    value = int(text)
    if value > MAX_SIZE:
        raise BadEncoding("this number is above 2^63-1")
    return value
