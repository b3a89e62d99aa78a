"""The Merkle tree: hashes, inclusion and consistency proofs, and their verification (RFC 6962, 2.1; the same in RFC
9162).

Making a proof needs the hashes of complete subtrees only. `Subtree` gives them: `subtree(level, index)` is the hash of
the 2^level entries from index * 2^level. Tiles, a growing edge and a plain list all can play that part.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from natsuin.signing_log.encoding import MAX_SIZE
from natsuin.signing_log.refusals import ProofRefused

Subtree: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> 32 bytes, the hash over entries [index * 2^level, (index + 1) * 2^level)."""

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
MAX_PROOF: Final = 63
"""No legal proof has more hashes."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Root over `hashes` (32 bytes each) taken as neighbouring subtrees of one size; of none, SHA-256 of nothing."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row) - 1, 2)] + odd
    return row[0]


def range_hash(subtree: Subtree, start: int, end: int) -> bytes:
    """Hash over entries [start, end), where `start` is a multiple of the largest power of two not above end - start."""
    peaks = []
    position = start
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            peaks.append(subtree(level, position >> level))
            position += 1 << level
    folded = peaks.pop()
    while peaks:
        folded = node_hash(peaks.pop(), folded)
    return folded


def root_hash(subtree: Subtree, size: int) -> bytes:
    """Root over the first `size` entries."""
    return range_hash(subtree, 0, size) if size else EMPTY_ROOT


def inclusion_proof(subtree: Subtree, index: int, size: int) -> tuple[bytes, ...]:
    """PATH(index, D[size]): the leaf's sibling first. Raises `ProofRefused` unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ProofRefused("the tree has no entry of that index")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            proof.append(range_hash(subtree, middle, end))
            end = middle
        else:
            proof.append(range_hash(subtree, start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(subtree: Subtree, old: int, new: int) -> tuple[bytes, ...]:
    """PROOF(old, D[new]): shows that the first `old` entries are unchanged.

    Raises `ProofRefused` unless 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ProofRefused("no consistency proof exists between these sizes")
    proof = []
    start, end = 0, new
    while old != end:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if old <= middle:
            proof.append(range_hash(subtree, middle, end))
            end = middle
        else:
            proof.append(range_hash(subtree, start, middle))
            start = middle
    if start:
        proof.append(range_hash(subtree, start, end))
    return tuple(reversed(proof))


def _check_shape(proof: Sequence[bytes], roots: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF or any(len(item) != HASH_SIZE for item in (*proof, *roots)):
        raise ProofRefused("the proof is not a list of SHA-256 hashes of possible length")


def verify_inclusion(index: int, size: int, leaf: bytes, *, proof: Sequence[bytes], root: bytes) -> None:
    """Return if `proof` leads from the leaf hash `leaf` at `index` to `root` of a tree of `size` (RFC 9162, 2.1.3.2).

    Raises `ProofRefused` otherwise.
    """
    _check_shape(proof, (leaf, root))
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofRefused("the tree has no entry of that index")
    node, last = index, size - 1
    computed = leaf
    for item in proof:
        if last == 0:
            raise ProofRefused("the inclusion proof is too long")
        if node & 1 or node == last:
            computed = node_hash(item, computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, item)
        node, last = node >> 1, last >> 1
    if last or computed != root:
        raise ProofRefused("the inclusion proof does not lead to the signed root")


def verify_consistency(old: int, new: int, old_root: bytes, *, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return if `proof` shows that the tree of size `new` begins with the tree of size `old` (RFC 9162, 2.1.4.2).

    Raises `ProofRefused` otherwise, also for an old size of 0, which proves nothing.
    """
    _check_shape(proof, (old_root, new_root))
    if not 0 < old <= new <= MAX_SIZE:
        raise ProofRefused("no consistency proof exists between these sizes")
    if old == new:
        if proof or old_root != new_root:
            raise ProofRefused("two trees of one size differ")
        return
    if not proof:
        raise ProofRefused("the consistency proof is empty")
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for item in path[1:]:
        if last == 0:
            raise ProofRefused("the consistency proof is too long")
        if node & 1 or node == last:
            first, second = node_hash(item, first), node_hash(item, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, item)
        node, last = node >> 1, last >> 1
    if last or first != old_root or second != new_root:
        raise ProofRefused("the later log does not begin with the earlier one")
