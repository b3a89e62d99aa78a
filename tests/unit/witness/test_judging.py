"""What a witness answers, in the order of checks of C2SP tlog-witness, and what it remembers."""

import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import FixedClock, from_milliseconds
from natsuin.errors import Conflict
from natsuin.settings import ConfigurationRefused
from natsuin.signing_log import (
    EMPTY_ROOT,
    Checkpoint,
    KeyKind,
    LogKey,
    LoosePermissions,
    WitnessPolicy,
    make_verifier_key,
    parse_verifier_key,
)
from natsuin.signing_log.checkpoints import sign_checkpoint
from natsuin.signing_log.encoding import encode_base64
from natsuin.signing_log.merkle import consistency_proof, leaf_hash, root_hash, tree_hash
from natsuin.signing_log.notes import sign_note
from natsuin.witness import (
    Witness,
    WitnessState,
    WitnessStateDamaged,
    WitnessStateMissing,
    load_settings,
    make_witness,
    read_key,
)

ORIGIN = "sign.example.jp/log"


def key_of(seed: bytes) -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(seed * 32)
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


LOG, OTHER, OWN = key_of(b"l"), key_of(b"o"), key_of(b"w")


class History:
    """A log of `count` entries in memory."""

    def __init__(self, count: int, *, word: str = "entry") -> None:
        self._leaves = [leaf_hash(f"{word}-{n}".encode()) for n in range(count)]

    def _subtree(self, level: int, index: int) -> bytes:
        return tree_hash(self._leaves[index << level : (index + 1) << level])

    def note(self, size: int, *, key: LogKey = LOG, origin: str = ORIGIN) -> str:
        return sign_checkpoint(Checkpoint(origin, size, root_hash(self._subtree, size)), key)

    def ask(self, old: int, size: int, *, proof: tuple[bytes, ...] | None = None, **options: object) -> bytes:
        if proof is None:
            proof = consistency_proof(self._subtree, old, size) if 0 < old < size else ()
        hashes = "".join(encode_base64(each) + "\n" for each in proof)
        return f"old {old}\n{hashes}\n{self.note(size, **options)}".encode()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    WitnessState.create(tmp_path / "state")
    state = WitnessState.open(tmp_path / "state")
    logs = {ORIGIN: make_verifier_key(ORIGIN, LOG.public)}
    return Witness("w.example", OWN, logs, state, FixedClock(from_milliseconds(1767225600_000)))


LONG = History(40)
FORKED = History(40, word="other")


def test_it_cosigns_what_goes_on_and_remembers_it(witness):
    vkey = make_verifier_key("w.example", OWN.public, kind=KeyKind.COSIGNATURE)
    old = 0
    for size in (0, 1, 7, 7, 40):
        answer = witness.add_checkpoint(LONG.ask(old, size))
        assert answer.status == 200
        note = LONG.note(size) + answer.body.decode()
        assert [each.time for each in WitnessPolicy((vkey,), 1).require(note)] == [1767225600]
        shown = witness.checkpoint(sha256(ORIGIN.encode()).hexdigest())
        assert (shown.status, shown.body.decode()) == (200, note)
        old = size


def test_answers_come_in_the_order_of_the_standard(witness):
    assert witness.add_checkpoint(LONG.ask(0, 20)).status == 200
    unsigned = sign_note(f"{ORIGIN}\n5\n{encode_base64(bytes(32))}\n", "elsewhere", OTHER)
    refused = {
        "404 before 403": (404, LONG.ask(0, 5, origin="unknown", key=OTHER)),
        "403 before 400": (403, LONG.ask(9, 5, proof=(), key=OTHER)),
        "403 for a line of somebody else": (403, f"old 0\n\n{unsigned}".encode()),
        "400 before 409": (400, LONG.ask(21, 5, proof=())),
        "409 before 422": (409, FORKED.ask(7, 30)),
        "422 for a fork": (422, FORKED.ask(20, 30)),
        "422 for one size and two roots": (422, FORKED.ask(20, 20)),
        "422 for a proof where none is": (422, LONG.ask(20, 20, proof=(bytes(32),))),
        "422 for no proof": (422, LONG.ask(20, 30, proof=())),
    }
    assert {case: witness.add_checkpoint(body).status for case, (_, body) in refused.items()} == {
        case: status for case, (status, _) in refused.items()
    }
    told = witness.add_checkpoint(LONG.ask(7, 30))
    assert (told.status, told.body, told.content_type) == (409, b"20\n", "text/x.tlog.size")
    assert witness.add_checkpoint(LONG.ask(20, 30)).status == 200


