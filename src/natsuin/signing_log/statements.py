"""A key's statement: everything that the log has about one key, for somebody who checks it without the log.

`natsuin.validation.check_statement` is the other half. The format, JSON:

    {"format": "natsuin-key-statement/v1", "key": id, "checkpoint": signed note,
     "entries": [{"index": 7, "entry": text, "proof": [base64, …]}, …], "earlier": […]}

`earlier` is there after a rotation: the closed shards, oldest first, each with `vkey`, `checkpoint` and `entries` of
its own, with `last`, the entry that closed it, and with `next`, the first one of the shard after it.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from natsuin.errors import NotFound
from natsuin.signing_log.encoding import encode_base64
from natsuin.signing_log.key_chains import KEY
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import ChainBroken
from natsuin.signing_log.whole_log import WholeLog

STATEMENT_FORMAT: Final = "natsuin-key-statement/v1"


class _Place(msgspec.Struct, frozen=True):
    key: str = ""
    key_number: int = -1


_decode = msgspec.json.Decoder(_Place).decode


def state_key(key: str, log: WholeLog, places: Iterable[int]) -> bytes:
    """The statement that the entries at these places, in order, are all of `key`.

    Raises `NotFound` for none, `ChainBroken` when a number is missing.
    """
    told: list[list[dict[str, object]]] = [[] for _ in log.shards]
    number = -1
    for number, place in enumerate(places):
        shard, _ = log.locate(place)
        receipt = log.receipt(place)
        found = _decode(receipt.leaf)
        if (found.key, found.key_number) != (key, number):
            raise ChainBroken(f"entry {receipt.index} is not number {number} of its key")
        told[log.shards.index(shard)].append(_told(receipt))
    if number < 0:
        raise NotFound("the log has no entry about this key")
    statement = {
        "format": STATEMENT_FORMAT,
        KEY: key,
        "checkpoint": log.shards[-1].log.note,
        "entries": told[-1],
    }
    earlier = [
        {
            "vkey": over.older.vkey,
            "checkpoint": over.older.log.note,
            "entries": entries,
            "last": _told(over.last),
            "next": _told(over.first),
        }
        for over, entries in zip(log.hand_overs, told, strict=False)
    ]
    return msgspec.json.encode(statement | ({"earlier": earlier} if earlier else {}))


def _told(receipt: Receipt) -> dict[str, object]:
    return {
        "index": receipt.index,
        "entry": receipt.leaf.decode(),
        "proof": [encode_base64(each) for each in receipt.proof],
    }


def state_from_files(log: WholeLog, key: str, *, progress: Callable[[int, int], None] | None = None) -> bytes:
    """The statement about `key`, made by reading the whole log. Its last entry may be any: who reads everything needs
    none that closes it. Raises as `state_key` and `WholeLog` do.
    """
    found = []
    needle = key.encode()
    for place, content in log.entries():
        if needle in content and _is_about(content, key):
            found.append(place)
        if progress is not None and place % 256 == 255:
            progress(place + 1, log.size)
    return state_key(key, log, found)


def _is_about(content: bytes, key: str) -> bool:
    try:
        return _decode(content).key == key
    except msgspec.MsgspecError:
        return False
