"""A PIN that the token refuses is tried once, and never again: not by a retry, not by a restart."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from natsuin.cli.exit_codes import REFUSING, TOKEN_REFUSED
from natsuin.key_management import PINNotTried, PINRefused, VaultInterrupted, VaultUnavailable
from rigs.sam_in_process import make_installation
from rigs.sam_process import SamProcess
from rigs.tokens import FaultyToken, eventually, make_faulty


@pytest.fixture
def installed(shim: Path, tmp_path: Path) -> tuple[FaultyToken, SamProcess]:
    """A token and a stopped installation that uses it."""
    faulty = make_faulty(shim, tmp_path)
    (tmp_path / "n").mkdir(mode=0o700)
    make_installation(tmp_path / "n", vault=faulty.token.vault_section())
    return faulty, SamProcess(tmp_path / "n")


def start(sam: SamProcess) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "natsuin.cli", "sam", "--config", str(sam.folder / "config.toml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_wrong_pin_at_start_is_tried_once_and_never_by_a_restart(installed: tuple[FaultyToken, SamProcess]) -> None:
    faulty, sam = installed
    right, before = faulty.token.pin_file.read_text(), faulty.calls("C_Login")
    faulty.token.pin_file.write_text("not-the-pin\n")
    ended = start(sam)
    assert ended.returncode == TOKEN_REFUSED
    assert TOKEN_REFUSED in REFUSING, "natsuin serve does not start it again"
    assert "refused its PIN" in ended.stderr
    assert "not-the-pin" not in ended.stderr + ended.stdout
    assert faulty.calls("C_Login") == before + 1

    for _ in range(2):
        again = start(sam)
        assert again.returncode == TOKEN_REFUSED
        assert "not tried again" in again.stderr
    assert faulty.calls("C_Login") == before + 1

    faulty.token.pin_file.write_text(right)
    sam.start()
    sam.stop()
    assert faulty.calls("C_Login") == before + 2


def test_a_pin_that_is_changed_while_running_stops_sam(installed: tuple[FaultyToken, SamProcess]) -> None:
    """The worker is lost, the next one may not log in: sam ends, by itself, with the code that means so."""
    faulty, sam = installed
    sam.start()
    before = faulty.calls("C_Login")
    faulty.token.pin_file.write_text("not-the-pin\n")
    assert sam.process is not None
    (worker,) = _children_of(sam.process.pid)
    os.kill(worker, signal.SIGKILL)
    assert sam.wait_for_death(60) == TOKEN_REFUSED
    assert faulty.calls("C_Login") == before + 1
    assert "vault_pin_refused" in sam.words()


def test_a_refused_pin_in_a_running_vault_is_told_once(faulty: FaultyToken) -> None:
    vault = faulty.vault()
    before = faulty.calls("C_Login")
    faulty.order("C_Login return 0xa4")
    faulty.token.pin_file.write_text("another\n")
    os.kill(vault.worker_pid, signal.SIGKILL)
    with pytest.raises((VaultUnavailable, VaultInterrupted)):
        vault.count_objects()
    eventually(lambda: len(faulty.stopped) == 1)
    assert isinstance(faulty.stopped[0], PINRefused)
    faulty.behave()
    with pytest.raises(VaultUnavailable):
        vault.count_objects()
    assert faulty.calls("C_Login") == before + 1
    vault.close()


def test_a_locked_pin_is_not_tried_at_all(faulty: FaultyToken) -> None:
    """The token says that one more wrong PIN would lock it; the flag is set by the failing module."""
    before = faulty.calls("C_Login")
    faulty.order("C_GetTokenInfo flags 0x20000")
    with pytest.raises(PINNotTried, match="one wrong try away"):
        faulty.vault()
    assert faulty.calls("C_Login") == before


def test_the_pin_is_in_no_environment_and_no_command_line(faulty: FaultyToken) -> None:
    vault = faulty.vault()
    try:
        for name in ("environ", "cmdline"):
            shown = Path(f"/proc/{vault.worker_pid}/{name}")
            try:
                assert faulty.token.pin.encode() not in shown.read_bytes()
            except PermissionError:
                continue
    finally:
        vault.close()


def _children_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
        except OSError:
            continue
        if status.rpartition(")")[2].split()[1] == str(parent):
            found.append(int(folder.name))
    return found
