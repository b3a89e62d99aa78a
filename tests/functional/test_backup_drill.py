"""The drill of docs/backup.md: an installation is lost while people sign with it, and comes back from its backup.

Every command here stands in that page, word for word; a command that is not there fails the test.
"""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.story import sample_contract
from natsuin.cli.demo.visitor import Visitor
from natsuin.signing_log import verify_log, verify_receipt
from rigs.invariants import entries_of
from rigs.whole_server import WholeServer, sign_document

PAGE = (Path(__file__).parents[2] / "docs/backup.md").read_text()


class Drill:
    """Runs commands of the page in a running installation."""

    def __init__(self, folder: Path) -> None:
        self.server = WholeServer.make(folder / "n").start()
        self.names = {
            "DIR": folder / "n",
            "BACKUPS": folder / "backups",
            "IDENTITY": folder / "identity.txt",
            "MASTER": folder / "master.key",
            "LOG": folder / "log-copy",
        }
        shutil.copyfile(folder / "n/sam/master.key", folder / "master.key")
        self.vkey = (folder / "n/log.vkey").read_text().strip()
        self.log = folder / "n/log"

    def run(self, line: str, *, code: int = 0) -> str:
        """Run a line of the page; answers with what it said."""
        assert f"    {line}\n" in PAGE, line
        return self.run_freely(line, code=code)

    def run_freely(self, line: str, *, code: int = 0) -> str:
        words = [self._filled(word) for word in shlex.split(line)]
        assert words[0] == "natsuin"
        done = subprocess.run(
            [sys.executable, "-m", "natsuin.cli", *words[1:]], capture_output=True, text=True, timeout=240
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def _filled(self, word: str) -> str:
        first, slash, rest = word.partition("/")
        return f"{self.names[first]}{slash}{rest}" if first in self.names else word

    def lose(self) -> None:
        self.server.stop()
        shutil.rmtree(self.names["DIR"])


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    made = Drill(tmp_path)
    yield made
    made.server.stop()


def make_backup(drill: Drill, signer: Visitor) -> list[str]:
    """A backup while documents are signed; answers with the receipts that were received meanwhile."""
    contract, receipts = sample_contract().read_bytes(), []
    done = threading.Event()

    def keep_signing() -> None:
        while not done.is_set():
            receipts.append(sign_document(signer, contract)[1])

    busy = threading.Thread(target=keep_signing)
    busy.start()
    try:
        said = drill.run("natsuin backup key IDENTITY")
        drill.names["RECIPIENT"] = Path(said.split("recipient: ")[1].split()[0])
        made = drill.run("natsuin backup create --config DIR/config.toml --to BACKUPS --recipient RECIPIENT")
    finally:
        done.set()
        busy.join()
    drill.names["BACKUP"] = Path(made.splitlines()[0])
    return receipts


def test_an_installation_comes_back_with_a_newer_log(drill: Drill) -> None:
    signer = drill.server.enrol(drill.server.enrol_officer())
    contract = sample_contract().read_bytes()
    first = sign_document(signer, contract)[1]
    receipts = [first, *make_backup(drill, signer)]
    assert "never rehearsed" in drill.run("natsuin backup list BACKUPS --config DIR/config.toml")
    drill.run("natsuin backup check BACKUP")
    said = drill.run("natsuin backup check BACKUP --identity IDENTITY --master-key MASTER")
    assert "1 keys and 0 key archives open" in said
    drill.run("natsuin backup rehearse BACKUP --config DIR/config.toml --identity IDENTITY")
    assert "last rehearsed just now" in drill.run("natsuin backup list BACKUPS --config DIR/config.toml")
    assert b"%PDF-1." not in b"".join(path.read_bytes() for path in drill.names["BACKUP"].glob("databases/*"))

    receipts.append(sign_document(signer, contract)[1])
    for _ in range(3):
        refuse_pin(signer, contract)
    drill.server.stop()
    kept = (drill.log / "checkpoint").read_text()
    shutil.copytree(drill.log, drill.names["LOG"])
    drill.lose()

    drill.run("natsuin backup restore BACKUP --dir DIR --identity IDENTITY --master-key MASTER --log LOG")
    drill.server.start()
    after = sign_document(signer_again(drill, signer), contract)[1]
    drill.server.stop()
    for receipt in (*receipts, after):
        assert verify_receipt(receipt, drill.vkey).index < len(entries_of(drill.log))
    verify_log(drill.log, drill.vkey, since=kept)
    entries = entries_of(drill.log)
    for receipt in (*receipts, after):
        leaf = verify_receipt(receipt, drill.vkey)
        assert entries[leaf.index]["type"] == "outcome"
    assert [entry["type"] for entry in entries].count("database-restored") == 1
    assert [entry["type"] for entry in entries].count("undelivered") == 0
    intents = [entry["tx"] for entry in entries if entry["type"] == "intent"]
    assert sorted(intents) == sorted(entry["tx"] for entry in entries if entry["type"] == "outcome")


def test_without_a_newer_log_somebody_must_say_so(drill: Drill, tmp_path: Path) -> None:
    """The honest outcome: refused while anybody is known to have more, and otherwise the operator's own decision."""
    signer = drill.server.enrol(drill.server.enrol_officer())
    make_backup(drill, signer)
    sign_document(signer, sample_contract().read_bytes())
    drill.server.stop()
    kept = tmp_path / "kept"
    shutil.copyfile(drill.log / "checkpoint", kept)
    drill.lose()
    restore = "natsuin backup restore BACKUP --dir DIR --identity IDENTITY --master-key MASTER"
    assert "how far had the log come" in drill.run_freely(restore, code=73)
    assert "Bring a copy" in drill.run_freely(f"{restore} --newest-checkpoint {kept}", code=65)
    assert not drill.names["DIR"].exists()
    assert not list(tmp_path.glob(".n-*"))
    said = drill.run_freely(f"{restore} --nothing-newer")
    handed_out = {name: (drill.names["DIR"] / name).read_text() for name in ("log.vkey", "ca.pem")}
    assert handed_out["log.vkey"].strip() == drill.vkey
    assert "BEGIN CERTIFICATE" in handed_out["ca.pem"]
    assert "contradict" in said
    drill.server.start()
    sign_document(signer_again(drill, signer), sample_contract().read_bytes())
    drill.server.stop()
    verify_log(drill.log, drill.vkey)
    assert drill.run_freely(f"natsuin log verify DIR/log --vkey {drill.vkey} --since {kept}", code=1)


def refuse_pin(signer: Visitor, contract: bytes) -> None:
    from natsuin.cli.demo.visitor import ServerRefused

    right, signer.pin = signer.pin, "wrong horse 7"
    try:
        with pytest.raises(ServerRefused):
            sign_document(signer, contract)
    finally:
        signer.pin = right


def signer_again(drill: Drill, signer: Visitor) -> Visitor:
    """Sessions are in DB-1 and may be older than the browser's: the signer signs in again."""
    again = drill.server.visitor()
    again.device, again.pin = signer.device, signer.pin
    again.sign_in()
    return again
