"""A backup's manifest from a hostile medium: only the project's own errors come out, and they name the cause."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natsuin.cli.backup import manifest as module
from natsuin.cli.backup.listing import tell_backups
from natsuin.cli.backup.manifest import FILE, FORMAT, Entry, Manifest, describe, read_manifest, write_manifest
from natsuin.errors import Malformed, NatsuinError, NotFound, Tampered
from natsuin.key_management import MasterKey

MASTER = MasterKey(bytes(32))


def backup(folder: Path) -> Path:
    place = folder / "natsuin-20260101T000000Z"
    (place / "log").mkdir(parents=True)
    (place / "config.toml").write_text("x = 1\n")
    made = Manifest(
        format=FORMAT,
        made_at=1,
        version="0",
        origin="http://localhost",
        log_vkey="k",
        log_size=0,
        checkpoint="c",
        recipients=(),
        databases={"web": "databases/db1.sqlite"},
        files=describe(place),
    )
    write_manifest(place, made.sealed(MASTER))
    return place


def refused(place: Path, words: str, kind: type[NatsuinError] = Malformed) -> None:
    with pytest.raises(kind, match=words):
        read_manifest(place)
    # The list goes on with the next one.
    (line,) = tell_backups(place.parent)
    assert place.name in line


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = backup(tmp_path)
    read_manifest(place).check_seal(MASTER)
    (line,) = tell_backups(tmp_path)
    assert "1970-01-01 00:00 UTC" in line


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe{", b'{"format":"\xc3\x28"}', b"[1]", b"{", b"null", b"[" * 100_000, b'{"format":1}']
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    place = backup(tmp_path)
    (place / FILE).write_bytes(content)
    refused(place, "cannot be read")


def test_none_at_all_is_told(tmp_path: Path) -> None:
    place = backup(tmp_path)
    (place / FILE).unlink()
    refused(place, "holds no backup", NotFound)


@pytest.mark.parametrize("size", [0, 1, 100, 300, -1])
def test_a_cut_one_is_refused(tmp_path: Path, size: int) -> None:
    place = backup(tmp_path)
    whole = (place / FILE).read_bytes()
    (place / FILE).write_bytes(whole[:size])
    refused(place, "cannot be read")


def test_one_that_is_too_large_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = backup(tmp_path)
    monkeypatch.setattr(module, "_LARGEST", 100)
    refused(place, "too large")


def changes(**changed: Any) -> Callable[[Manifest], Manifest]:
    return lambda made: msgspec.structs.replace(made, **changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changes(made_at=10**18), "a time that there is not"),
        (changes(made_at=-1), "a time that there is not"),
        (changes(format="natsuin-backup/2"), "format 'natsuin-backup/2'"),
        (changes(format="\x1b[2J"), r"format '\\x1b\[2J'"),
        (changes(files=(Entry("../../etc/passwd", 1, "0"),)), "outside the backup"),
        (changes(files=(Entry("/etc/passwd", 1, "0"),)), "outside the backup"),
        (changes(databases={"web": "../x"}), "outside the backup"),
    ],
)
def test_values_that_lead_elsewhere_are_refused(
    tmp_path: Path, change: Callable[[Manifest], Manifest], words: str
) -> None:
    place = backup(tmp_path)
    write_manifest(place, change(read_manifest(place)))
    refused(place, words)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(bit=st.integers(min_value=0))
def test_a_flipped_bit_anywhere_is_found(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    place = backup(tmp_path_factory.mktemp("b"))
    content = bytearray((place / FILE).read_bytes())
    before = read_manifest(place)
    bit %= len(content) * 8
    content[bit // 8] ^= 1 << bit % 8
    (place / FILE).write_bytes(content)
    try:
        found = read_manifest(place)
        if found != before:
            with pytest.raises(Tampered):
                found.check_seal(MASTER)
    except (Malformed, NotFound):
        pass
