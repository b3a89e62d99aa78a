"""`natsuin init`: what it makes, what it refuses, what it leaves behind when it fails."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from natsuin.cli import main
from natsuin.cli.init import make_installation
from natsuin.config import load
from natsuin.errors import Conflict, Refused
from natsuin.sam import process
from natsuin.sam.permissions import check_permissions
from natsuin.storage import check_schema, open_database


def test_new_installation(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "natsuin"
    result = CliRunner().invoke(main, ["init", "--dir", str(folder), "--origin", "http://localhost:8799", "--demo"])
    assert result.exit_code == 0, result.output
    assert "http://localhost:8799/officer/enrol#" in result.stdout
    assert f"natsuin serve --config {folder}/config.toml" in result.stdout
    config = load(folder / "config.toml")
    check_permissions(config)
    for tree, url in config.databases:
        database = open_database(url)
        check_schema(database, tree)
        database.close()
    handed_out = {folder / "ca.pem", folder / "log.vkey"}
    for path in folder.rglob("*"):
        if path not in handed_out and not path.is_relative_to(folder / "log"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    token = result.stdout.split("#", 1)[1].split()[0]
    assert len(token) >= 40
    assert not any(token.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_folder_that_is_not_empty_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    result = CliRunner().invoke(main, ["init", "--dir", str(tmp_path)])
    assert result.exit_code == 73
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(Conflict):
        make_installation(tmp_path / "mine", origin="http://localhost:8710")


@pytest.mark.parametrize("existed", [False, True])
def test_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool) -> None:
    folder = tmp_path / "natsuin"
    if existed:
        folder.mkdir()

    def fail(*_: object) -> str:
        raise Refused("no")

    monkeypatch.setattr(process, "initialise", fail)
    with pytest.raises(Refused):
        make_installation(folder, origin="http://localhost:8710")
    assert folder.exists() is existed
    assert not existed or list(folder.iterdir()) == []


def test_origin_that_cannot_work_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", "--dir", str(tmp_path / "n"), "--origin", "http://192.0.2.7"])
    assert result.exit_code == 78
    assert "localhost" in result.stderr
    assert not (tmp_path / "n").exists()
