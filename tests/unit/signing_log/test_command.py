"""`natsuin log verify`: what it says and its exit status."""

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(log, ["verify", *map(str, arguments)])


def test_a_valid_log(place, run, tmp_path):
    vkey = place.fill(300)
    result = run(place.folder, "--vkey", vkey)
    assert (result.exit_code, result.exception) == (0, None)
    assert result.stdout.startswith(f"valid: {place.origin}\n300 entries in 2 bundles, 3 tiles\nroot ")
    (tmp_path / "log.vkey").write_text(vkey + "\n")
    assert run(place.folder, "--vkey", tmp_path / "log.vkey").exit_code == 0


def test_a_log_that_was_changed(place, run):
    vkey = place.fill(300)
    path = place.folder / "tile/entries/000"
    path.write_bytes(path.read_bytes()[:-1] + b"~")
    result = run(place.folder, "--vkey", vkey)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "NOT VALID: entries in the file tile/entries/000" in result.stderr


def test_an_older_checkpoint(place, run, tmp_path):
    vkey = place.fill(300)
    newer = tmp_path / "newer"
    older = tmp_path / "older"
    older.write_bytes((place.folder / "checkpoint").read_bytes())
    place.fill(10, start=300)
    newer.write_bytes((place.folder / "checkpoint").read_bytes())
    assert run(place.folder, "--vkey", vkey, "--since", older).exit_code == 0
    (place.folder / "checkpoint").write_bytes(older.read_bytes())
    result = run(place.folder, "--vkey", vkey, "--since", newer)
    assert result.exit_code == 1
    assert "shorter" in result.stderr
    older.write_text("nonsense")
    assert run(place.folder, "--vkey", vkey, "--since", older).exit_code == 2


def test_what_cannot_be_told(place, run, tmp_path):
    vkey = place.fill(3)
    for arguments in ((tmp_path / "nowhere", "--vkey", vkey), (place.folder, "--vkey", "nonsense"), (place.folder,)):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
