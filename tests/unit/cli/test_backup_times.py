"""`natsuin backup list` tells how old the last backup and the last rehearsal are, and when that is too long."""

from pathlib import Path

import pytest

from natsuin.backup_records import BACKUP, REHEARSAL, LastBackup, Rehearsal, remember
from natsuin.cli.backup.listing import tell_last_times
from natsuin.clock import SystemClock, milliseconds
from natsuin.config import Config, load, write_config

DAY = 86_400_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, origin="http://localhost:8710"))


def remembered(config: Config, *, backup: int, rehearsal: int) -> list[str]:
    # A second more than whole days: a clock that was rounded up must not make the last one short.
    now = milliseconds(SystemClock().now()) - 1000
    remember(config.file, LastBackup(now - backup * DAY, "natsuin-2", 9))
    remember(config.file, Rehearsal(now - rehearsal * DAY, "natsuin-1", now, 4, 2, 7))
    return list(tell_last_times(config))


def test_nothing_was_ever_done(config: Config) -> None:
    made, rehearsed = tell_last_times(config)
    assert "never made a backup" in made
    assert "never rehearsed" in rehearsed


def test_ages_and_the_warning(config: Config) -> None:
    made, rehearsed = remembered(config, backup=3, rehearsal=89)
    assert "3 days ago: natsuin-2" in made
    assert "89 days ago, with natsuin-1: 4 keys, 2 key archives" in rehearsed
    assert "at least every 90 days" in remembered(config, backup=3, rehearsal=90)[2]


def test_how_long_is_too_long_can_be_set(config: Config) -> None:
    assert config.file is not None
    with config.file.open("a") as file:
        file.write("\n[keys]\nrehearsal_days = 10\n")
    shorter = load(config.file)
    assert len(remembered(shorter, backup=0, rehearsal=9)) == 2
    assert "at least every 10 days" in remembered(shorter, backup=0, rehearsal=10)[2]


def test_a_file_that_says_something_else_is_no_rehearsal(config: Config) -> None:
    assert config.file is not None
    for name in (BACKUP, REHEARSAL):
        (config.file.parent / name).write_text('{"at": "yesterday"}')
    assert len(list(tell_last_times(config))) == 2
    assert "never" in " ".join(tell_last_times(config))
