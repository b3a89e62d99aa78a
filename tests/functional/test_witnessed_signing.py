"""Signing with witnesses: real sam and real witness processes, both modes, and witnesses that are down or hang."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from natsuin.errors import Conflict, NatsuinError, Unavailable
from natsuin.sam import protocol as p
from natsuin.signing_log import Unwitnessed, WitnessPolicy, parse_receipt
from rigs.installation import Installation
from rigs.invariants import check_invariants, entries_of
from rigs.sam_process import SamProcess
from rigs.web_side import Signer, digests
from rigs.witness_house import PlayedWitness, WitnessProcess, plain

WITNESS_REFUSED = 80


@pytest.fixture(scope="module")
def vkey(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The verifier key of the installation's log."""
    sam = installation.stopped.copy(tmp_path_factory.mktemp("v") / "n").start()
    try:
        return sam.web.info.log_vkey
    finally:
        sam.stop()


@pytest.fixture
def house(tmp_path: Path, vkey: str) -> Iterator[Callable[[str], WitnessProcess]]:
    """`house(name)` is a running witness of that log."""
    made: list[WitnessProcess] = []

    def start(name: str) -> WitnessProcess:
        made.append(WitnessProcess.make(tmp_path / name, f"{name}.example").witnesses(vkey).start())
        return made[-1]

    yield start
    for witness in made:
        witness.kill()


@pytest.fixture
def copies(installation: Installation, tmp_path: Path) -> Iterator[Callable[..., SamProcess]]:
    """`copies(witnesses, mode=..., quorum=...)` is a copy of the installation that asks these, not started."""
    made: list[SamProcess] = []

    def copy(witnesses: list[tuple[str, str]], *, mode: str = "closed", quorum: int = 1) -> SamProcess:
        made.append(installation.stopped.copy(tmp_path / f"n{len(made)}"))
        configure(made[-1], witnesses, mode=mode, quorum=quorum)
        return made[-1]

    yield copy
    for sam in made:
        sam.kill()


def configure(sam: SamProcess, witnesses: list[tuple[str, str]], *, mode: str, quorum: int) -> None:
    section = f'\n[log]\nmode = "{mode}"\nquorum = {quorum}\nseconds = 1.0\n'
    section += "".join(f'\n[[log.witnesses]]\nvkey = "{key}"\nurl = "{url}"\n' for key, url in witnesses)
    with (sam.folder / "config.toml").open("a") as file:
        file.write(section)


def sign_when_they_are_back(sam: SamProcess, sad: bytes, wanted: tuple[bytes, ...]) -> p.Signed:
    deadline = time.monotonic() + 60
    while True:
        try:
            return sam.web.sign(sad, wanted)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def quiet(sam: SamProcess, witness: WitnessProcess) -> None:
    """Wait until the witness has cosigned everything that was written."""
    policy = WitnessPolicy.of([witness.vkey])
    deadline = time.monotonic() + 60
    while True:
        note = (sam.config.sam.log_folder / "checkpoint").read_text()
        try:
            policy.require(note)
            if int(note.split("\n")[1]) == sam.ask(p.Health()).log_size:
                return
        except Unwitnessed:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kinds(sam: SamProcess, *wanted: str) -> list[str]:
    return [entry["type"] for entry in entries_of(sam.config.sam.log_folder) if entry["type"] in wanted]


