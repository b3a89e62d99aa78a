"""The log goes on in a new shard with a new key: nothing of what was, and nothing of what a key did, is lost on the way
(docs/log-rotation.md)."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from conformance.log.go_checker import check_log_with_go
from natsuin.errors import NatsuinError
from natsuin.key_management import service_key
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from natsuin.sam.rotation import FAULT_POINTS
from natsuin.signing_log import (
    PublicLog,
    RotationUnfinished,
    WitnessPolicy,
    next_shard,
    verify_receipt,
    verify_shards,
)
from natsuin.validation.check_statement import judge_statement
from rigs.sam_in_process import SamRig, people
from rigs.token_house import natsuin
from rigs.web_side import digests
from rigs.witness_house import WitnessProcess


class Years:
    """An installation whose log is rotated, with a signer who goes on signing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rig = SamRig.make(folder)
        self.officer, self.alice = people(self.rig.web, self.rig.token)
        self.open = True
        self.vkeys = [self.rig.sam.log.vkey]

    @property
    def log(self) -> Path:
        return self.rig.config.sam.log_folder

    def stop(self) -> None:
        if self.open:
            self.rig.sam.close()
            self.open = False

    def start(self) -> None:
        self.rig.sam = open_sam(self.rig.config, stop=self.rig.stopped.append)
        self.open = True

    def rotate(self, name: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        self.stop()
        return natsuin("log", "rotate", "--config", str(self.folder / "config.toml"), "--name", name, **environment)

    def rotated(self, name: str) -> str:
        """Rotate and start again; what the command said."""
        done = self.rotate(name)
        assert done.returncode == 0, done.stderr
        self.start()
        self.vkeys.append(self.rig.sam.log.vkey)
        return done.stdout

    def sign(self, count: int = 1) -> Any:
        wanted = digests(count)
        web = self.rig.web
        return web.sign(web.activate(self.alice, web.instruct(self.alice, wanted)).sad, wanted)

    def statement(self) -> bytes:
        answer = self.rig.ask(p.StateKey(user_id=self.alice.user_id, key_id=self.alice.key.key_id))
        assert isinstance(answer, p.KeyStatement)
        return answer.statement

    def verify(self, vkey: str, *more: str) -> "subprocess.CompletedProcess[str]":
        self.rig.sam.log.publish()
        return natsuin("log", "verify", str(self.log), "--vkey", vkey, "--json", *more)


@pytest.fixture
def years(tmp_path: Path) -> Iterator[Years]:
    made = Years(tmp_path)
    yield made
    made.stop()


def keys_of_the_log(years: Years) -> set[str]:
    with years.rig.sam.database.read() as connection:
        purposes = set(connection.execute(sa.select(service_key.c.purpose)).scalars())
    return {purpose for purpose in purposes if purpose.startswith("log")}


def test_every_shard_hands_over_to_the_next(years: Years) -> None:
    first = years.sign()
    assert keys_of_the_log(years) == {"log", "log-2"}
    said = years.rotated("2027")
    second = years.sign(2)
    years.rotated("2028")
    third = years.sign()
    assert keys_of_the_log(years) == {"log-3", "log-4"}
    assert len(set(years.vkeys)) == 3
    assert years.vkeys[1] in said
    assert (years.folder / "log.vkey").read_text().strip() == years.vkeys[2]
    # Whoever has the key of any shard verifies all of them.
    for vkey in years.vkeys:
        verified = years.verify(vkey)
        assert verified.returncode == 0, verified.stderr
        told = json.loads(verified.stdout)
        assert [len(told["earlier"]), told["origin"]] == [2, "localhost/signing-log/2028"]
    for signed, vkey in zip((first, second, third), years.vkeys, strict=True):
        entry = verify_receipt(signed.receipt, vkey)
        assert json.loads(entry.leaf)["result"] == "signed"
    assert not years.rig.stopped


def test_a_statement_goes_through_all_shards(years: Years) -> None:
    years.sign(2)
    years.rotated("2027")
    years.sign()
    years.rotated("2028")
    years.rotated("2029")
    years.sign(3)
    statement = years.statement()
    years.rig.sam.log.publish()
    heard: list[tuple[int, int]] = []
    for vkey in years.vkeys:
        heard.clear()
        report = judge_statement(statement, vkey, log=years.log, progress=lambda *told: heard.append(told))
        assert len(heard) == 4, "each shard is less than a bundle, and heard of at its beginning"
        assert all(done == 0 < total for done, total in heard)
        assert [line.status for line in report.lines] == ["good"] * 7, report.as_text("en")
        assert [use.split()[-1] for use in report.uses] == ["2/2", "1/1", "3/3"]
    made = years.folder / "statement.json"
    of_alice = ("--key", years.alice.key.key_id, "--out", str(made))
    from_files = natsuin("log", "statement", str(years.log), "--vkey", years.vkeys[0], *of_alice)
    assert from_files.returncode == 0, from_files.stderr
    assert json.loads(made.read_bytes())["entries"] == json.loads(statement)["entries"]


def test_a_statement_that_leaves_out_a_year_is_found(years: Years) -> None:
    years.sign()
    years.rotated("2027")
    years.sign()
    years.rotated("2028")
    told: dict[str, Any] = json.loads(years.statement())
    vkeys = years.vkeys
    for earlier in ([], told["earlier"][:1], told["earlier"][1:], told["earlier"][::-1]):
        content = json.dumps({**told, "earlier": earlier}).encode()
        assert all(judge_statement(content, vkey).overall != "valid" for vkey in vkeys)
    for number, shard in enumerate(told["earlier"]):
        for hidden in range(len(shard["entries"])):
            changed = json.loads(json.dumps(told))
            del changed["earlier"][number]["entries"][hidden]
            assert judge_statement(json.dumps(changed).encode(), vkeys[-1]).overall != "valid"
    for field in ("last", "next", "checkpoint", "vkey"):
        changed = json.loads(json.dumps(told))
        changed["earlier"][0][field] = changed["earlier"][1][field]
        assert judge_statement(json.dumps(changed).encode(), vkeys[-1]).overall != "valid", field


def test_what_the_owner_sees_goes_on(years: Years) -> None:
    years.sign()
    years.rotated("2027")
    years.sign()
    answer = years.rig.ask(p.ListEvents(user_id=years.alice.user_id, before=0, limit=50))
    assert [event.kind for event in answer.events].count("outcome") == 2
    assert [event.index for event in answer.events] == sorted((e.index for e in answer.events), reverse=True)
    (created,) = [event for event in answer.events if event.kind == "key-created"]
    assert created.index < years.rig.sam.log.start


def test_evidence_of_each_year_names_the_key_of_its_shard(years: Years) -> None:
    web = years.rig.web
    instructions = []
    for name in ("2027", ""):
        wanted = digests(1)
        instruction = web.instruct(years.alice, wanted)
        web.sign(web.activate(years.alice, instruction).sad, wanted)
        instructions.append(instruction.instruction_id)
        if name:
            years.rotated(name)
            web = years.rig.web
    for number, instruction_id in enumerate(instructions):
        bundle = years.rig.ask(p.Evidence(user_id=years.alice.user_id, instruction_id=instruction_id))
        told = json.loads(bundle.document)
        assert told["log_vkey"] == years.vkeys[number]
        receipts = [told["uses"][0]["intent"], told["uses"][0]["outcome"], told["approved_entry"]["receipt"]]
        kinds = [json.loads(verify_receipt(receipt, told["log_vkey"]).leaf)["type"] for receipt in receipts]
        assert kinds == ["intent", "outcome", "approved"]


def test_an_approval_does_not_outlive_the_shard(years: Years) -> None:
    """Its entry would stand in another shard than its uses."""
    wanted = digests(1)
    web = years.rig.web
    sad = web.activate(years.alice, web.instruct(years.alice, wanted)).sad
    years.rotated("2027")
    with pytest.raises(NatsuinError):
        years.rig.web.sign(sad, wanted)


@pytest.mark.parametrize("point", FAULT_POINTS)
def test_a_killed_rotation_goes_on(years: Years, point: str) -> None:
    years.sign()
    killed = years.rotate("2027", NATSUIN_FAULT_AT=point)
    assert killed.returncode == -9
    if point != "shard.after_genesis":
        with pytest.raises(RotationUnfinished):
            open_sam(years.rig.config, stop=years.rig.stopped.append)
        other = years.rotate("2028")
        assert other.returncode != 0
        assert "2027" in other.stderr
        done = years.rotate("2027")
        assert done.returncode == 0, done.stderr
    years.start()
    years.vkeys.append(years.rig.sam.log.vkey)
    assert keys_of_the_log(years) == {"log-2", "log-3"}
    years.sign()
    assert len(json.loads(years.verify(years.vkeys[0]).stdout)["earlier"]) == 1
    assert judge_statement(years.statement(), years.vkeys[1], log=years.log).overall == "valid"


def test_a_rotation_asks_for_a_name_that_is_free(years: Years) -> None:
    running = natsuin("log", "rotate", "--config", str(years.folder / "config.toml"), "--name", "2027")
    assert running.returncode != 0
    assert "sam is running" in running.stderr
    years.rotated("2027")
    for name in ("2027", "../2028", "", "Über", "a" * 33, "-"):
        refused = years.rotate(name)
        assert refused.returncode != 0, name
        assert "Traceback" not in refused.stderr
        years.start()
        assert years.rig.sam.log.number == 2


def test_the_next_key_is_announced_before(years: Years) -> None:
    years.stop()
    config = str(years.folder / "config.toml")
    told = natsuin("log", "rotate", "--config", config, "--name", "2027", "--announce")
    assert told.returncode == 0, told.stderr
    years.start()
    years.rotated("2027")
    assert years.vkeys[1] in told.stdout


def test_the_end_of_a_closed_shard_is_cosigned(years: Years, tmp_path_factory: pytest.TempPathFactory) -> None:
    house = tmp_path_factory.mktemp("witness")
    witness = WitnessProcess.make(house / "w", "w.example").witnesses(years.vkeys[0]).start()
    try:
        ask(years, witness)
        years.sign()
        said = years.rotated("2027")
        assert "cosigned by w.example" in said
        checkpoint = (years.log / "checkpoint").read_text()
        assert [each.witness.name for each in WitnessPolicy.of([witness.vkey]).require(checkpoint)] == ["w.example"]
        assert check_log_with_go(years.log, years.vkeys[0]).shards == 2
        # Who reads the closed shard alone sees its last entry cosigned.
        assert next_shard(PublicLog(years.log, years.vkeys[0]).receipt(int(checkpoint.split("\n")[1]) - 1).leaf)
        witness.stop()
        assert "cosigned by nobody" in years.rotated("2028")
    finally:
        witness.kill()


def test_an_interrupted_rotation_is_cosigned_when_it_goes_on(
    years: Years, tmp_path_factory: pytest.TempPathFactory
) -> None:
    witness = WitnessProcess.make(tmp_path_factory.mktemp("w") / "w", "w.example").witnesses(years.vkeys[0])
    witness.start()
    witness.stop()
    ask(years, witness)
    assert years.rotate("2027", NATSUIN_FAULT_AT="shard.after_close").returncode == -signal.SIGKILL
    witness.start()
    try:
        assert "cosigned by w.example" in years.rotated("2027")
    finally:
        witness.kill()


def ask(years: Years, witness: WitnessProcess) -> None:
    """Write the witness into the settings, for the next start."""
    with (years.folder / "config.toml").open("a") as file:
        file.write(f'\n[log]\nseconds = 1.0\n\n[[log.witnesses]]\nvkey = "{witness.vkey}"\nurl = "{witness.url}"\n')


def test_a_database_from_before_a_rotation_goes_on_after_it(years: Years) -> None:
    """The key of the next shard is made one ahead, so a backup survives one rotation, and not two."""
    years.sign()
    years.stop()
    database = years.folder / "sam" / "db2.sqlite"
    saved = years.folder / "saved.sqlite"
    shutil.copyfile(database, saved)
    years.start()
    years.rotated("2027")
    years.sign()
    years.stop()
    shutil.copyfile(saved, database)
    years.start()
    assert keys_of_the_log(years) == {"log-2", "log-3"}
    years.sign()
    assert judge_statement(years.statement(), years.vkeys[1], log=years.log).overall == "valid"
    years.rotated("2028")
    years.stop()
    shutil.copyfile(saved, database)
    with pytest.raises(NatsuinError, match="log-3"):
        open_sam(years.rig.config, stop=years.rig.stopped.append)
    years.open = False


def test_a_closed_shard_cannot_grow_or_be_exchanged(years: Years) -> None:
    """Its key is destroyed; who kept a copy of it and adds an entry, or puts another shard in its place, is found."""
    years.sign()
    years.rotated("2027")
    years.rotated("2028")
    years.stop()
    mine, other = years.log / "shards" / "2027", years.folder / "other"
    shutil.copytree(mine, other)
    shutil.rmtree(mine)
    shutil.copytree(years.log / "tile", mine / "tile")
    shutil.copyfile(years.log / "checkpoint", mine / "checkpoint")
    with pytest.raises(NatsuinError):
        verify_shards(years.log, years.vkeys[0])
    with pytest.raises(NatsuinError):
        open_sam(years.rig.config, stop=years.rig.stopped.append)
    shutil.rmtree(mine)
    with pytest.raises(NatsuinError):
        verify_shards(years.log, years.vkeys[2])
    shutil.copytree(other, mine)
    assert len(verify_shards(years.log, years.vkeys[2]).shards) == 3
    years.start()


def test_the_newest_shard_taken_away_stops_the_start(years: Years) -> None:
    years.sign()
    years.rotated("2027")
    years.stop()
    shutil.rmtree(years.log / "shards")
    with pytest.raises(NatsuinError):
        open_sam(years.rig.config, stop=years.rig.stopped.append)
    state = years.folder / "sam" / "log-state-2027.sqlite"
    assert state.exists()
    state.unlink()
    with pytest.raises(RotationUnfinished):
        open_sam(years.rig.config, stop=years.rig.stopped.append)
    # The shard's key is still there, and would begin it once more: a second history under its name.
    refused = years.rotate("2027")
    assert refused.returncode != 0
    assert "service key `log` is missing" in refused.stderr


def test_remembering_goes_on_through_a_rotation(years: Years) -> None:
    years.sign()
    remembered = years.folder / "remembered"
    assert years.verify(years.vkeys[0], "--remember", str(remembered)).returncode == 0
    years.rotated("2027")
    years.sign()
    told = json.loads(years.verify(years.vkeys[0], "--remember", str(remembered)).stdout)
    assert told["chains_from"] == 0
    assert (years.folder / "remembered.shard-2027.chains").exists()
    years.sign()
    assert years.verify(years.vkeys[0], "--remember", str(remembered)).returncode == 0
    older = years.folder / "older"
    older.write_text((years.log / "checkpoint").read_text())
    assert years.verify(years.vkeys[1], "--since", str(older)).returncode == 0
