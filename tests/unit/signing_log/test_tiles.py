"""Names, tiles and entry bundles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.signing_log import EntryTooLarge, TileName, parse_tile_name
from natsuin.signing_log.refusals import BadName, BadTile
from natsuin.signing_log.tiles import MAX_ENTRY, decode_bundle, encode_bundle, locate_subtree, split_tile


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("tile/0/000", TileName(0, 0)),
        ("tile/0/255", TileName(0, 255)),
        ("tile/0/x001/000", TileName(0, 1000)),
        ("tile/0/x001/x234/067", TileName(0, 1234067)),
        ("tile/0/273.p/112", TileName(0, 273, 112)),
        ("tile/63/000.p/1", TileName(63, 0, 1)),
        ("tile/entries/000.p/255", TileName(None, 0, 255)),
        ("tile/entries/x001/999", TileName(None, 1999)),
    ],
)
def test_names(name, tile):
    assert str(tile) == name
    assert parse_tile_name(name) == tile


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/1", "tile/0/x001/234/067", "tile/0/x000/001", "tile/64/000", "tile/00/000", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/999", "tile/0/../000", "tile/0/..", "tile/0/٠٠٠",
        "tile/0/０００", "tile/entries/1", "tile/-1/000", "tile/0/000/", "/tile/0/000", "tile/0/000\n",
        "tile/0/001/000", "tile/0/x1000/000", "tile/data/000", "tile//000", "tile/0/000.p/", "tile/0/000.p",
        "checkpoint", "",
        "tile/0/" + "x999/" * 6 + "999", "tile/0/" + "x999/" * 7 + "999",
    ],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(BadName):
        parse_tile_name(name)


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_every_name_reads_back(level: int | None, index: int, width: int):
    tile = TileName(level, index, width)
    assert parse_tile_name(str(tile)) == tile


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_every_bundle_reads_back(entries: list[bytes]):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_of_the_published_log(vectors):
    for name in ("tessera", "own_70000"):
        files = vectors(name).get("bundles") if name == "tessera" else vectors(name)["small_files"]
        content = bytes.fromhex(files["tile/entries/000.p/3"])
        expected = [b"one", b"two", b"three"] if name == "tessera" else [b"entry-0", b"entry-1", b"entry-2"]
        assert decode_bundle(content, 3) == expected
        assert encode_bundle(expected) == content


@pytest.mark.parametrize(
    ("content", "width"),
    [
        (b"\0\x05abc", 1),
        (b"\0\x03abc\0", 1),
        (b"\0\x03abc\0", 2),
        (b"\0\x03abc", 2),
        (b"\0\x03abc", 0),
        (b"", 1),
        (b"\xff", 1),
    ],
)
def test_cut_or_longer_bundles_are_refused(content, width):
    with pytest.raises(BadTile):
        decode_bundle(content, width)


def test_the_largest_entry():
    assert decode_bundle(encode_bundle([b"x" * MAX_ENTRY]), 1) == [b"x" * MAX_ENTRY]
    with pytest.raises(EntryTooLarge):
        encode_bundle([b"x" * (MAX_ENTRY + 1)])


def test_tiles_have_exactly_their_length():
    assert split_tile(b"a" * 32 + b"b" * 32, 2) == [b"a" * 32, b"b" * 32]
    for content, width in ((b"a" * 63, 2), (b"a" * 65, 2), (b"a" * 64, 3), (b"", 1)):
        with pytest.raises(BadTile):
            split_tile(content, width)


def test_where_a_subtree_is_found():
    assert locate_subtree(0, 300) == (TileName(0, 1), 44, 45)
    assert locate_subtree(3, 33) == (TileName(0, 1), 8, 16)
    assert locate_subtree(8, 5) == (TileName(1, 0), 5, 6)
    assert locate_subtree(17, 0) == (TileName(2, 0), 0, 2)