def test_an_empty_log_has_one_root_and_needs_no_proof(witness):
    wrong = sign_note(f"{ORIGIN}\n0\n{encode_base64(bytes(32))}\n", ORIGIN, LOG)
    assert witness.add_checkpoint(f"old 0\n\n{wrong}".encode()).status == 422
    assert witness.add_checkpoint(LONG.ask(0, 5, proof=(EMPTY_ROOT,))).status == 422
    assert witness.checkpoint(sha256(ORIGIN.encode()).hexdigest()).status == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"old 0", b"old 00"),
        lambda body: body.replace(b"\n\n", b"\n"),
        lambda body: body.replace(b"\n20\n", b"\n+20\n"),
        lambda body: body[:-1],
        lambda body: body + b"\x01",
        lambda body: b"",
        lambda body: b"\xff" * 100,
        lambda body: b"x" * 100_000,
    ],
)
def test_what_is_malformed_is_no_request(witness, change):
    assert witness.add_checkpoint(change(LONG.ask(0, 20))).status in (400, 403)
    assert witness.add_checkpoint(LONG.ask(0, 20)).status == 200


def test_no_bit_of_a_request_may_differ(witness):
    witness.add_checkpoint(LONG.ask(0, 20))
    body = LONG.ask(20, 33)
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        assert witness.add_checkpoint(bytes(changed)).status in (400, 403, 404, 409, 422), place
    assert witness.add_checkpoint(body).status == 200


def test_of_two_histories_at_the_same_time_one_is_cosigned(witness):
    statuses: list[int] = []
    start = threading.Barrier(8)

    def ask(history: History, size: int) -> None:
        start.wait()
        statuses.append(witness.add_checkpoint(history.ask(0, size)).status)

    threads = [
        threading.Thread(target=ask, args=(history, size)) for history in (LONG, FORKED) for size in (11, 12, 13, 14)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7


def test_what_it_knows_outlives_it_and_a_second_process_is_refused(witness, tmp_path: Path):
    witness.add_checkpoint(LONG.ask(0, 20))
    with pytest.raises(Conflict):
        WitnessState.open(tmp_path / "state")
    witness.state.close()
    again = WitnessState.open(tmp_path / "state")
    seen = again.seen(ORIGIN)
    assert seen is not None
    assert seen.size == 20
    again.close()


def test_a_missing_or_damaged_memory_is_no_empty_one(tmp_path: Path):
    with pytest.raises(WitnessStateMissing):
        WitnessState.open(tmp_path / "none")
    (tmp_path / "junk").write_bytes(b"junk" * 4096)
    with pytest.raises(WitnessStateDamaged):
        WitnessState.open(tmp_path / "junk")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(WitnessStateDamaged):
        WitnessState.open(tmp_path / "empty")
    WitnessState.create(tmp_path / "made")
    with pytest.raises(Conflict):
        WitnessState.create(tmp_path / "made")


class TestSettings:
    def test_a_new_witness_has_a_key_of_its_own(self, tmp_path: Path):
        file, vkey = make_witness(tmp_path / "w", "w.example/1")
        settings = load_settings(file)
        assert parse_verifier_key(vkey).public == read_key(settings.key_file).public
        assert parse_verifier_key(vkey).kind is KeyKind.COSIGNATURE
        assert settings.host == "127.0.0.1"
        with pytest.raises(Conflict):
            make_witness(tmp_path / "w", "w.example/1")
        assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "w").iterdir()} == dict.fromkeys(
            ("witness.toml", "witness.key", "witness.sqlite"), 0o600
        )

    def test_a_key_that_others_can_read_is_refused(self, tmp_path: Path):
        file, _ = make_witness(tmp_path / "w", "w")
        key = load_settings(file).key_file
        os.chmod(key, 0o640)  # noqa: PTH101
        with pytest.raises(LoosePermissions):
            read_key(key)

    @pytest.mark.parametrize(
        "line",
        [
            "junk = 1",
            "port = 70000",
            'name = ""',
            'name = "a b"',
            'name = "a+b"',
            '[[logs]]\nvkey = "junk"',
            "[[logs]]",
            '[[logs]]\nvkey = "{own}"',
            '[[logs]]\nvkey = "{log}"\n[[logs]]\nvkey = "{log}"',
            "= 3",
        ],
    )
    def test_what_cannot_work_is_refused_by_name(self, tmp_path: Path, line: str):
        own = make_verifier_key("w", OWN.public, kind=KeyKind.COSIGNATURE)
        file = tmp_path / "witness.toml"
        start = "" if line.startswith("name") else 'name = "w"\n'
        file.write_text(start + line.format(own=own, log=make_verifier_key(ORIGIN, LOG.public)))
        with pytest.raises(ConfigurationRefused, match=r"witness\.toml"):
            load_settings(file)
