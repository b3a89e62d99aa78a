"""sam gets time-stamps over its checkpoints by itself, tells of them in the log, and goes on signing without them."""

import copy
import hashlib
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import base64url
from natsuin.clock import FixedClock, SystemClock
from natsuin.log_settings import AnchorsSection
from natsuin.sam.process import open_sam
from natsuin.sam.protocol import Evidence, Health
from natsuin.sam.time_anchors import TimeAnchors
from natsuin.signing_log import (
    AnchorFolder,
    first_record,
    parse_receipt,
    parse_record,
    renew_hash,
    renew_time_stamp,
    renewal_subject,
    token_from,
)
from natsuin.validation import judge_evidence, read_evidence
from rigs.sam_in_process import SamRig, people
from rigs.time_stamping import OpenSSLAuthority, over_http
from rigs.token_house import natsuin
from rigs.web_side import digests


class House:
    """An installation whose sam asks OpenSSL's authority, which can be made to fail; `asked` counts."""

    def __init__(self, folder: Path, address: str, root: Path, desk: "Desk") -> None:
        self.folder, self.desk = folder, desk
        self.rig = SamRig.make(folder)
        anchors = AnchorsSection(tsa=address, trust=root, folder=folder / "anchors")
        (self.folder / "config.toml").open("a").write(
            f'\n[log.anchors]\ntsa = "{address}"\ntrust = "{root}"\nfolder = "{folder / "anchors"}"\n'
        )
        log = self.rig.config.log.model_copy(update={"anchors": anchors})
        self.rig.config = self.rig.config.model_copy(update={"log": log})
        self.rig.reopen()
        self.officer, self.alice = people(self.rig.web, self.rig.token)

    @property
    def anchors(self) -> TimeAnchors:
        made = self.rig.sam.handlers.anchors
        assert made is not None
        return made

    def warnings(self) -> tuple[str, ...]:
        report = self.rig.ask(Health())
        assert report.ready
        return tuple(report.warnings)

    def sign(self) -> Any:
        web, wanted = self.rig.web, digests(1)
        instruction = web.instruct(self.alice, wanted)
        web.sign(web.activate(self.alice, instruction).sad, wanted)
        return instruction

    def entries(self) -> list[dict[str, Any]]:
        self.rig.sam.log.publish()
        told = [json.loads(leaf) for _, leaf in self.rig.sam.log.entries()]
        return [entry for entry in told if entry["type"] == "time-anchor"]


class Desk:
    """Between sam and the authority."""

    def __init__(self, authority: OpenSSLAuthority) -> None:
        self.authority, self.asked, self.spoil = authority, 0, False
        self.fails = 0
        self.done = threading.Event()

    def answer(self, request: bytes) -> bytes:
        self.asked += 1
        good = self.authority.answer(request)
        if self.spoil or self.asked <= self.fails:
            return good[:-1] + bytes([good[-1] ^ 1])
        self.done.set()
        return good


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpenSSLAuthority:
    return OpenSSLAuthority(tmp_path_factory.mktemp("tsa") / "own")


@pytest.fixture
def house(tmp_path: Path, authority: OpenSSLAuthority) -> Iterator[House]:
    desk = Desk(authority)
    with over_http(desk.answer) as address:
        made = House(tmp_path, address, authority.root, desk)
        yield made
        made.rig.close()


def test_the_entry_tells_of_the_anchor_that_is_kept(house: House, authority: OpenSSLAuthority) -> None:
    house.anchors.round()
    (entry,) = house.entries()
    kept = AnchorFolder(house.folder / "anchors/1")
    assert kept.sizes() == [entry["size"]]
    note, record = kept.checkpoint(entry["size"]), kept.record(entry["size"])
    token = parse_record(record).chains[0][0].token
    assert base64url.decode(entry["checkpoint"]) == hashlib.sha256(note).digest()
    assert base64url.decode(entry["token"]) == hashlib.sha256(token).digest()
    assert "Verification: OK" in authority.verify(token, note)


def test_one_anchor_for_each_interval(house: House) -> None:
    house.anchors.round()
    house.rig.reopen()
    house.anchors.round()
    assert (house.desk.asked, len(house.entries())) == (1, 1)
    house.anchors.interval = timedelta(0)
    house.anchors.round()
    assert (house.desk.asked, len(house.entries())) == (2, 2)


def test_without_the_authority_signing_goes_on_and_health_says_so(house: House) -> None:
    house.desk.spoil = True
    house.anchors.round()
    assert (house.entries(), house.warnings()) == ([], ("time-anchor",))
    house.sign()
    house.desk.spoil = False
    house.anchors.round()
    assert (len(house.entries()), house.warnings()) == (1, ())
    assert house.rig.stopped == []


def test_the_thread_tries_again(house: House) -> None:
    done = threading.Event()
    house.desk.fails, house.desk.done = 2, done
    house.anchors.every_seconds = 0.01
    house.anchors.start()
    assert done.wait(60)
    house.anchors.close()
    assert house.desk.asked == 3


