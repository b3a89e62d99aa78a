"""Loose permissions: each file and folder made too open is refused by name, with the command that mends it."""

import os
from pathlib import Path

import pytest

from natsuin.config import Config, load, write_config
from natsuin.sam.permissions import PermissionsLoose, check_permissions

FILES = ("sam/master.key", "sam/db2.sqlite", "sam/db2.sqlite-wal", "sam/log-state.sqlite")


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    folder = tmp_path / "natsuin"
    folder.mkdir(mode=0o700)
    write_config(folder, origin="http://localhost:8710")
    for name in ("sam", "run", "web", "log", "log/tile"):
        (folder / name).mkdir(mode=0o700)
    for name in FILES:
        (folder / name).touch(mode=0o600)
    (folder / "log").chmod(0o755)
    (folder / "log" / "checkpoint").touch(mode=0o644)
    return folder


def config(installation: Path) -> Config:
    return load(installation / "config.toml")


def refused(installation: Path) -> PermissionsLoose:
    with pytest.raises(PermissionsLoose) as caught:
        check_permissions(config(installation))
    return caught.value


def test_a_new_installation_is_accepted(installation: Path) -> None:
    check_permissions(config(installation))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_secret_files(installation: Path, name: str, mode: int) -> None:
    (installation / name).chmod(mode)
    error = refused(installation)
    assert str(installation / name) in error.message
    assert error.hint == f"chmod 600 {installation / name}"
    (installation / name).chmod(0o600)
    check_permissions(config(installation))


@pytest.mark.parametrize(("name", "mode"), [("sam", 0o750), ("sam", 0o701), ("run", 0o755), ("run", 0o770)])
def test_folders(installation: Path, name: str, mode: int) -> None:
    (installation / name).chmod(mode)
    error = refused(installation)
    assert error.hint == f"chmod 700 {installation / name}"


@pytest.mark.parametrize("name", ["log", "log/checkpoint", "log/tile", "config.toml"])
def test_what_others_may_read_they_may_not_write(installation: Path, name: str) -> None:
    (installation / name).chmod(0o775)
    error = refused(installation)
    assert error.hint == f"chmod go-w {installation / name}"
    (installation / name).chmod(0o755)
    check_permissions(config(installation))


def test_folder_above_that_others_may_change(installation: Path) -> None:
    installation.parent.chmod(0o777)
    assert str(installation.parent) in refused(installation).message
    installation.parent.chmod(0o1777)
    check_permissions(config(installation))


def test_configuration_with_a_password_is_a_secret(installation: Path) -> None:
    file = installation / "config.toml"
    file.write_text(file.read_text().replace("sqlite:///web/db1.sqlite", "postgresql://web:secret@db/web"))
    file.chmod(0o644)
    error = refused(installation)
    assert error.hint == f"chmod 600 {file}"
    assert "secret" not in error.message + error.hint


def test_socket_folder_may_be_passed_by_other_users_if_they_are_allowed(installation: Path) -> None:
    file = installation / "config.toml"
    file.write_text(file.read_text().replace("threads = 8", "threads = 8\nallowed_uids = [1234]"))
    (installation / "run").chmod(0o711)
    check_permissions(config(installation))
    (installation / "run").chmod(0o733)
    assert str(installation / "run") in refused(installation).message


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give a file to another user.")
@pytest.mark.parametrize("name", ["sam/master.key", "sam", "log", "config.toml", "."])
def test_files_of_another_user(installation: Path, name: str) -> None:
    os.chown(installation / name, 65534, -1)
    error = refused(installation)
    assert "another user" in error.message
    assert error.hint.startswith("chown ")


def test_missing_files_are_left_to_whoever_opens_them(installation: Path) -> None:
    (installation / "sam" / "db2.sqlite").unlink()
    (installation / "log" / "checkpoint").unlink()
    check_permissions(config(installation))
