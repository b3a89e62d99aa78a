"""The files of a token: who may read its PIN, who may change its library."""

from pathlib import Path

import pytest

from natsuin.config import Config, ConfigurationRefused, load, write_config
from natsuin.sam.permissions import PermissionsLoose, check_permissions

SECTION = {"kind": "pkcs11", "module": "hsm/module.so", "token": "t", "pin": "file:hsm/pin", "wrapping_key": "a1" * 16}


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    folder = tmp_path / "natsuin"
    folder.mkdir(mode=0o700)
    (folder / "hsm").mkdir(mode=0o700)
    (folder / "hsm/module.so").touch(mode=0o755)
    (folder / "hsm/pin").touch(mode=0o600)
    write_config(folder, origin="http://localhost:8710", vault=SECTION)
    return folder


def config(installation: Path) -> Config:
    return load(installation / "config.toml")


def test_the_section_is_read_back(installation: Path) -> None:
    vault = config(installation).vault
    assert (vault.kind, vault.token, vault.wrapping_key) == ("pkcs11", "t", "a1" * 16)
    assert (vault.module, vault.pin_file) == (installation / "hsm/module.so", installation / "hsm/pin")
    check_permissions(config(installation))


def test_tables_and_texts_survive_being_written(tmp_path: Path) -> None:
    environment = {"SOFTHSM2_CONF": 'a "quoted" \\ path', "OTHER": "鍵"}
    section = SECTION | {"environment": environment, "parameters": "configdir='sql:x'", "allow_weak_token": True}
    vault = load(write_config(tmp_path, origin="http://localhost:8710", vault=section)).vault
    assert vault.environment == environment
    assert (vault.parameters, vault.allow_weak_token) == ("configdir='sql:x'", True)


@pytest.mark.parametrize("name", ["module", "token", "pin", "wrapping_key"])
def test_a_token_needs_all_of_its_names(tmp_path: Path, name: str) -> None:
    section = {key: value for key, value in SECTION.items() if key != name}
    with pytest.raises(ConfigurationRefused, match=f"needs {name}"):
        write_config(tmp_path, origin="http://localhost:8710", vault=section)


@pytest.mark.parametrize(("key", "value"), [("pin", "1234"), ("wrapping_key", "xyz"), ("sessions", 0), ("kind", "tpm")])
def test_what_cannot_work_is_refused_by_name(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ConfigurationRefused, match=f"vault.{key}"):
        write_config(tmp_path, origin="http://localhost:8710", vault=SECTION | {key: value})


@pytest.mark.parametrize(("name", "mode"), [("hsm/pin", 0o640), ("hsm/module.so", 0o775), ("hsm", 0o750)])
def test_others_neither_read_the_pin_nor_change_the_library(installation: Path, name: str, mode: int) -> None:
    (installation / name).chmod(mode)
    with pytest.raises(PermissionsLoose) as refused:
        check_permissions(config(installation))
    assert str(installation / name) in refused.value.message


def test_the_pin_may_be_a_credential(installation: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = installation / "config.toml"
    file.write_text(file.read_text().replace("file:hsm/pin", "credential:hsm-pin"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigurationRefused, match=r"vault\.pin"):
        _ = config(installation).vault.pin_file
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert config(installation).vault.pin_file == tmp_path / "credentials/hsm-pin"
