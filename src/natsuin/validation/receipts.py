"""Is the signature in the signing log? The receipt proves an entry; the entry must list this very signature value."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass

from natsuin import base64url
from natsuin.errors import Refused
from natsuin.validation.report import Line
from natsuin.validation.wording import line


@dataclass(frozen=True)
class Logged:
    """What a verified receipt proves: the log's name, the entry's index, the hashes of its signatures."""

    origin: str
    index: int
    hashes: frozenset[str]


def read_receipt(text: str | None, vkey: str | None) -> Logged | Line:
    """What the receipt proves, verified with the log's key; else the line that says why there is nothing."""
    if text is None:
        return line("no_receipt")
    if vkey is None:
        return line("no_log_key")
    # The signing log is not needed, and not imported, by those who check documents without a receipt.
    from natsuin.signing_log import verify_receipt

    try:
        entry = verify_receipt(text, vkey)
        content = json.loads(entry.leaf)
    except (Refused, ValueError, RecursionError):
        return line("bad_receipt")
    if not isinstance(content, dict) or content.get("type") != "outcome" or content.get("result") != "signed":
        return line("other_receipt")
    listed = content.get("signatures")
    hashes = frozenset(h for h in listed if isinstance(h, str)) if isinstance(listed, list) else frozenset()
    return Logged(entry.origin, entry.index, hashes)


def log_line(logged: Logged | Line, signature: bytes, *, all_signatures: Collection[bytes]) -> Line:
    """The verdict for one signature value; `all_signatures` are those of the whole document."""
    if isinstance(logged, Line):
        return logged
    if signature_hash(signature) in logged.hashes:
        return line("logged", origin=logged.origin, index=logged.index)
    if any(signature_hash(other) in logged.hashes for other in all_signatures):
        return line("receipt_of_other_field")
    return line("other_receipt")


def signature_hash(signature: bytes) -> str:
    """How the log names a signature value: SHA-256, base64url without padding."""
    return base64url.encode(hashlib.sha256(signature).digest())
