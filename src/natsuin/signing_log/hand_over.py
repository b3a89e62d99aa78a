"""The hand-over between two shards: each names the other, so that who trusts the key of one can trust the other.

    rotated   last entry of the older shard: name, origin and verifier key of the newer one
    genesis   first entry of the newer shard: name, origin, verifier key, size and root of the older one

The older shard's key signs the first, the newer one's the second. What the newer one says fixes the older one for
ever: its key is destroyed, and entries that somebody with a copy of it might add later stand outside.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from natsuin import base64url
from natsuin.signing_log.entries import JSON
from natsuin.signing_log.refusals import BadShardName, ShardsDiverge

ROTATED: Final = "rotated"
"""Type of the entry that closes a shard."""
GENESIS: Final = "genesis"
"""Type of the entry that begins one."""
SHARDS: Final = "shards"
"""Folder, below that of the first shard, in which all others lie by their names."""
MAX_SHARDS: Final = 1000
"""One a year lasts; a hostile log must not lead a reader on for ever."""
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)


class ShardEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An older shard as the newer one names it: `shard` is its name, empty for the first, `root` is base64url."""

    shard: str
    origin: str
    vkey: str
    size: int
    root: str

    def fields(self) -> dict[str, JSON]:
        """The field `previous` of the entry `genesis`."""
        return {
            "shard": self.shard,
            "origin": self.origin,
            "vkey": self.vkey,
            "size": self.size,
            "root": self.root,
        }


class _Rotated(msgspec.Struct, frozen=True, tag=ROTATED, tag_field="type"):
    shard: str
    origin: str
    vkey: str


class _Genesis(msgspec.Struct, frozen=True, tag=GENESIS, tag_field="type"):
    origin: str
    previous: ShardEnd | None = None


@dataclass(frozen=True)
class NextShard:
    """The shard after a closed one, as that one names it."""

    name: str
    origin: str
    vkey: str


def end_of(name: str, *, origin: str, vkey: str, size: int, root: bytes) -> ShardEnd:
    """How the next shard names one that was closed at `size` with `root` (32 bytes)."""
    return ShardEnd(name, origin, vkey, size, base64url.encode(root))


def require_name(name: str) -> str:
    """Return `name`, which becomes part of an address, of a file's name and of an origin. Raises `BadShardName`."""
    if not is_name(name):
        raise BadShardName(
            "a shard's name has 1 to 32 small letters, digits and hyphens inside", hint="Take the year: 2027."
        )
    return name


def is_name(name: str) -> bool:
    """Whether a shard may have this name."""
    return _NAME.fullmatch(name) is not None


def next_shard(leaf: bytes) -> NextShard | None:
    """What the entry `leaf` says comes after its shard, if it closes one. Raises `ShardsDiverge` for an unusable
    name."""
    try:
        rotated = msgspec.json.decode(leaf, type=_Rotated)
    except msgspec.MsgspecError:
        return None
    try:
        return NextShard(require_name(rotated.shard), rotated.origin, rotated.vkey)
    except BadShardName as error:
        raise ShardsDiverge("the newest entry of the log names a next shard that cannot be") from error


def shard_before(leaf: bytes) -> ShardEnd | None:
    """What the entry `leaf`, the first of its shard, says came before; None in the first shard.

    Raises `ShardsDiverge` when that cannot be used.
    """
    try:
        previous = msgspec.json.decode(leaf, type=_Genesis).previous
    except msgspec.MsgspecError:
        return None
    if previous is not None and previous.shard and not is_name(previous.shard):
        raise ShardsDiverge("the first entry of the shard names an earlier one that cannot be")
    return previous


def check_hand_over(older: ShardEnd, last_leaf: bytes, *, newer: NextShard, first_leaf: bytes) -> None:
    """Return if a shard and the next name each other: `older` and `newer` are what was found and verified by
    itself, `last_leaf` and `first_leaf` the entries where they meet. Raises `ShardsDiverge`."""
    if next_shard(last_leaf) != newer:
        raise ShardsDiverge("the older shard was not closed in favour of this one")
    if shard_before(first_leaf) != older:
        raise ShardsDiverge("the newer shard does not go on where the older one was closed")
