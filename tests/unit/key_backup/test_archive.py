"""The file of one key: any change is refused, and it says which master key it needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin import errors
from natsuin.key_backup import Archive, ArchiveSeal, ArchiveTampered, BadArchive
from natsuin.key_backup.archive import BINARIES, MAGIC, NOT_IN_THE_HEADER, NUMBERS, TEXTS
from natsuin.key_management import MasterKey, Slot, signing_key

ROW = {name: f"text of {name}" for name in TEXTS} | dict.fromkeys(NUMBERS, 1) | dict.fromkeys(BINARIES, b"\0\xff")
SEAL = ArchiveSeal.from_master(MasterKey(b"m" * 32))


def make(archive_id: str = "a" * 32) -> Archive:
    slots = {"pin": Slot(b"s" * 16, b"w" * 60), "recovery": Slot(b"t" * 16, b"x" * 60)}
    return Archive(archive_id, 2, 1_700_000_000_000, 77, ROW, b"encrypted key", slots)


FILE = SEAL.close(make())


def test_what_was_closed_comes_back() -> None:
    opened = SEAL.open(FILE)
    assert opened == make()
    assert opened.holds == make().holds


def test_every_column_of_a_key_has_its_place() -> None:
    """Whoever adds a column decides whether archives hold it, and raises the version."""
    names = [*TEXTS, *NUMBERS, *BINARIES, *NOT_IN_THE_HEADER]
    assert sorted(names) == sorted(str(column.name) for column in signing_key.columns)


def test_a_flipped_bit_anywhere_is_refused() -> None:
    for position in range(len(FILE)):
        for bit in (1, 128):
            changed = bytearray(FILE)
            changed[position] ^= bit
            with pytest.raises((BadArchive, ArchiveTampered)):
                SEAL.open(bytes(changed))


def test_a_cut_or_longer_file_is_refused() -> None:
    for changed in (*(FILE[:end] for end in range(len(FILE))), FILE + b"\0", b"\0" + FILE):
        with pytest.raises((BadArchive, ArchiveTampered)):
            SEAL.open(changed)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(junk: bytes) -> None:
    for content in (junk, MAGIC + junk, MAGIC + b"\1" + len(junk).to_bytes(4, "big") + junk):
        with pytest.raises(errors.Refused):
            SEAL.open(content)


def test_another_master_key_is_told_from_damage() -> None:
    other = ArchiveSeal.from_master(MasterKey(b"n" * 32))
    with pytest.raises(ArchiveTampered, match="another master key"):
        other.open(FILE)
    with pytest.raises(ArchiveTampered, match="not as it was made"):
        ArchiveSeal(other.secret, SEAL.provider).open(FILE)


def test_two_archives_share_no_bytes_that_matter() -> None:
    other = SEAL.close(make("b" * 32))
    assert SEAL.close(make()) != FILE
    assert other[-60:] != FILE[-60:]
    assert SEAL.provider.encode() in FILE
    assert b"encrypted key" not in FILE
