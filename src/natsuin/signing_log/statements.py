"""A key's statement: everything that the log has about one key, for somebody who checks it without the log.

`natsuin.validation.check_statement` is the other half. The format, JSON:

    {"format": "natsuin-key-statement/v1", "key": id, "checkpoint": signed note,
     "entries": [{"index": 7, "entry": text, "proof": [base64, …]}, …]}
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from natsuin.errors import NotFound
from natsuin.signing_log.encoding import encode_base64
from natsuin.signing_log.key_chains import KEY
from natsuin.signing_log.public_log import PublicLog
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import ChainBroken

STATEMENT_FORMAT: Final = "natsuin-key-statement/v1"


class _Place(msgspec.Struct, frozen=True):
    key: str = ""
    key_number: int = -1


_decode = msgspec.json.Decoder(_Place).decode


def state_key(key: str, receipts: Iterable[Receipt]) -> bytes:
    """The statement that these are all entries of `key`: in order, and under one checkpoint.

    Raises `NotFound` for none, `ChainBroken` when a number is missing.
    """
    entries = []
    note = ""
    for number, receipt in enumerate(receipts):
        place = _decode(receipt.leaf)
        if (place.key, place.key_number) != (key, number):
            raise ChainBroken(f"entry {receipt.index} is not number {number} of its key")
        note = receipt.checkpoint
        entries.append(
            {
                "index": receipt.index,
                "entry": receipt.leaf.decode(),
                "proof": [encode_base64(each) for each in receipt.proof],
            }
        )
    if not entries:
        raise NotFound("the log has no entry about this key")
    told = {"format": STATEMENT_FORMAT, KEY: key, "checkpoint": note, "entries": entries}
    return msgspec.json.encode(told)


def state_from_files(log: PublicLog, key: str, *, progress: Callable[[int, int], None] | None = None) -> bytes:
    """The statement about `key`, made by reading the whole log. Its last entry may be any: who reads everything needs
    none that closes it. Raises as `state_key` and `PublicLog` do.
    """
    found = []
    needle = key.encode()
    for index, content in log.entries():
        if needle in content and _is_about(content, key):
            found.append(index)
        if progress is not None and index % 256 == 255:
            progress(index + 1, log.size)
    return state_key(key, (log.receipt(index) for index in found))


def _is_about(content: bytes, key: str) -> bool:
    try:
        return _decode(content).key == key
    except msgspec.MsgspecError:
        return False
