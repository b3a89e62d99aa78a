"""The tree's hashes and proofs against published vectors, and every mutation of a good proof."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.signing_log import ProofRefused, merkle


def subtree_of(leaves: list[bytes]) -> merkle.Subtree:
    return lambda level, index: merkle.tree_hash(leaves[index << level : (index + 1) << level])


@pytest.fixture(scope="module")
def rfc6962(vectors):
    return vectors("rfc6962")


@pytest.fixture(scope="module")
def leaves(rfc6962) -> list[bytes]:
    return [merkle.leaf_hash(bytes.fromhex(entry)) for entry in rfc6962["entries"]]


def test_leaf_hashes_and_roots(rfc6962, leaves):
    assert [leaf.hex() for leaf in leaves] == rfc6962["leaf_hashes"]
    for size, root in enumerate(rfc6962["roots"]):
        assert merkle.tree_hash(leaves[:size]).hex() == root
        assert merkle.root_hash(subtree_of(leaves), size).hex() == root


def test_inclusion_proofs(rfc6962, leaves):
    for case in rfc6962["inclusion"]:
        proof = merkle.inclusion_proof(subtree_of(leaves), case["index"], case["size"])
        assert [item.hex() for item in proof] == case["proof"]
        root = bytes.fromhex(rfc6962["roots"][case["size"]])
        merkle.verify_inclusion(case["index"], case["size"], leaves[case["index"]], proof=proof, root=root)


def test_consistency_proofs(rfc6962, leaves):
    for case in rfc6962["consistency"]:
        proof = merkle.consistency_proof(subtree_of(leaves), case["old"], case["new"])
        assert [item.hex() for item in proof] == case["proof"]
        roots = [bytes.fromhex(rfc6962["roots"][case[name]]) for name in ("old", "new")]
        merkle.verify_consistency(case["old"], case["new"], roots[0], new_root=roots[1], proof=proof)


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 0x10]) + value[1:]


def changed_proofs(proof: tuple[bytes, ...], *garbage: bytes) -> list[tuple[bytes, ...]]:
    """The kinds of damage in the corpus of transparency-dev/merkle: flipped, cut, preceded and followed."""
    changed = [(*proof[:i], flipped(proof[i]), *proof[i + 1 :]) for i in range(len(proof))]
    changed += [(*proof[:i], proof[i][:-1], *proof[i + 1 :]) for i in range(len(proof))]
    changed += [(*proof, item) for item in (*garbage, b"", b"\0" * 32, *proof)]
    changed += [(item, *proof) for item in (*garbage, b"", b"\0" * 32, *proof)]
    changed += [proof[:-1], proof[1:], ()] if proof else []
    return [item for item in changed if item != proof]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 8), (5, 8), (2, 3), (1, 5), (6, 7), (7, 8)])
def test_changed_inclusion_proofs_are_refused(leaves, index, size):
    root = merkle.tree_hash(leaves[:size])
    proof = merkle.inclusion_proof(subtree_of(leaves), index, size)
    leaf = leaves[index]
    cases = [(index, size, leaf, other, root) for other in changed_proofs(proof, root, leaf)]
    cases += [(other, size, leaf, proof, root) for other in (index ^ 1, index + 1, index - 1, index ^ 2, size)]
    cases += [(index, other, leaf, proof, root) for other in (0, size // 2, size * 2, -1, 2**63)]
    cases += [(index, size, flipped(leaf), proof, root), (index, size, leaf, proof, flipped(root))]
    cases += [(index, size, leaf[:-1], proof, root), (index, size, leaf, proof, b"")]
    for bad_index, bad_size, bad_leaf, bad_proof, bad_root in cases:
        with pytest.raises(ProofRefused):
            merkle.verify_inclusion(bad_index, bad_size, bad_leaf, proof=bad_proof, root=bad_root)


@pytest.mark.parametrize(("old", "new"), [(1, 1), (1, 8), (6, 8), (2, 5), (4, 8), (3, 7), (4, 7), (6, 7)])
def test_changed_consistency_proofs_are_refused(leaves, old, new):
    old_root, new_root = merkle.tree_hash(leaves[:old]), merkle.tree_hash(leaves[:new])
    proof = merkle.consistency_proof(subtree_of(leaves), old, new)
    cases = [(old, new, old_root, new_root, other) for other in changed_proofs(proof, old_root, new_root)]
    cases += [(other, new, old_root, new_root, proof) for other in (0, -1, old + 1, old - 1, old ^ 2, new + 1)]
    cases += [(old, other, old_root, new_root, proof) for other in (0, new // 2, new * 2, 2**63)]
    cases += [(old, new, flipped(old_root), new_root, proof), (old, new, old_root, flipped(new_root), proof)]
    if old != new:
        cases.append((old, new, new_root, old_root, proof))
    for bad_old, bad_new, bad_old_root, bad_new_root, bad_proof in cases:
        with pytest.raises(ProofRefused):
            merkle.verify_consistency(bad_old, bad_new, bad_old_root, new_root=bad_new_root, proof=bad_proof)


def test_an_empty_log_proves_nothing(leaves):
    with pytest.raises(ProofRefused):
        merkle.verify_consistency(0, 8, merkle.EMPTY_ROOT, new_root=merkle.tree_hash(leaves), proof=())
    with pytest.raises(ProofRefused):
        merkle.consistency_proof(subtree_of(leaves), 0, 8)
    with pytest.raises(ProofRefused):
        merkle.inclusion_proof(subtree_of(leaves), 8, 8)


def test_a_proof_longer_than_any_tree_is_refused(leaves):
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(0, 2**62, leaves[0], proof=[leaves[1]] * 64, root=leaves[2])


@given(st.integers(1, 600), st.data())
def test_every_proof_that_is_made_verifies(size: int, data: st.DataObject):
    many = [merkle.leaf_hash(b"%d" % n) for n in range(size)]
    subtree, root = subtree_of(many), merkle.tree_hash(many)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(subtree, index, size)
    merkle.verify_inclusion(index, size, many[index], proof=proof, root=root)
    old = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(subtree, old, size)
    merkle.verify_consistency(old, size, merkle.tree_hash(many[:old]), new_root=root, proof=proof)


@pytest.fixture(scope="module")
def seventy_thousand() -> list[bytes]:
    return [merkle.leaf_hash(b"entry-%d" % n) for n in range(70_000)]


@pytest.fixture(scope="module")
def kept_subtree(seventy_thousand) -> Callable[[int, int], bytes]:
    rows = [seventy_thousand]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append([merkle.node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
    return lambda level, index: rows[level][index]


def test_own_roots_and_proof_lengths(vectors, kept_subtree, seventy_thousand):
    own = vectors("own_70000")
    assert seventy_thousand[0].hex() == own["leaf_hash_0"]
    for size, root in own["roots"].items():
        assert base64.b64encode(merkle.root_hash(kept_subtree, int(size))).decode() == root
    for index, length in own["inclusion_lengths"].items():
        assert len(merkle.inclusion_proof(kept_subtree, int(index), 70_000)) == length
    for old, length in own["consistency_lengths"].items():
        assert len(merkle.consistency_proof(kept_subtree, int(old), 70_000)) == length


def test_own_consistency_proof(vectors, kept_subtree):
    own = vectors("own_70000")
    proof = merkle.consistency_proof(kept_subtree, 65_537, 70_000)
    assert [base64.b64encode(item).decode() for item in proof] == own["consistency_65537"]
    old, new = (base64.b64decode(own["roots"][size]) for size in ("65537", "70000"))
    merkle.verify_consistency(65_537, 70_000, old, new_root=new, proof=proof)
