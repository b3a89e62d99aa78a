"""The command itself: what exists, what an error looks like, how quickly help comes."""

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from natsuin import cli
from natsuin.cli import COMMANDS, main
from natsuin.cli.exit_codes import REFUSING, exit_code_of
from natsuin.errors import by_code
from natsuin.sam.permissions import PermissionsLoose
from natsuin.storage import DatabaseCorrupt, DatabaseMissing, SchemaOutdated


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_helps(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, click.Command)
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert command.get_short_help_str(200) in " ".join(result.output.split()).replace("  ", " ")


def test_help_lists_every_command_without_loading_one() -> None:
    script = (
        "import sys; sys.argv=['natsuin','--help']\n"
        "from natsuin.cli import main\n"
        "try: main(prog_name='natsuin')\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'cryptography', 'pydantic', 'rich', 'msgspec', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in COMMANDS)


def test_help_comes_quickly() -> None:
    def seconds(*arguments: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        return time.perf_counter() - started

    # Measured against Python's own start on the same machine, best of several, because others use it too.
    bare = min(seconds("-c", "import click") for _ in range(3))
    ours = min(seconds("-m", "natsuin.cli", "--help") for _ in range(3))
    assert ours < bare * 3 + 0.2


def test_error_is_one_line_and_a_hint(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        f"error: There is no configuration file {tmp_path / 'none.toml'}.",
        "  Make an installation with `natsuin init --dir DIR`.",
    ]


def test_unexpected_error_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def broken() -> None:
        raise ValueError("a secret")

    monkeypatch.setitem(COMMANDS, "broken", ("tests.nowhere:broken", ""))
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: type("Module", (), {"broken": broken}))
    result = CliRunner().invoke(main, ["broken"])
    assert result.exit_code == 70
    assert "Traceback" not in result.output
    assert "a secret" not in result.output
    assert "ValueError" in result.stderr


def test_every_error_has_an_exit_code_and_only_failures_may_be_tried_again() -> None:
    may_be_tried_again = {"unavailable", "busy", "indeterminate", "storage_failed", "error"}
    for code, kind in by_code().items():
        if kind.__module__ != "natsuin.errors":
            continue
        assert (exit_code_of(kind("x")) in REFUSING) is (code not in may_be_tried_again), code
    assert exit_code_of(DatabaseMissing("x")) == 66
    assert exit_code_of(DatabaseCorrupt("x")) == 65
    assert exit_code_of(SchemaOutdated("x")) == 78
    assert exit_code_of(PermissionsLoose("x")) == 77
