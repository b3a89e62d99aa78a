"""A log of ten million entries in seconds: each bundle holds the same 256 entries, so that all full files of one kind
are one file under many names. It verifies, proves and goes on as any other log; only the disk is spared.

    PYTHONPATH=tests python -m rigs.uniform_log 10000000 FOLDER

makes FOLDER/log and the record FOLDER/state.sqlite for the real writer, and prints the verifier key.
"""

import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.signing_log import LogKey, make_verifier_key
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.entries import encode_entry
from natsuin.signing_log.merkle import leaf_hash, tree_hash
from natsuin.signing_log.state import Signed, State
from natsuin.signing_log.tiles import TILE_WIDTH, TileName, encode_bundle
from natsuin.signing_log.tree import RightEdge

ORIGIN = "sign.example.jp/log/2026"
_LINKS = 30_000
"""Names of one file; ext4 allows 65,000."""


def uniform_key() -> LogKey:
    """The key of these logs."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


def write_uniform_log(base: Path, size: int) -> str:
    """Write `base`/log of `size` entries and its record; answers with the verifier key."""
    key, folder = uniform_key(), base / "log"
    entries = [
        encode_entry({"type": "boot", "n": n, "commitment": "A" * 43, "tx": "0" * 32}) for n in range(TILE_WIDTH)
    ]
    hashes = list(map(leaf_hash, entries))
    _repeat(folder, None, size, encode_bundle(entries), encode_bundle(entries[: size % TILE_WIDTH]))
    partial: dict[int, bytes] = {}
    level, count = 0, size
    while count:
        end = b"".join(hashes[: count % TILE_WIDTH])
        if end:
            partial[level] = end
        _repeat(folder, level, count, b"".join(hashes), end)
        hashes = [tree_hash(hashes)] * TILE_WIDTH
        level, count = level + 1, count // TILE_WIDTH
    root = RightEdge(size, partial).root
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root), key)
    (folder / "checkpoint").write_text(note, "utf-8")
    State.create(base / "state.sqlite", Signed(size, root, note))
    return str(make_verifier_key(ORIGIN, key.public))


def _repeat(folder: Path, level: int | None, count: int, full: bytes, end: bytes) -> None:
    """The tiles of one level that hold `count` hashes, or the bundles that hold so many entries."""
    made: Path | None = None
    for index in range(count // TILE_WIDTH):
        path = folder / str(TileName(level, index))
        if made is None or index % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if made is None or index % _LINKS == 0:
            path.write_bytes(full)
            made = path
        else:
            os.link(made, path)
    if end:
        path = folder / str(TileName(level, count // TILE_WIDTH, count % TILE_WIDTH))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(end)


if __name__ == "__main__":
    print(write_uniform_log(Path(sys.argv[2]), int(sys.argv[1])))
