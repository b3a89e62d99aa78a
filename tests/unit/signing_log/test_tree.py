"""The growing edge gives the same roots, tiles and proofs as the whole tree does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.signing_log import merkle
from natsuin.signing_log.refusals import BadTile
from natsuin.signing_log.tiles import TileName
from natsuin.signing_log.tree import RightEdge


def leaves(start: int, end: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % n) for n in range(start, end)]


def expected_tile(name: TileName, everything: list[bytes]) -> bytes:
    span = 256**name.level
    first = name.index * 256
    return b"".join(merkle.tree_hash(everything[n * span : (n + 1) * span]) for n in range(first, first + name.width))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 5), st.integers(200, 600)), min_size=1, max_size=6))
def test_batches_of_any_size(batches: list[int]):
    edge = RightEdge()
    size = 0
    everything = leaves(0, sum(batches))
    files: dict[tuple[int, int], bytes] = {}
    for count in batches:
        growth = edge.append(everything[size : size + count])
        size += count
        root = merkle.tree_hash(everything[:size])
        assert (growth.size, growth.root, edge.root) == (size, root, root)
        for index in {size - count, size - 1, size - count // 2 - 1}:
            merkle.verify_inclusion(index, size, everything[index], proof=growth.proof(index), root=root)
        for name, content in growth.tiles:
            assert content == expected_tile(name, everything)
            files[name.level, name.index] = content
    for level, span in enumerate((1, 256, 65_536)):
        complete = size // span
        for index in range(-(-complete // 256)):
            width = min(256, complete - index * 256)
            assert files[level, index] == expected_tile(TileName(level, index, width), everything)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000])
def test_an_edge_is_rebuilt_from_its_partial_tiles(size):
    whole, last = RightEdge(), {}
    for name, content in whole.append(leaves(0, size)).tiles:
        if name.width < 256:
            last[name.level] = content
    rebuilt = RightEdge(size, last)
    assert rebuilt.root == whole.root
    assert rebuilt.append(leaves(size, size + 300)) == whole.append(leaves(size, size + 300))


def test_crossing_the_second_level():
    everything = leaves(0, 65_600)
    edge = RightEdge()
    edge.append(everything[:65_530])
    growth = edge.append(everything[65_530:])
    assert [str(name) for name, _ in growth.tiles] == [
        "tile/0/255", "tile/0/256.p/64", "tile/1/000", "tile/2/000.p/1",
    ]  # fmt: skip
    assert growth.root == merkle.tree_hash(everything)
    for index in (65_530, 65_535, 65_536, 65_599):
        merkle.verify_inclusion(index, 65_600, everything[index], proof=growth.proof(index), root=growth.root)


def test_a_tile_of_another_width_is_refused():
    with pytest.raises(BadTile):
        RightEdge(3, {0: b"x" * 64})
    with pytest.raises(BadTile):
        RightEdge(3, {})


def test_an_empty_edge():
    assert RightEdge().root == merkle.EMPTY_ROOT
