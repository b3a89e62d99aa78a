"""Base64url without padding (RFC 4648, section 5): how binary values stand in JSON, in records and in log entries."""

import base64
import binascii

from natsuin.errors import Malformed


def encode(value: bytes) -> str:
    """`value` in base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes that `text` spells. Raises `Malformed` for every spelling but the one that `encode` makes.

    Two spellings of one value would be two names for one digest, passkey or SAD, so there is exactly one: no padding,
    no line breaks, no letters of the ordinary alphabet and no stray bits at the end.
    """
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as cause:
        raise Malformed("a value is not base64url") from cause
    if encode(value) != text:
        raise Malformed("a value is not base64url without padding")
    return value
