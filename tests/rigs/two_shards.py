"""A log of two shards, written by the real writer and cosigned, for those who read logs."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import SystemClock
from natsuin.signing_log import (
    LogKey,
    LogPlace,
    Shard,
    ShardPlace,
    begin_shard,
    cosign,
    create_log,
    end_of,
    make_verifier_key,
    open_checkpoint,
    parse_note,
    parse_verifier_key,
    with_cosignatures,
)

ORIGIN = "sign.example.jp/log"
COSIGNED = 1_767_225_600
KEYS = 5


def key_of(seed: bytes) -> LogKey:
    """A key from one byte."""
    private = Ed25519PrivateKey.from_private_bytes(seed * 32)
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


@dataclass(frozen=True)
class TwoShards:
    """A log in `folder`: the verifier keys of its shards, and those of the witnesses under its newest checkpoint."""

    folder: Path
    vkeys: tuple[str, str]
    witnesses: tuple[str, ...]

    @property
    def newest(self) -> Path:
        """The folder of the second shard."""
        return self.folder / "shards/2027"


def write_two_shards(base: Path, *, first: int, second: int, witnesses: int = 2) -> TwoShards:
    """Write `first` entries into one shard, hand over, and `second` into the next; each hand-over entry counts."""
    place = LogPlace(base / "log", base / "state.sqlite", ORIGIN)
    older, newer = place.shard(1, ""), place.shard(2, "2027")
    keys = key_of(b"1"), key_of(b"2")
    vkeys = tuple(str(make_verifier_key(at.origin, key.public)) for at, key in zip((older, newer), keys, strict=True))
    base.mkdir(exist_ok=True)
    create_log(older.folder, older.state, origin=older.origin, key=keys[0])
    said = {"type": "rotated", "shard": newer.name, "origin": newer.origin, "vkey": vkeys[1]}
    _write(older, keys[0], [*_entries(first - 1), said])
    begin_shard(newer, keys[1], after=older)
    ended = open_checkpoint((older.folder / "checkpoint").read_text(), parse_verifier_key(vkeys[0]))
    previous = end_of("", origin=older.origin, vkey=vkeys[0], size=ended.size, root=ended.root)
    genesis = {"type": "genesis", "origin": newer.origin, "previous": previous.fields()}
    _write(newer, keys[1], [genesis, *_entries(second - 1)])
    return TwoShards(place.folder, (vkeys[0], vkeys[1]), _cosign(newer.folder / "checkpoint", witnesses))


def _entries(count: int) -> list[dict[str, object]]:
    return [
        {"key": f"{n % KEYS:032x}", "time": COSIGNED + n, "type": "outcome", "text": "\u7f72\u540d" * (n % 7), "v": 1}
        for n in range(count)
    ]


def _write(at: ShardPlace, key: LogKey, entries: list[dict[str, object]]) -> None:
    log = Shard.open(at.folder, at.state, origin=at.origin, key=key, clock=SystemClock())
    log.add_all(entries)
    log.close()


def _cosign(checkpoint: Path, count: int) -> tuple[str, ...]:
    note = checkpoint.read_text("utf-8")
    text = parse_note(note.encode()).text
    made = [cosign(text, f"w{n}.example", key_of(b"%d" % (n + 3)), seconds=COSIGNED) for n in range(count)]
    checkpoint.write_text(with_cosignatures(note, made), "utf-8")
    return tuple(str(each.witness) for each in made)