class TestClosed:
    @pytest.fixture
    def alice(self, installation: Installation) -> Signer:
        return installation.alice

    def test_a_receipt_carries_a_quorum(self, house, copies, alice, vkey):
        witnesses = [house(name) for name in ("a", "b", "c")]
        sam = copies([(each.vkey, each.url) for each in witnesses], quorum=2).start()
        wanted = digests(1)
        signed = sam.web.sign(sam.web.approve(alice, wanted), wanted)
        policy = WitnessPolicy.of([each.vkey for each in witnesses], 2)
        assert len(policy.require(parse_receipt(signed.receipt).checkpoint)) >= 2
        check_invariants(sam.config.sam.log_folder, vkey, [signed])
        assert policy.require((sam.config.sam.log_folder / "checkpoint").read_text())
        witnesses[0].kill()
        wanted = digests(1)
        signed = sam.web.sign(sam.web.approve(alice, wanted), wanted)
        assert len(policy.require(parse_receipt(signed.receipt).checkpoint)) == 2

    def test_without_them_nothing_is_signed_and_the_same_request_goes_on_later(self, house, copies, alice, vkey):
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)]).start()
        wanted = digests(2)
        sad = sam.web.approve(alice, wanted)
        quiet(sam, witness)
        witness.kill()
        with pytest.raises(Unavailable) as refused:
            sam.web.sign(sad, wanted)
        assert refused.value.told == "log_not_witnessed"
        assert "witness" in refused.value.message
        # The witness was missed by the intent: it stands, the key was not used, and nobody else's approval is spent.
        assert kinds(sam, "intent", "outcome") == ["intent"]
        second = sam.web.approve(alice, wanted)
        with pytest.raises(Unavailable):
            sam.web.sign(second, wanted)
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        assert kinds(sam, "intent", "outcome") == ["intent"]
        witness.start()
        signed = sign_when_they_are_back(sam, sad, wanted)
        assert sam.web.sign(sad, wanted) == signed
        other = sam.web.sign(second, wanted)
        check_invariants(sam.config.sam.log_folder, vkey, [signed, other])
        for each in (signed, other):
            assert WitnessPolicy.of([witness.vkey]).require(parse_receipt(each.receipt).checkpoint)

    def test_what_was_signed_and_not_witnessed_is_not_released_before_it_is(self, copies, alice, house):
        """The witness is away between intent and outcome: it cosigns intents only."""
        witness = house("a")
        relay = Relay(witness)
        sam = copies([(witness.vkey, relay.played.url)]).start()
        wanted = digests(1)
        sad = sam.web.approve(alice, wanted)
        quiet(sam, witness)
        relay.last = b'"type":"intent"'
        relay.folder = sam.config.sam.log_folder
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        assert kinds(sam, "intent", "outcome") == ["intent", "outcome"]
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        rows = sam.sql("SELECT state, signatures, receipt FROM use WHERE state = 'reserved'")
        assert [row[1:] for row in rows] == [(b"", "")]
        relay.folder = None
        signed = sign_when_they_are_back(sam, sad, wanted)
        assert kinds(sam, "intent", "outcome") == ["intent", "outcome"]
        assert WitnessPolicy.of([witness.vkey]).require(parse_receipt(signed.receipt).checkpoint)
        relay.played.close()

    def test_a_crash_while_they_are_away_releases_nothing(self, house, copies, alice, vkey):
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)]).start()
        wanted = digests(1)
        sad = sam.web.approve(alice, wanted)
        quiet(sam, witness)
        witness.kill()
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        sam.kill()
        witness.start()
        sam.start()
        with pytest.raises(Conflict):
            sam.web.sign(sad, wanted)
        outcomes = [e for e in entries_of(sam.config.sam.log_folder) if e["type"] == "outcome"]
        assert [entry["result"] for entry in outcomes] == ["unknown"]

    def test_a_key_that_was_revoked_meanwhile_does_not_go_on(self, house, copies, alice, vkey):
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)]).start()
        wanted = digests(1)
        sad = sam.web.approve(alice, wanted)
        quiet(sam, witness)
        witness.kill()
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        # Acts of people are not held up: a key can be stopped while witnesses are away.
        sam.web.act(alice, "suspend")
        witness.start()
        deadline = time.monotonic() + 60
        while True:
            try:
                sam.web.sign(sad, wanted)
                pytest.fail("a suspended key signed")
            except Unavailable:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            except NatsuinError:
                break
        outcomes = [e for e in entries_of(sam.config.sam.log_folder) if e["type"] == "outcome"]
        assert [entry["result"] for entry in outcomes] == ["failed"]

    def test_evidence_waits_for_them_too(self, house, copies, alice):
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)]).start()
        wanted = digests(1)
        instruction = sam.web.instruct(alice, wanted)
        sad = sam.web.activate(alice, instruction).sad
        sam.web.sign(sad, wanted)
        bundle = sam.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=alice.user_id)).document
        assert bundle.decode().count("witness") == 0
        assert bundle.count(b"a.example ") >= 2

    def test_a_hanging_witness_costs_a_deadline_and_no_signature(self, house, copies, alice):
        played = PlayedWitness(lambda _: None)
        witness = house("a")
        sam = copies([(witness.vkey, played.url)]).start()
        wanted = digests(1)
        sad = sam.web.approve(alice, wanted)
        with pytest.raises(Unavailable):
            sam.web.sign(sad, wanted)
        assert kinds(sam, "intent") == []
        played.close()


class Relay:
    """A way to a witness that is cut as soon as the log's newest entry is behind one of a kind."""

    def __init__(self, witness: WitnessProcess) -> None:
        self._witness = witness
        self.folder: Path | None = None
        self.last = b""
        self.played = PlayedWitness(self._pass)

    def _pass(self, body: bytes) -> list[bytes]:
        if self.folder is not None and self._newest() != self.last:
            return [plain(503, b"")]
        status, answer, kind = self._witness.post(body)
        return [plain(status, answer, f"Content-Type: {kind}")]

    def _newest(self) -> bytes:
        assert self.folder is not None
        bundles = sorted((self.folder / "tile/entries/000.p").iterdir(), key=lambda path: int(path.name))
        return self.last if bundles[-1].read_bytes().rpartition(b'"type":"')[2].startswith(b'intent"') else b""


