"""The settings: the example works, and what cannot work is refused by its name."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from natsuin.cli.monitor import monitor
from natsuin.monitor import load_settings
from natsuin.monitor.example import _TEMPLATE
from natsuin.monitor.settings import MonitorSettings
from natsuin.settings import ConfigurationRefused
from rigs.watched_log import WatchedLog

VKEY = "sign.example.jp/log/2026+5a8dbd72+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
LOG = f'state = "s"\n[[log]]\nname = "main"\nlocation = "log"\nvkey = "{VKEY}"\n'


def refused(tmp_path: Path, text: str) -> str:
    (tmp_path / "monitor.toml").write_text(text)
    with pytest.raises(ConfigurationRefused) as caught:
        load_settings(tmp_path / "monitor.toml")
    return caught.value.message


def test_init_writes_settings_that_work(tmp_path: Path, log: WatchedLog) -> None:
    (tmp_path / "log.vkey").write_text(log.vkey + "\n")
    arguments = ["init", "--dir", str(tmp_path / "m"), "--log", str(log.folder), "--vkey", str(tmp_path / "log.vkey")]
    assert CliRunner().invoke(monitor, arguments).exit_code == 0
    file = tmp_path / "m/monitor.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    settings = load_settings(file)
    assert (settings.log[0].location, settings.log[0].vkey) == (str(log.folder.resolve()), log.vkey)
    again = CliRunner().invoke(monitor, arguments)
    assert again.exit_code != 0, "nothing is written over"
    assert CliRunner().invoke(monitor, ["--config", str(file), "--once"]).exit_code == 0


def test_init_leaves_nothing_when_the_key_is_none(tmp_path: Path) -> None:
    arguments = ["init", "--dir", str(tmp_path), "--log", "https://sign.example.jp/log", "--vkey", "a+b+c"]
    assert CliRunner().invoke(monitor, arguments).exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_the_comments_of_the_example_are_settings_too(tmp_path: Path) -> None:
    """Every line that is commented out can be used as it stands, and the limits are the defaults."""
    lines = _TEMPLATE.format(location='"log"', vkey=f'"{VKEY}"').splitlines()
    text = "\n".join(line[2:] if line[:3] == "# [" or (line[:2] == "# " and " = " in line) else line for line in lines)
    for name in ("webhook.secret", "mail.password"):
        (tmp_path / name).write_text("0123456789abcdef\n")
    (tmp_path / "monitor.toml").write_text(text)
    settings = load_settings(tmp_path / "monitor.toml")
    assert (len(settings.watch), len(settings.webhook), len(settings.mail.to)) == (1, 1, 1)
    plain: dict[str, Any] = tomllib.loads("\n".join(lines))
    default = MonitorSettings(state=Path("s"), log=settings.log)
    assert plain["limits"] == default.limits.model_dump()
    assert plain["listen"] == default.listen.model_dump()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[[log]]\nname = "main"\nlocation = "x"\nvkey = "' + VKEY + '"\n', "name or key of its own"),
        ('[[log]]\nname = "a\\nb"\nlocation = "x"\nvkey = "' + VKEY + '"\n', "log.1.name"),
        ('[[log]]\nname = "b"\nlocation = "ftp://x"\nvkey = "' + VKEY + '"\n', "location"),
        ('[[log]]\nname = "b"\nlocation = "x"\nvkey = "none"\n', "no verifier key"),
        ('[[watch]]\nkey = "x"\n', "watch.0.key"),
        ('[[watch]]\nkey = "' + "a" * 32 + '"\nwebhooks = ["ops"]\n', "webhook that is not there"),
        ('[[watch]]\nkey = "' + "a" * 32 + '"\nmail = ["a@example.jp"]\n', "needs host"),
        ('[mail]\nto = ["a@example.jp\\nBcc: b@example.jp"]\n', "mail.to.0"),
        ('[mail]\nhost = "h"\nsender = "a@b"\nuser = "u"\nsecurity = "none"\n', "user and password"),
        ('[[webhook]]\nname = "w"\nurl = "https://h/\\r\\nX: y"\nsecret = "file:s"\n', "webhook.0.url"),
        ('[[webhook]]\nname = "w"\nurl = "file:///etc/passwd"\nsecret = "file:s"\n', "webhook.0.url"),
        ('[[webhook]]\nname = "w"\nurl = "https://h/"\nsecret = "file:absent"\n', "webhook w cannot be read"),
        ('[[webhook]]\nname = "w"\nurl = "https://h/"\nsecret = "file:short"\n', "shorter than 16"),
        ("[limits]\nrefusals = 0\n", "limits.refusals"),
        ("[limits]\ncolour = 1\n", "no such key"),
        ("[listen]\nport = 70000\n", "listen.port"),
        ("= = =", "not TOML"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, more: str, told: str) -> None:
    (tmp_path / "short").write_text("secret")
    assert told in refused(tmp_path, LOG + more)


def test_no_log_and_no_file(tmp_path: Path) -> None:
    assert "log" in refused(tmp_path, 'state = "s"\n')
    with pytest.raises(ConfigurationRefused, match="no file"):
        load_settings(tmp_path / "absent.toml")