def test_a_closed_shard_is_anchored_too(house: House) -> None:
    house.rig.sam.close()
    done = natsuin("log", "rotate", "--config", str(house.folder / "config.toml"), "--name", "2027")
    assert done.returncode == 0, done.stderr
    house.rig.sam = open_sam(house.rig.config, stop=house.rig.stopped.append)
    house.anchors.round()
    assert [entry["shard"] for entry in house.entries()] == [1, 2]
    assert AnchorFolder(house.folder / "anchors/1").sizes() == [house.rig.sam.log.start]


def test_a_damaged_newest_anchor_is_told_and_none_is_made(house: House) -> None:
    house.anchors.round()
    (size,) = AnchorFolder(house.folder / "anchors/1").sizes()
    file = house.folder / f"anchors/1/{size}.ers"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    house.rig.reopen()
    house.anchors.round()
    assert (house.desk.asked, house.warnings()) == (1, ("time-anchor",))


def judged(house: House, told: Any, *, roots: bool = True) -> tuple[str, str, str]:
    """Overall verdict, and status and code of the line about the anchor."""
    own = house.rig.sam.handlers.authority.root.certificate.public_bytes(Encoding.PEM)
    pems = [own, house.desk.authority.root.read_bytes()]
    case = read_evidence(json.dumps(told).encode(), house.rig.sam.log.vkey, pems if roots else pems[:1])
    report = judge_evidence(case)
    (line,) = [line for line in report.lines if line.name == "anchor"]
    return report.overall, line.status, line.code


def with_anchor(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(told)
    made["uses"][0]["anchor"].update(changes)
    return made


def record_over(authority: OpenSSLAuthority, data: bytes) -> str:
    return b64encode(first_record(token_from(authority.answer, data, "sha256"), "sha256").encoded()).decode()


def test_the_evidence_carries_the_anchor_and_anybody_can_check_it(house: House, tmp_path: Path) -> None:
    house.anchors.round()
    first = house.sign()
    house.anchors.interval = timedelta(0)
    house.anchors.round()
    second = house.sign()
    told, other = (
        json.loads(house.rig.ask(Evidence(instruction_id=each.instruction_id, user_id=house.alice.user_id)).document)
        for each in (first, second)
    )
    assert "anchor" not in other["uses"][0], "no anchor is over it yet"
    assert judged(house, other) == ("valid", "absent", "anchor_absent")
    assert judged(house, told) == ("valid", "good", "anchor")
    assert judged(house, told, roots=False)[1:] == ("unknown", "anchor_untrusted")
    authority, good = house.desk.authority, told["uses"][0]["anchor"]
    note = good["receipt"].partition("\n\n")[2].encode()
    record = b64decode(good["record"])
    renewed = renew_time_stamp(
        parse_record(record), token_from(authority.answer, parse_record(record).chains[0][0].token, "sha256")
    )
    subject = renewal_subject(renewed, note, hash_renewal="sha512")
    again = renew_hash(renewed, token_from(authority.answer, subject, "sha512"), "sha512")
    for lasting in (renewed, again):
        assert judged(house, with_anchor(told, record=b64encode(lasting.encoded()).decode()))[1:] == ("good", "anchor")
    wrongly = renew_hash(renewed, token_from(authority.answer, note, "sha512"), "sha512")
    receipt = house.rig.sam.log.receipt(0).tlog_proof()
    flipped = bytearray(record)
    flipped[-1] ^= 1
    refused = {
        "a signature of the token that is wrong": {"record": b64encode(flipped).decode()},
        "a token over something else": {"record": record_over(authority, b"something else")},
        "a renewal over something else": {"record": b64encode(wrongly.encoded()).decode()},
        "an entry that is not the outcome": {"receipt": receipt},
        "another record": {"record": record_over(authority, note + b"\n")},
        "no record": {"record": ""},
        "a receipt that was changed": {"receipt": good["receipt"].replace("index ", "index 1")},
    }
    for what, changes in refused.items():
        assert judged(house, with_anchor(told, **changes))[:2] == ("not_valid", "bad"), what


def test_an_anchor_from_before_what_it_is_over(house: House) -> None:
    """The authority's clock is behind the log's: sam does not take its time-stamp, and who checks does not either."""
    house.rig.reopen(clock=FixedClock(SystemClock().now() + timedelta(minutes=10)))
    instruction = house.sign()
    house.anchors.round()
    assert (house.entries(), house.warnings()) == ([], ("time-anchor",))
    told = json.loads(
        house.rig.ask(Evidence(instruction_id=instruction.instruction_id, user_id=house.alice.user_id)).document
    )
    note = house.rig.sam.log.checkpoints()[-1]
    with house.rig.sam.log.public(1, note) as log:
        receipt = log.receipt(parse_receipt(told["uses"][0]["outcome"]).index).tlog_proof()
    record = record_over(house.desk.authority, note.encode())
    told["uses"][0]["anchor"] = {"receipt": receipt, "record": record}
    assert judged(house, told) == ("not_valid", "bad", "anchor_early")