class TestOpen:
    def test_it_goes_on_without_and_says_so(self, house, copies, installation, vkey):
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)], mode="open").start()
        policy = WitnessPolicy.of([witness.vkey])
        wanted = digests(1)
        quiet(sam, witness)
        with_it = sam.web.sign(sam.web.approve(installation.alice, wanted), wanted)
        assert policy.require(parse_receipt(with_it.receipt).checkpoint)
        quiet(sam, witness)
        witness.kill()
        without = sam.web.sign(sam.web.approve(installation.alice, wanted), wanted)
        with pytest.raises(Unwitnessed):
            policy.require(parse_receipt(without.receipt).checkpoint)
        check_invariants(sam.config.sam.log_folder, vkey, [with_it, without])
        assert "log.witnesses_missing" in sam.words()
        witness.start()
        deadline = time.monotonic() + 60
        while True:
            try:
                policy.require((sam.config.sam.log_folder / "checkpoint").read_text())
                break
            except Unwitnessed:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert "log.witnesses_back" in sam.words()
        again = sam.web.sign(sam.web.approve(installation.alice, wanted), wanted)
        assert policy.require(parse_receipt(again.receipt).checkpoint)

    def test_a_hostile_witness_does_no_more_than_one_that_is_away(self, house, copies, installation, vkey):
        plays = iter([plain(200, b"junk\n"), plain(200, b"x" * 10**6), plain(302, b"", "Location: /x"), b"junk"] * 100)
        played = PlayedWitness(lambda _: [next(plays)])
        witness = house("a")
        sam = copies([(witness.vkey, played.url)], mode="open").start()
        wanted = digests(1)
        signed = [sam.web.sign(sam.web.approve(installation.alice, wanted), wanted) for _ in range(3)]
        check_invariants(sam.config.sam.log_folder, vkey, signed)
        assert set(played.paths) == {"/add-checkpoint"}
        played.close()


class TestAlarm:
    """What witnesses are for. Every case ends with the same exit code, and nothing new is published."""

    def grow(self, sam: SamProcess, alice: Signer) -> p.Signed:
        wanted = digests(1)
        return sam.web.sign(sam.web.approve(alice, wanted), wanted)

    @pytest.mark.parametrize("mode", ["open", "closed"])
    def test_yesterdays_folder_and_state_are_found_at_the_start(self, house, copies, installation, mode):
        """F10, F11: log, record of the log and database put back together, which nothing else can notice."""
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)], mode=mode).start()
        self.grow(sam, installation.alice)
        sam.stop()
        yesterday = sam.copy(sam.folder.parent / "yesterday")
        sam.start()
        self.grow(sam, installation.alice)
        sam.stop()
        before = (yesterday.folder / "log" / "checkpoint").read_bytes()
        assert started(yesterday) == WITNESS_REFUSED
        assert "rolled back" in yesterday.words()
        assert (yesterday.folder / "log" / "checkpoint").read_bytes() == before
        sam.start()
        self.grow(sam, installation.alice)

    def test_of_two_copies_that_both_go_on_one_is_stopped(self, house, copies, installation):
        """F09, F10: two sams with one key write two histories; the second that is asked about loses."""
        witness = house("a")
        sam = copies([(witness.vkey, witness.url)], mode="open").start()
        self.grow(sam, installation.alice)
        sam.stop()
        copied = sam.copy(sam.folder.parent / "copied")
        witness.kill()
        both = [sam, copied]
        try:
            for each in both:
                each.start()
                self.grow(each, installation.alice)
            witness.start()
            deadline = time.monotonic() + 60
            while all(each.process is not None and each.process.poll() is None for each in both):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (loser,) = [each for each in both if each.process is not None and each.process.poll() is not None]
            (winner,) = [each for each in both if each is not loser]
            assert loser.wait_for_death() == WITNESS_REFUSED
            assert '"log_witness_refused"' in loser.words()
            self.grow(winner, installation.alice)
            assert started(loser) == WITNESS_REFUSED
        finally:
            copied.kill()

    def test_a_log_built_anew_with_the_stolen_key_is_refused(self, house, copies, installation, tmp_path):
        """A50: who has the whole host makes a clean history of the same length; the witness has seen the other."""
        witness = house("a")
        pristine = installation.stopped.copy(tmp_path / "pristine")
        sam = copies([(witness.vkey, witness.url)], mode="open").start()
        for _ in range(2):
            self.grow(sam, installation.alice)
        sam.stop()
        # The thief's sam has everything, and writes more than the witness knows of, before it is asked.
        configure(pristine, [], mode="open", quorum=1)
        pristine.start()
        for _ in range(6):
            self.grow(pristine, installation.alice)
        pristine.stop()
        shutil.copy(sam.folder / "config.toml", pristine.folder / "config.toml")
        assert started(pristine) == WITNESS_REFUSED
        assert "another history" in pristine.words()


def started(sam: SamProcess) -> int:
    """The exit code of a start that is refused."""
    command = [sys.executable, "-m", "natsuin.cli", "sam", "--config", str(sam.folder / "config.toml")]
    with (sam.folder / "sam.log").open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=60).returncode
