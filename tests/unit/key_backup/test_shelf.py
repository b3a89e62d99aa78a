"""Archives in their folder: whole or not there, and never outside it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.key_backup import Shelf

NAME = "0123456789abcdef" * 2


def test_a_file_counts_when_it_is_finished(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "archives")
    assert (list(shelf.finished()), list(shelf.unfinished())) == ([], [])
    shelf.put(NAME, b"content")
    with pytest.raises(errors.NotFound):
        shelf.read(NAME)
    assert (list(shelf.unfinished()), shelf.read_unfinished(NAME)) == ([NAME], b"content")
    shelf.finish(NAME)
    assert (list(shelf.finished()), shelf.read(NAME)) == ([NAME], b"content")
    file = next((tmp_path / "archives").iterdir())
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    shelf.remove(NAME)
    assert list(shelf.finished()) == []


@pytest.mark.parametrize("name", ["", "../db2.sqlite", "/etc/passwd", NAME.upper(), f"{NAME}/", "a" * 31])
def test_only_names_of_archives_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(errors.NotFound):
        Shelf(tmp_path).read(name)


def test_a_file_is_never_written_twice(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(NAME, b"one")
    with pytest.raises(errors.StorageFailed):
        shelf.put(NAME, b"two")


@pytest.mark.parametrize("put", [os.mkfifo, lambda place: place.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_is_neither_waited_for_nor_followed(tmp_path: Path, put: Callable[[Path], None]) -> None:
    shelf = Shelf(tmp_path)
    put(tmp_path / f"{NAME}.natsuin-key")
    put(tmp_path / f"{NAME}.natsuin-key.new")
    for read in (shelf.read, shelf.read_unfinished):
        with pytest.raises(errors.NotFound):
            read(NAME)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.natsuin-key").write_bytes(bytes(10 * 1024 * 1024))
    assert len(Shelf(tmp_path).read(NAME)) < 1024 * 1024
