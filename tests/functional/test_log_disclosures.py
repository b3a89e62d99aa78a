"""`natsuin log disclose` and `natsuin log erase` on the host: only the fields that were named leave, the log tells of
it, and what was disclosed is checked against the public log alone."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from natsuin.config import Config
from natsuin.key_management import log_opening
from natsuin.storage import open_database
from rigs.canaries import Canaries
from rigs.key_imports import told_since
from rigs.sam_in_process import SamRig, people
from rigs.web_side import digests

GROUND = "court order 12 of 2026, for Watanabe"


@dataclass
class Host:
    """A stopped installation where one document was signed."""

    folder: Path
    config: Config
    vkey: str
    user_id: str
    txs: dict[str, str]
    """Of the newest entry of each type."""

    def natsuin(self, *words: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "natsuin.cli", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def disclose(self, out: Path, *words: object) -> "subprocess.CompletedProcess[str]":
        place = ["--config", self.folder / "config.toml", "--out", out]
        return self.natsuin("log", "disclose", *place, "--ground", GROUND, *words)

    def find(self, *words: object) -> list[dict[str, Any]]:
        done = self.natsuin("log", "find", self.config.sam.log_folder, "--vkey", self.vkey, "--json", *words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def opening(self, tx: str) -> dict[str, Any]:
        database = open_database(self.config.sam.database, name="sam")
        try:
            with database.read() as connection:
                query = sa.select(log_opening.c.salt, log_opening.c.fields).where(log_opening.c.tx == tx)
                salt, fields = connection.execute(query).one()
                return {"salt": salt, "fields": json.loads(fields)}
        finally:
            database.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host") / "n"
    folder.mkdir()
    rig = SamRig.make(folder)
    _, signer = people(rig.web, rig.token)
    wanted = digests(1)
    rig.web.sign(rig.web.approve(signer, wanted), wanted)
    txs = {entry["type"]: entry["tx"] for entry in told_since(rig, 0)}
    made = Host(folder, rig.config, rig.sam.log.vkey, signer.user_id, txs)
    rig.close()
    return made


def test_only_the_named_fields_leave(host: Host, tmp_path: Path) -> None:
    out = tmp_path / "disclosed.json"
    done = host.disclose(out, "--tx", host.txs["intent"], "--tx", host.txs["approved"], "--field", "user")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"Written: {out}"), done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    told = json.loads(out.read_text())
    assert (told["format"], told["log_vkey"]) == ("natsuin-disclosure/v1", host.vkey)
    for kind, each in zip(("intent", "approved"), told["openings"], strict=True):
        secret = host.opening(host.txs[kind])
        assert {name for name, part in each["fields"].items() if "value" in part} == {"user"}
        assert set(each["fields"]) == set(secret["fields"])
        canaries = Canaries()
        canaries.add("salt", secret["salt"])
        for name in ("instruction", "record_sha256"):
            canaries.add(name, secret["fields"][name])
        assert canaries.found_in(out.read_bytes()) == set()


def test_it_is_read_beside_the_public_log(host: Host, tmp_path: Path) -> None:
    """Two files about one entry make one; what neither discloses is said to be withheld."""
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for out, fields in zip(files, (("user",), ("instruction", "first")), strict=True):
        words = [word for name in fields for word in ("--field", name)]
        assert host.disclose(out, "--tx", host.txs["intent"], *words).returncode == 0
    (alone,) = host.find("--tx", host.txs["intent"], "--type", "intent", "--openings", files[0])
    assert alone["opened"] == {"user": host.user_id}
    assert alone["withheld"] == ["client", "count", "first", "instruction", "record_sha256"]
    both = ["--openings", files[0], "--openings", files[1]]
    (together,) = host.find("--tx", host.txs["intent"], "--type", "intent", *both)
    assert set(together["opened"]) == {"user", "instruction", "first"}
    assert together["withheld"] == ["client", "count", "record_sha256"]
    (found,) = host.find("--instruction", together["opened"]["instruction"], *both)
    assert found["entry"]["type"] == "intent"
    forged = json.loads(files[0].read_text())
    forged["openings"][0]["fields"]["user"]["value"] = '"somebody else"'
    files[0].write_text(json.dumps(forged))
    (unopened,) = host.find("--tx", host.txs["intent"], "--type", "intent", "--openings", files[0])
    assert "opened" not in unopened


def test_the_log_tells_of_a_disclosure_but_not_why(host: Host, tmp_path: Path) -> None:
    assert host.disclose(tmp_path / "out", "--tx", host.txs["approved"], "--field", "user").returncode == 0
    newest = host.find("--type", "log-disclosed")[-1]["entry"]
    assert newest["count"] == 1
    assert set(newest) == {"v", "type", "time", "tx", "commitment", "count"}
    fields = host.opening(newest["tx"])["fields"]
    assert fields == {"ground": GROUND, "entries": [host.txs["approved"]], "fields": ["user"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tx", "0" * 32, "--field", "user"], "no opening"),
        (["--tx", "INTENT", "--field", "pin"], "no.* field pin"),
        (["--tx", "INTENT", "--field", "user", "--ground", "a\u202eb"], "ground"),
    ],
)
def test_what_cannot_be_disclosed(host: Host, tmp_path: Path, words: list[str], said: str) -> None:
    """Nothing is written then, and the log tells of no disclosure."""
    before = len(host.find("--type", "log-disclosed"))
    out = tmp_path / "out"
    done = host.disclose(out, *[word.replace("INTENT", host.txs["intent"]) for word in words])
    assert done.returncode not in (0, 70)
    assert said.split(".*")[-1] in done.stderr
    assert not out.exists()
    assert len(host.find("--type", "log-disclosed")) == before


def test_no_file_is_overwritten_and_nothing_is_logged_for_it(host: Host, tmp_path: Path) -> None:
    before = len(host.find("--type", "log-disclosed"))
    out = tmp_path / "out"
    out.write_text("kept")
    assert host.disclose(out, "--tx", host.txs["intent"], "--field", "user").returncode == 2
    assert out.read_text() == "kept"
    assert len(host.find("--type", "log-disclosed")) == before


def test_erasing_is_refused_with_the_day_and_done_when_it_is_due(host: Host) -> None:
    words = ["log", "erase", "--config", host.folder / "config.toml", "--user", host.user_id]
    done = host.natsuin(*words)
    assert done.returncode == 1
    assert "kept until 20" in done.stderr
    (refused,) = host.find("--type", "erasure-refused")
    assert refused["entry"]["ground"] == "retention"
    assert host.user_id not in json.dumps(refused)
    assert host.opening(host.txs["intent"])["fields"]["user"] == host.user_id
    stranger = host.natsuin(*words[:-1], "nobody")
    assert stranger.returncode == 0
    assert "error" not in stranger.stderr
    # What sam says while the command has it open stands beside the answer, not in it.
    assert "event" not in stranger.stdout
    assert [json.loads(line)["event"] for line in stranger.stderr.splitlines()] == ["opened"]


def test_a_type_that_there_is_not_is_told(host: Host) -> None:
    done = host.natsuin("log", "find", host.config.sam.log_folder, "--vkey", host.vkey, "--type", "nonsense")
    assert (done.returncode, done.stdout) == (0, "")
    assert "knows no entries of type 'nonsense'" in done.stderr
    assert "key-created" in done.stderr
