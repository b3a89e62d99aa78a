"""A log and witnesses that are away, slow, wrong or hostile."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import FixedClock
from natsuin.errors import NatsuinError
from natsuin.signing_log import (
    AskedWitness,
    KeyKind,
    LogKey,
    NotWitnessed,
    WitnessAddress,
    WitnessFailed,
    Witnessing,
    WitnessPolicy,
    WitnessRefused,
    cosign,
    make_verifier_key,
    parse_note,
    parse_request,
    verify_receipt,
)
from natsuin.signing_log.witnesses.asking import Shown
from rigs.witness_house import PlayedWitness, plain

NAME = "w.example"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
KEY = LogKey(PRIVATE.public_key().public_bytes_raw(), PRIVATE.sign)
VKEY = make_verifier_key(NAME, KEY.public, kind=KeyKind.COSIGNATURE)
SECONDS = 0.4
SIZE = b"Content-Type: text/x.tlog.size"


def now_of(place) -> int:
    return int(place.clock.now().timestamp())


def cosigned(body: bytes, seconds: int, *, name: str = NAME, key: LogKey = KEY) -> bytes:
    text = parse_note(parse_request(body).checkpoint.encode()).text
    return cosign(text, name, key, seconds=seconds).line.encode()


@pytest.fixture
def played() -> Iterator[list[PlayedWitness]]:
    made: list[PlayedWitness] = []
    yield made
    for each in made:
        each.close()


@pytest.fixture
def asked(place, played):
    """`asked(play)` is a witness of the test's own, and the log's side of it."""

    def make(play) -> tuple[AskedWitness, PlayedWitness]:
        server = PlayedWitness(play)
        played.append(server)
        return AskedWitness(VKEY, WitnessAddress(server.url, seconds=SECONDS), place.clock), server

    return make


@pytest.fixture
def shown(place) -> Shown:
    """A checkpoint of 5 entries."""
    log = place.open()
    receipt = log.add_all([{"n": n} for n in range(5)])[0]
    reader, note = log._reader()
    return Shown(receipt.size, note, reader.consistency_proof)


def drip(answer: bytes) -> Iterator[bytes]:
    for byte in answer:
        yield bytes([byte])
        time.sleep(0.05)


class TestOneWitness:
    def test_a_cosignature_is_taken(self, place, asked, shown):
        witness, server = asked(lambda body: [plain(200, cosigned(body, now_of(place)))])
        assert witness.ask(shown).time == now_of(place)
        assert witness.known == 5
        assert server.paths == ["/add-checkpoint"]

    def test_it_is_found_among_lines_of_its_other_keys(self, place, asked, shown):
        other = cosigned(b"old 0\n\n" + shown.note.encode(), now_of(place), name="w.example/old")
        witness, _ = asked(lambda body: [plain(200, other + cosigned(body, now_of(place)))])
        assert witness.ask(shown).witness == VKEY

    def test_from_another_size_the_proof_is_made_once_more(self, place, asked, shown):
        def play(body: bytes) -> list[bytes]:
            request = parse_request(body)
            if request.old != 3:
                return [plain(409, b"3\n", SIZE.decode())]
            return [plain(200, cosigned(body, now_of(place)))]

        witness, server = asked(play)
        witness.ask(shown)
        first, second = map(parse_request, server.asked)
        assert (first.old, first.proof) == (0, ())
        assert (second.old, second.proof) == (3, shown.prove(3))

    @pytest.mark.parametrize(
        "answer",
        [
            plain(200, b"junk\n"),
            plain(200, b""),
            plain(200, b"x" * 1_000_000),
            plain(301, b"", "Location: http://127.0.0.1:1/"),
            plain(302, b"", "Location: /add-checkpoint"),
            plain(400, b""),
            plain(403, b""),
            plain(404, b""),
            plain(409, b""),
            plain(409, b"junk\n"),
            plain(409, b"99999999999999999999\n"),
            plain(409, b"0\n"),
            plain(500, b""),
            b"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n",
            b"junk",
            b"",
            b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 200,
            b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            plain(200, b"\x1f\x8b", "Content-Encoding: gzip"),
        ],
        ids=range(19),
    )
    def test_junk_is_a_failure_and_nothing_is_followed(self, asked, shown, answer):
        witness, server = asked(lambda _: [answer])
        with pytest.raises(WitnessFailed):
            witness.ask(shown)
        assert set(server.paths) == {"/add-checkpoint"}
        assert witness.known == 0

    def test_lies_about_its_size_end_after_one_more_try(self, asked, shown):
        sizes = iter(b"123")
        witness, server = asked(lambda _: [plain(409, b"%c\n" % next(sizes))])
        with pytest.raises(WitnessFailed, match="contradicts"):
            witness.ask(shown)
        assert len(server.asked) == 2

    @pytest.mark.parametrize("answer", [plain(422, b""), plain(409, b"6\n")])
    def test_a_witness_that_has_seen_more_or_other_is_the_alarm(self, asked, shown, answer):
        witness, _ = asked(lambda _: [answer])
        with pytest.raises(WitnessRefused):
            witness.ask(shown)

    @pytest.mark.parametrize("seconds", [-601, 601, 10**9])
    def test_another_time_is_refused(self, place, asked, shown, seconds):
        witness, _ = asked(lambda body: [plain(200, cosigned(body, now_of(place) + seconds))])
        with pytest.raises(WitnessFailed, match="clock"):
            witness.ask(shown)

    def test_another_key_or_another_checkpoint_is_refused(self, place, asked, shown):
        private = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
        wrong = LogKey(private.public_key().public_bytes_raw(), private.sign)
        witness, _ = asked(lambda body: [plain(200, cosigned(body, now_of(place), key=wrong))])
        with pytest.raises(WitnessFailed, match="another key"):
            witness.ask(shown)
        other = cosign("other\n1\nx\n", NAME, KEY, seconds=now_of(place)).line.encode()
        witness, _ = asked(lambda body: [plain(200, other)])
        with pytest.raises(WitnessFailed, match="verify"):
            witness.ask(shown)

    def test_one_that_drips_or_says_nothing_has_a_deadline(self, place, asked, shown):
        witness, _ = asked(lambda body: drip(plain(200, cosigned(body, now_of(place)))))
        with pytest.raises(WitnessFailed, match="slow"):
            witness.ask(shown)
        witness, _ = asked(lambda _: None)
        with pytest.raises(WitnessFailed, match="slow"):
            witness.ask(shown)

    @pytest.mark.parametrize("url", ["ftp://w.example", "w.example", "http://", "http://u@w.example", "http://h?q"])
    def test_what_is_no_address_is_refused(self, url):
        with pytest.raises(WitnessFailed):
            WitnessAddress(url, seconds=1)

    def test_a_file_of_authorities_must_be_one(self, tmp_path: Path):
        with pytest.raises(WitnessFailed):
            WitnessAddress("https://w.example", seconds=1, authority=tmp_path / "none.pem")

    def test_a_proxy_of_the_environment_is_not_used(self, place, asked, shown, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        witness, _ = asked(lambda body: [plain(200, cosigned(body, now_of(place)))])
        assert witness.ask(shown).witness == VKEY


class TestLog:
    """The log with witnesses, through its own doors."""

    @pytest.fixture
    def opened(self, place, asked):
        def make(play, *, closed: bool = True, quorum: int = 1, **options: object):
            plays = play if isinstance(play, list) else [play]
            witnesses = [asked(each)[0] for each in plays]
            return place.open(witnessing=Witnessing(witnesses, quorum, closed, SECONDS), **options)

        return make

    def honest(self, place):
        return lambda body: [plain(200, cosigned(body, now_of(place)))]

    def test_receipts_and_the_published_checkpoint_carry_cosignatures(self, place, opened):
        log = opened(self.honest(place))
        (receipt,) = log.witnessed([log.add({"n": 1})])
        policy = WitnessPolicy((VKEY,), 1)
        assert [each.time for each in policy.require(receipt.checkpoint)] == [now_of(place)]
        assert verify_receipt(receipt.tlog_proof(), log.vkey).index == 0
        assert policy.require(log.receipt(0).checkpoint)
        log.close()
        assert policy.require((place.folder / "checkpoint").read_text())

    def test_receipts_of_several_commits_get_one_larger_checkpoint(self, place, opened):
        log = opened(self.honest(place))
        written = [log.add({"n": n}) for n in range(9)]
        for receipt in log.witnessed(written):
            assert verify_receipt(receipt.tlog_proof(), log.vkey).size >= 9
            assert WitnessPolicy((VKEY,), 1).require(receipt.checkpoint)

    def test_closed_gives_no_receipt_without_them_and_the_entries_stand(self, place, opened):
        log = opened(lambda _: [plain(500, b"")])
        written = log.add({"n": 1})
        for act in (lambda: log.witnessed([written]), lambda: log.require_witnessed([written]), lambda: log.receipt(0)):
            with pytest.raises(NotWitnessed):
                act()
        with pytest.raises(NotWitnessed):
            log.require_witnesses()
        assert log.size == 1
        assert next(log.entries())[1] == b'{"n":1}'

    def test_open_goes_on_without_them(self, place, opened):
        log = opened(lambda _: [plain(500, b"")], closed=False)
        log.require_witnesses()
        written = log.add({"n": 1})
        log.require_witnessed([written])
        assert log.witnessed([written]) == [written]
        assert log.receipt(0).checkpoint.count("— ") == 1
        (standing,) = log.witness_standings()
        assert standing.failures >= 1
        assert "500" in standing.reason
        log.close()
        assert verify_receipt(written.tlog_proof(), log.vkey).size == 1
        assert (place.folder / "checkpoint").read_text().split("\n")[1] == "1"

    @pytest.mark.parametrize("hanging", [0, 1])
    def test_a_quorum_is_enough_though_others_hang(self, place, opened, hanging):
        plays = [self.honest(place), self.honest(place)]
        plays[hanging] = lambda _: None
        log = opened([plays[0]] if hanging else [plays[1]])
        assert WitnessPolicy((VKEY,), 1).require(log.witnessed([log.add({"n": 1})])[0].checkpoint)

    def test_when_they_come_back_it_goes_on_where_it_stood(self, place, opened):
        there = threading.Event()
        log = opened(lambda body: [plain(200, cosigned(body, now_of(place))) if there.is_set() else plain(500, b"")])
        written = log.add({"n": 1})
        with pytest.raises(NotWitnessed):
            log.witnessed([written])
        there.set()
        deadline = time.monotonic() + 30
        while log._rounds is not None and log._rounds.cosigned[0] < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        log.require_witnesses()
        assert WitnessPolicy((VKEY,), 1).require(log.witnessed([written])[0].checkpoint)

    def test_a_witness_that_has_seen_more_refuses_the_start(self, place, opened):
        place.fill(3)
        before = (place.folder / "checkpoint").read_bytes()
        with pytest.raises(WitnessRefused, match="rolled back"):
            opened(lambda _: [plain(409, b"4\n")])
        assert (place.folder / "checkpoint").read_bytes() == before
        place.open().close()

    @pytest.mark.parametrize("closed", [True, False])
    def test_a_witness_that_refuses_later_stops_the_log(self, place, opened, closed):
        stopped: list[NatsuinError] = []
        told = threading.Event()

        def stop(error: NatsuinError) -> None:
            stopped.append(error)
            told.set()

        def play(body: bytes) -> list[bytes]:
            grown = b"\n0\n" not in parse_request(body).checkpoint.encode()
            return [plain(422, b"")] if grown else [plain(200, cosigned(body, now_of(place)))]

        log = opened(play, closed=closed, on_fatal=stop)
        log.add({"n": 1})
        assert told.wait(30)
        assert [type(each) for each in stopped] == [WitnessRefused]
        with pytest.raises(NatsuinError):
            log.add({"n": 2})

    def test_a_restart_keeps_the_cosignatures_that_are_published(self, place, opened):
        log = opened(self.honest(place))
        log.witnessed([log.add({"n": 1})])
        log.close()
        published = (place.folder / "checkpoint").read_text()
        assert published.count("— ") == 2
        opened(lambda _: None, closed=False)
        assert (place.folder / "checkpoint").read_text() == published

    def test_a_log_without_witnesses_asks_nobody(self, place, monkeypatch):
        monkeypatch.setattr(threading.Thread, "start", _refuse_witness_threads(threading.Thread.start))
        log = place.open()
        receipt = log.add({"n": 1})
        assert log.witnessed([receipt]) == [receipt]
        assert log.witness_standings() == ()

    def test_the_clock_of_the_log_may_stand(self, place, opened):
        assert isinstance(place.clock, FixedClock)
        log = opened(self.honest(place))
        assert log.witness_standings()[0].known == 0
        assert log.witness_standings()[0].time == now_of(place)


def _refuse_witness_threads(start):
    def checked(thread: threading.Thread) -> None:
        assert not thread.name.startswith("log-witness")
        start(thread)

    return checked
