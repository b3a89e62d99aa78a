"""sam gets time-stamps over its checkpoints by itself, tells of them in the log, and goes on signing without them."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from natsuin import base64url
from natsuin.log_settings import AnchorsSection
from natsuin.sam.process import open_sam
from natsuin.sam.protocol import Evidence, Health
from natsuin.sam.time_anchors import TimeAnchors
from natsuin.signing_log import AnchorFolder, parse_record
from natsuin.validation import judge_evidence, read_evidence, verify_record
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

    def answer(self, request: bytes) -> bytes:
        self.asked += 1
        good = self.authority.answer(request)
        return good[:-1] + bytes([good[-1] ^ 1]) if self.spoil else good


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
    import threading

    failed, done = threading.Event(), threading.Event()
    house.desk.spoil = True
    answer = house.desk.answer

    def watch(covered: bytes) -> None:
        if house.desk.spoil and failed.is_set():
            house.desk.spoil = False
        failed.set()

    stamp = house.anchors.authority.stamp

    def stamped(covered: bytes) -> bytes:
        watch(covered)
        try:
            return stamp(covered)
        finally:
            if not house.desk.spoil:
                done.set()

    assert answer is not None
    object.__setattr__(house.anchors.authority, "stamp", stamped)
    house.anchors.every_seconds = 0.01
    house.anchors.start()
    assert done.wait(30)
    house.anchors.close()
    assert house.desk.asked == 2


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
