"""A log of any size in seconds, for measuring those who read it: real files, none of them made durable.

    PYTHONPATH=tests python -m rigs.synthetic_log 1000000 FOLDER

Entries look like those of signing: intent and outcome in turn, about 400 bytes each. It prints the verifier key.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.signing_log import LogKey, make_verifier_key
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.key_chains import KeyChains, prepare
from natsuin.signing_log.merkle import leaf_hash
from natsuin.signing_log.tiles import TILE_WIDTH, TileName, encode_bundle
from natsuin.signing_log.tree import RightEdge

ORIGIN = "sign.example.jp/log/2026"
SEED = bytes(range(32))
BEGAN = 1_767_225_600_000
"""Milliseconds since 1970: the year 2026 begins, UTC."""
KEYS = 100


def entry(number: int) -> dict[str, Any]:
    """Entry `number`: of two neighbours the first is an intent, the second its outcome."""
    pair, later = divmod(number, 2)
    name = hashlib.sha256(b"%d" % pair).hexdigest()
    told: dict[str, Any] = {
        "key": hashlib.sha256(b"key %d" % (pair % KEYS)).hexdigest()[:32],
        "time": BEGAN + 7 * number,
        "tx": name[:32],
        "type": "outcome" if later else "intent",
        "v": 1,
    }
    if later:
        told |= {"intent": number - 1, "result": "signed", "signatures": [name[:43]]}
    else:
        told |= {"algorithm": "rsa-3072", "commitment": name[:43], "count": 1, "scheme": "rsa-pkcs1-sha256"}
    return told


def write_log(folder: Path, size: int) -> str:
    """Write checkpoint, tiles and bundles of `size` entries; answers with the verifier key."""
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    key = LogKey(private.public_key().public_bytes_raw(), private.sign)
    edge, chains = RightEdge(), KeyChains(lambda _: None)
    last: dict[tuple[int | None, int], tuple[TileName, bytes]] = {}
    for first in range(0, size, TILE_WIDTH):
        leaves, heads = chains.link([prepare(entry(number)) for number in range(first, min(first + TILE_WIDTH, size))])
        chains.advance(heads)
        entries = [leaf.content for leaf in leaves]
        _write(folder, TileName(None, first // TILE_WIDTH, len(entries)), encode_bundle(entries))
        for name, content in edge.append(list(map(leaf_hash, entries))).tiles:
            if name.width == TILE_WIDTH:
                _write(folder, name, content)
                last.pop((name.level, name.index), None)
            else:
                last[name.level, name.index] = name, content
    for name, content in last.values():
        _write(folder, name, content)
    folder.mkdir(parents=True, exist_ok=True)
    note = sign_checkpoint(Checkpoint(ORIGIN, size, edge.root), key)
    (folder / "checkpoint").write_text(note, "utf-8")
    return str(make_verifier_key(ORIGIN, key.public))


def _write(folder: Path, name: TileName, content: bytes) -> None:
    path = folder / str(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    print(write_log(Path(sys.argv[2]), int(sys.argv[1])))
