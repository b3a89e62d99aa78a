"""The configuration file: what is derived, and what is refused by name."""

import stat
from pathlib import Path

import pytest

from natsuin.config import Config, ConfigurationRefused, load, write_config
from natsuin.documents import LIMIT_BYTES
from natsuin.errors import Conflict

MINIMAL = """
[service]
origin = "https://sign.example.jp"
[web]
database = "sqlite:///web/db1.sqlite"
[sam]
address = "unix:run/sam.sock"
database = "sqlite:///sam/db2.sqlite"
master_key = "file:sam/master.key"
log_folder = "log"
log_origin = "sign.example.jp/log"
log_state = "sam/log-state.sqlite"
[ca]
policy_oid = "1.2.392.200000.1"
"""


def loaded(folder: Path, text: str) -> Config:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    config = loaded(tmp_path, MINIMAL)
    assert config.web.database == f"sqlite:///{tmp_path}/web/db1.sqlite"
    assert config.sam.database == f"sqlite:///{tmp_path}/sam/db2.sqlite"
    assert config.sam.address == f"unix:{tmp_path}/run/sam.sock"
    assert config.sam.master_key_file == tmp_path / "sam/master.key"
    assert config.sam.log_folder == tmp_path / "log"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL.replace("sqlite:///web/db1.sqlite", "sqlite:////var/lib/x.sqlite"))
    assert config.web.database == "sqlite:////var/lib/x.sqlite"


def test_what_is_derived(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL)
    assert config.service.rp_id == "sign.example.jp"
    assert config.practice_statement_url == "https://sign.example.jp/help/limits"
    assert config.web.max_document_bytes == LIMIT_BYTES
    assert (config.web.session_idle_seconds, config.web.session_life_seconds) == (15 * 60, 12 * 3600)


def test_configuration_is_frozen(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.web.port = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        config.web = config.web  # type: ignore[misc]


def test_written_configuration_loads(tmp_path: Path) -> None:
    file = write_config(tmp_path, origin="http://localhost:8720", name='A "quoted" 署名', demo=True)
    config = load(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (config.service.name, config.service.demo) == ('A "quoted" 署名', True)
    assert (config.web.port, config.service.rp_id) == (8720, "localhost")
    assert config.ca.policy_oid.startswith("2.25.")
    with pytest.raises(Conflict):
        write_config(tmp_path, origin="http://localhost:8720")


def test_bad_origin_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused):
        write_config(tmp_path, origin="http://192.0.2.1")
    assert list(tmp_path.iterdir()) == []


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATSUIN_WEB__PORT", "9001")
    monkeypatch.setenv("NATSUIN_FAULT_AT", "")
    assert loaded(tmp_path, MINIMAL).web.port == 9001


@pytest.mark.parametrize(
    ("variable", "value"), [("NATSUIN_WEB__PORT", "many"), ("NATSUIN_WEB__PROT", "1"), ("NATSUIN_WEB", "{")]
)
def test_bad_environment_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationRefused, match="environment variable NATSUIN_"):
        loaded(tmp_path, MINIMAL)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('origin = "https://sign.example.jp"', "", "service.origin"),
        ('"https://sign.example.jp"', '"http://sign.example.jp"', "service.origin"),
        ('"https://sign.example.jp"', '"https://sign.example.jp/"', "service.origin"),
        ('"https://sign.example.jp"', '"https://SIGN.example.jp"', "service.origin"),
        ('"https://sign.example.jp"', '"https://10.0.0.1"', "service.origin"),
        ('"https://sign.example.jp"', '"https://user@sign.example.jp"', "service.origin"),
        ("[web]", 'rp_id = "other.example"\n[web]', "service"),
        ("[web]", 'rp_id = "jp"\n[web]', "service"),
        ("[web]", 'nmae = "x"\n[web]', "service.nmae"),
        ("[web]", 'name = ""\n[web]', "service.name"),
        ("[web]", 'name = "a\\nb"\n[web]', "service.name"),
        ("[web]", 'languages = ["ja"]\n[web]', "service.languages"),
        ("[web]", f"[web]\nmax_document_bytes = {LIMIT_BYTES + 1}", "web.max_document_bytes"),
        ("[web]", '[web]\nport = "many"', "web.port"),
        ("[web]", "[web]\nport = 0", "web.port"),
        ("[web]", "[web]\nport = 8710.5", "web.port"),
        ("sqlite:///web/db1.sqlite", "mysql://x", "web.database"),
        ("sqlite:///web/db1.sqlite", "sqlite:///:memory:", "web.database"),
        ("unix:run/sam.sock", "run/sam.sock", "sam.address"),
        ("unix:run/sam.sock", "unix:" + "x" * 120, "sam.address"),
        ("unix:run/sam.sock", "tls:host", "sam.address"),
        ("unix:run/sam.sock", "tls:host:8711", "sam"),
        ("file:sam/master.key", "sam/master.key", "sam.master_key"),
        ("file:sam/master.key", "credential:../x", "sam.master_key"),
        ("sign.example.jp/log", "a log", "sam.log_origin"),
        ("1.2.392.200000.1", "1.02", "ca.policy_oid"),
        ("[ca]", "[extra]\n[ca]", "extra"),
        ("[ca]", "[sam.server_tls]\n[ca]", "sam.server_tls.certificate"),
        ("[ca]", "[cb]", "ca"),
    ],
)
def test_refused_by_the_name_of_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in MINIMAL
    with pytest.raises(ConfigurationRefused) as caught:
        loaded(tmp_path, MINIMAL.replace(old, new, 1))
    assert f"config.toml: {key}:" in caught.value.message


@pytest.mark.parametrize("content", [b"", b"[service", b"\xff\xfe", b"service = 1", MINIMAL.encode()[:200]])
def test_broken_or_half_written_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationRefused, match=r"config\.toml"):
        load(file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused) as caught:
        load(tmp_path / "config.toml")
    assert "natsuin init" in caught.value.hint
    with pytest.raises(ConfigurationRefused):
        load(tmp_path)


def test_credential_without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = loaded(tmp_path, MINIMAL.replace("file:sam/master.key", "credential:natsuin-master"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigurationRefused, match="natsuin-master"):
        _ = config.sam.master_key_file
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/natsuin")
    assert config.sam.master_key_file == Path("/run/credentials/natsuin/natsuin-master")
