"""Receipts: one entry, its inclusion proof and a signed checkpoint in one text file (C2SP tlog-proof, draft).

The `extra` line carries the entry itself, so a receipt is verified with nothing but the log's verifier key.
"""

from dataclasses import dataclass
from typing import Final

from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.encoding import decode_base64, decode_decimal, encode_base64
from natsuin.signing_log.merkle import HASH_SIZE, MAX_PROOF, leaf_hash, verify_inclusion
from natsuin.signing_log.notes import parse_verifier_key
from natsuin.signing_log.refusals import BadEncoding, BadReceipt

MAX_RECEIPT: Final = 128 * 1024
"""Characters. The largest entry takes 87,380 of them."""
_HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that entry `index` with the bytes `leaf` is in the log of `size` entries that `checkpoint` (a signed note)
    states.

    `proof` are hashes of 32 bytes, the leaf's sibling first.
    """

    index: int
    leaf: bytes
    size: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def tlog_proof(self) -> str:
        """The receipt as a `.tlog-proof` file, with the entry as its extra data."""
        return encode_receipt(self.index, self.proof, self.checkpoint, extra=self.leaf)


@dataclass(frozen=True)
class UnverifiedReceipt:
    """A receipt of the right form. Nothing in it has been checked."""

    index: int
    extra: bytes | None
    proof: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True)
class VerifiedEntry:
    """Entry `index` of the log `origin`, proved to be among the first `size`.

    `leaf` are its bytes, `root` is the tree's.
    """

    index: int
    leaf: bytes
    origin: str
    size: int
    root: bytes


def encode_receipt(index: int, proof: tuple[bytes, ...], checkpoint: str, *, extra: bytes | None = None) -> str:
    """The text of a `.tlog-proof` file."""
    lines = [_HEADER]
    if extra is not None:
        lines.append(f"extra {encode_base64(extra)}")
    lines.append(f"index {index}")
    lines += map(encode_base64, proof)
    return "\n".join(lines) + "\n\n" + checkpoint


def parse_receipt(text: str) -> UnverifiedReceipt:
    """Take a `.tlog-proof` file apart without believing it. Raises `BadReceipt`."""
    if len(text) > MAX_RECEIPT:
        raise BadReceipt("this receipt is too long")
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or not checkpoint or lines.pop(0) != _HEADER:
        raise BadReceipt("this is not a tlog-proof receipt")
    extra: bytes | None = None
    try:
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise BadReceipt("this receipt has no index")
        index = decode_decimal(lines.pop(0).removeprefix("index "))
        proof = tuple(map(decode_base64, lines))
    except BadEncoding as error:
        raise BadReceipt("a line of this receipt is not in its canonical form") from error
    if len(proof) > MAX_PROOF or any(len(item) != HASH_SIZE for item in proof):
        raise BadReceipt("the proof in this receipt is not a list of hashes of possible length")
    return UnverifiedReceipt(index, extra, proof, checkpoint)


def verify_receipt(text: str, vkey: str, *, leaf: bytes | None = None) -> VerifiedEntry:
    """What the receipt `text` proves under the log's verifier key `vkey`.

    The entry comes from the receipt's `extra` line, or from `leaf` where the caller has it otherwise; when both are
    there they must be equal. Pure: reads and changes nothing. Raises `BadReceipt`, `BadKey`, `BadNote`,
    `BadCheckpoint`, `UntrustedNote` or `ProofRefused`, all of them `Refused`.
    """
    key = parse_verifier_key(vkey)
    receipt = parse_receipt(text)
    entry = receipt.extra if leaf is None else leaf
    if entry is None:
        raise BadReceipt("this receipt does not carry its entry")
    if receipt.extra is not None and receipt.extra != entry:
        raise BadReceipt("this receipt is of another entry")
    checkpoint = open_checkpoint(receipt.checkpoint, key)
    verify_inclusion(receipt.index, checkpoint.size, leaf_hash(entry), proof=receipt.proof, root=checkpoint.root)
    return VerifiedEntry(receipt.index, entry, checkpoint.origin, checkpoint.size, checkpoint.root)
