"""A log whose own key is in hostile hands, before the commands that read it: what they print and keep is bounded."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log as command
from natsuin.errors import NatsuinError
from natsuin.signing_log import copy_shards, verify_log
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.merkle import leaf_hash, tree_hash
from natsuin.signing_log.notes import make_verifier_key
from natsuin.signing_log.tiles import TileName, encode_bundle
from natsuin.signing_log.tree import RightEdge

from .conftest import LogPlace, add_raw

LEVELS = 5


def endless(place: LogPlace) -> str:
    """A log of 2^40 + 1 entries that are all alike, so that a tile of each level and one bundle are all of it.

    Gives its verifier key. A server could answer every name with them, for as long as somebody asks.
    """
    folder = place.folder
    size, entry = 256**LEVELS + 1, b'{"n":0}'
    digest = leaf_hash(entry)
    partial = {0: digest}
    files = {TileName(None, 0): encode_bundle([entry] * 256), TileName(None, 256 ** (LEVELS - 1), 1): b"\0\7" + entry}
    files[TileName(0, 256 ** (LEVELS - 1), 1)] = digest
    for level in range(LEVELS):
        files[TileName(level, 0)] = digest * 256
        digest = tree_hash([digest] * 256)
    partial[LEVELS] = files[TileName(LEVELS, 0, 1)] = digest
    for name, content in files.items():
        (folder / str(name)).parent.mkdir(parents=True, exist_ok=True)
        (folder / str(name)).write_bytes(content)
    note = sign_checkpoint(Checkpoint(place.origin, size, RightEdge(size, partial).root), place.key)
    (folder / "checkpoint").write_text(note)
    return str(make_verifier_key(place.origin, place.key.public))


def test_a_log_that_never_ends_is_not_listed_before_it_is_copied(place: LogPlace, tmp_path: Path) -> None:
    """The names of its files alone would fill the memory."""
    vkey, told = endless(place), []
    with pytest.raises(NatsuinError, match="missing"):
        copy_shards(place.folder, tmp_path / "copy", vkey, progress=lambda *now: told.append(now))
    assert told[0] == (1, told[-1][1])
    assert told[-1][1] > 2**32
    with pytest.raises(NatsuinError, match="missing"):
        verify_log(place.folder, vkey)


def test_a_copy_counts_the_files_it_makes(place: LogPlace, tmp_path: Path) -> None:
    vkey, told = place.fill(256 * 257 + 3), []
    copy_shards(place.folder, tmp_path / "copy", vkey, progress=lambda *now: told.append(now))
    made = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert told[-1] == (len(told), len(told)) == (len(made) - 1,) * 2


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_no_entry_plays_with_the_terminal_or_hides_the_next(place: LogPlace, option: tuple[str, ...]) -> None:
    opened = place.open()
    hostile = [
        b'{"type":"a\\u001b]0;x\\u0007","time":1}',
        '{"type":"\x9b2J\u202e\u2066","time":1}'.encode(),
        b'{"type":"\\ud800","\\ud800":"\\udfff"}',
        b'{"type":"' + b"\\u009b" * 9 + b'","time":' + b"9" * 4000 + b"}",
        b'{"time":1e999,"n":NaN}',
        b"[" * 5000,
        b'{"type":"last"}',
    ]
    add_raw(opened, hostile)
    opened.close()
    found = CliRunner().invoke(command, ["find", str(place.folder), "--vkey", opened.vkey, *option])
    assert found.exit_code == 0, found.output
    assert '"last"' in found.stdout or "  last  " in found.stdout
    assert all(letter == "\n" or " " <= letter <= "~" for letter in found.stdout)
    for line in found.stdout.splitlines() if option else ():
        json.loads(line)


def test_the_name_of_a_log_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """The operator chose the name, and the next shard's operator that one's."""
    place = LogPlace(tmp_path, origin="log\x9b2J\u202eko").create()
    opened = place.open()
    add_raw(opened, ['{"type":"\x9b2J\u202e"}'.encode()])
    opened.close()
    for more in (["verify"], ["verify", "--json"], ["prove", "--index", "0", "--json"]):
        made = CliRunner().invoke(command, [more[0], str(place.folder), "--vkey", opened.vkey, *more[1:]])
        assert made.exit_code == 0, made.output
        assert all(letter == "\n" or letter.isprintable() for letter in made.stdout), ascii(made.stdout)
