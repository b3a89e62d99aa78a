"""A token whose calls fail: lost sessions, a removed device, crashes, calls that never come back."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.key_management import PKCS11Vault, VaultInterrupted, VaultUnavailable, make_wrapping_key
from natsuin.key_management.hsm import line
from natsuin.key_management.vaults import load_public_key, verify_signature
from rigs.tokens import FaultyToken, eventually, make_faulty

SCHEME = SignatureScheme.ECDSA_SHA256
DIGEST = bytes(range(32))
LOST = {
    "CKR_SESSION_HANDLE_INVALID": 0xB3,
    "CKR_SESSION_CLOSED": 0xB0,
    "CKR_USER_NOT_LOGGED_IN": 0x101,
    "CKR_OBJECT_HANDLE_INVALID": 0x82,
    "CKR_TOKEN_NOT_PRESENT": 0xE0,
}
"""After these the token did nothing, so the same is asked once more."""
BROKEN = {
    "CKR_DEVICE_ERROR": 0x30,
    "CKR_DEVICE_REMOVED": 0x32,
    "CKR_GENERAL_ERROR": 0x05,
    "CKR_HOST_MEMORY": 0x02,
    "CKR_CRYPTOKI_NOT_INITIALIZED": 0x190,
    "CKR_OPERATION_ACTIVE": 0x90,
}
"""After these nobody knows."""


class Room:
    """A vault behind the failing module, with one key."""

    def __init__(self, faulty: FaultyToken) -> None:
        self.faulty = faulty
        self.vault = faulty.vault(deadline_seconds=2.0)
        with self.vault.generate(KeyAlgorithm.P_256) as fresh:
            self.sealed, self.public_key = fresh.seal(b"b"), load_public_key(fresh.public_key)
        self.objects = self.vault.count_objects()

    def sign(self, count: int = 1) -> None:
        with self.vault.open(self.sealed, b"b") as key:
            for signature in key.sign_all([DIGEST] * count, SCHEME):
                verify_signature(self.public_key, DIGEST, signature, SCHEME)

    def recovers(self) -> None:
        """A vault that is away says so; as soon as it is back it signs, and nothing was left in the token."""
        self.faulty.behave()
        eventually(lambda: self.vault.worker_pid != 0)
        self.sign()
        assert self.vault.count_objects() == self.objects
        assert self.faulty.stopped == []


@pytest.fixture(scope="module")
def shared(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    faulty = make_faulty(shim, tmp_path_factory.mktemp("faulty"))
    make_wrapping_key(faulty.settings())
    made = Room(faulty)
    yield made
    made.vault.close()


@pytest.fixture
def room(shared: Room) -> Iterator[Room]:
    yield shared
    shared.recovers()


def asked(room: Room, name: str) -> Iterator[int]:
    """How often the function was called since the last time."""
    before = room.faulty.calls(name)
    while True:
        now = room.faulty.calls(name)
        yield now - before
        before = now


@pytest.mark.parametrize("function", ["C_UnwrapKey", "C_SignInit", "C_Sign"])
@pytest.mark.parametrize("error", LOST)
def test_a_lost_session_costs_nothing(room: Room, function: str, error: str) -> None:
    logins, signs = asked(room, "C_Login"), asked(room, "C_Sign")
    next(logins), next(signs)
    room.faulty.order(f"{function} return {LOST[error]:#x} once")
    room.sign()
    assert room.faulty.obeyed
    assert next(logins) == 1, "one new login, with a PIN that was accepted before"
    # One call of the new worker's own trial, one for the request, and the one that was refused.
    assert next(signs) == 2 + (function == "C_Sign")


@pytest.mark.parametrize("error", BROKEN)
def test_an_error_while_signing_is_never_repeated(room: Room, error: str) -> None:
    signs = asked(room, "C_Sign")
    next(signs)
    room.faulty.order(f"C_Sign return {BROKEN[error]:#x} once")
    with pytest.raises(VaultInterrupted):
        room.sign()
    eventually(lambda: room.vault.worker_pid != 0)
    assert next(signs) == 2, "the refused call, and the new worker's own trial"


def test_a_lost_session_in_the_middle_is_not_repeated(room: Room) -> None:
    """The first of the signatures would be made twice."""
    signs = asked(room, "C_Sign")
    next(signs)
    room.faulty.order("C_Sign return 0xb3 once after 1")
    with pytest.raises(VaultInterrupted):
        room.sign(3)
    eventually(lambda: room.vault.worker_pid != 0)
    assert next(signs) == 3, "one signature, the refused call, and the new worker's own trial"


def test_a_key_that_stays_in_the_token_ends_the_worker(room: Room) -> None:
    """Its session objects go with its process."""
    worker = room.vault.worker_pid
    room.faulty.order("C_DestroyObject return 0x82 once")
    with pytest.raises(VaultInterrupted, match="kept a key"):
        room.sign()
    assert room.faulty.obeyed
    eventually(lambda: room.vault.worker_pid not in (0, worker))


@pytest.mark.parametrize("error", ["CKR_DEVICE_REMOVED", "CKR_HOST_MEMORY"])
def test_an_error_before_signing_costs_nothing(room: Room, error: str) -> None:
    signs, unwraps, worker = asked(room, "C_Sign"), asked(room, "C_UnwrapKey"), room.vault.worker_pid
    next(signs), next(unwraps)
    room.faulty.order(f"C_UnwrapKey return {BROKEN[error]:#x} once")
    room.sign()
    assert room.faulty.obeyed
    assert room.vault.worker_pid not in (0, worker)
    assert next(unwraps) == 3, "the refused call, the new worker's own trial, and the request"
    assert next(signs) == 2, "the new worker's own trial, and one signature"


@pytest.mark.parametrize("error", ["CKR_DEVICE_REMOVED", "CKR_HOST_MEMORY"])
def test_an_attribute_that_cannot_be_read_costs_nothing(room: Room, error: str) -> None:
    """Nothing that a signature needs: the worker learns sizes from it and goes on."""
    signs, worker = asked(room, "C_Sign"), room.vault.worker_pid
    next(signs)
    room.faulty.order(f"C_GetAttributeValue return {BROKEN[error]:#x} once")
    room.sign()
    assert room.faulty.obeyed
    assert room.vault.worker_pid == worker
    assert next(signs) == 1


def test_a_removed_device_is_told_and_comes_back(room: Room) -> None:
    room.faulty.order("* return 0x32")
    with pytest.raises((VaultUnavailable, VaultInterrupted)):
        room.sign()
    with pytest.raises(VaultUnavailable):
        room.sign()
    with pytest.raises(VaultUnavailable):
        room.vault.check()


def test_a_token_that_goes_while_nobody_asks_is_noticed(room: Room) -> None:
    room.faulty.order("* return 0xe0")
    eventually(lambda: room.vault.worker_pid == 0)
    with pytest.raises(VaultUnavailable):
        room.vault.check()


def test_a_worker_that_ends_while_nobody_asks_is_replaced(room: Room) -> None:
    worker = room.vault.worker_pid
    logins, signs = asked(room, "C_Login"), asked(room, "C_Sign")
    next(logins), next(signs)
    os.kill(worker, 9)
    eventually(lambda: room.vault.worker_pid not in (0, worker))
    room.sign()
    assert not _lives(worker)
    assert (next(logins), next(signs)) == (1, 2), "one login, the new worker's own trial, and one signature"


def test_the_next_try_is_never_far() -> None:
    """Ten seconds after the device is back, a start has been tried and had its time."""
    assert line._PAUSES_SECONDS[-1] == max(line._PAUSES_SECONDS)
    assert line._PAUSES_SECONDS[-1] + line.RESTART_SECONDS < 10


def test_a_call_that_hangs_is_given_up_and_its_process_killed(room: Room) -> None:
    threads, worker = threading.active_count(), room.vault.worker_pid
    room.faulty.order("C_Sign hang -")
    with pytest.raises(VaultInterrupted, match="in time"):
        room.sign()
    eventually(lambda: not _lives(worker))
    room.recovers()
    eventually(lambda: threading.active_count() <= threads)
    assert room.vault.worker_pid not in (0, worker)


def test_a_start_that_hangs_is_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "RESTART_SECONDS", 1.0)
    worker = room.vault.worker_pid
    room.faulty.order("C_Initialize hang -")
    os.kill(worker, 9)
    with pytest.raises((VaultUnavailable, VaultInterrupted)):
        room.sign()
    eventually(lambda: room.vault._line._down is not None)


def test_a_library_that_crashes_takes_only_its_worker_along(room: Room) -> None:
    room.faulty.order("C_Sign die - once")
    with pytest.raises(VaultInterrupted):
        room.sign()


def test_a_full_queue_is_told(shared: Room) -> None:
    """With every session in a call that hangs, others are sent away instead of waiting for ever."""
    shared.faulty.order("C_Sign hang -")
    results: list[BaseException] = []

    def ask() -> None:
        try:
            shared.sign()
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 5
    assert {type(error).__name__ for error in results} <= {"VaultInterrupted", "VaultUnavailable", "Busy"}
    shared.recovers()


def test_many_threads_share_the_sessions(shared: Room) -> None:
    """python-pkcs11 without OS locking crashes here; so would a session used twice at once."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(40):
                shared.sign()
        except BaseException as error:
            failures.append(error)

    worker = shared.vault.worker_pid
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shared.vault.worker_pid == worker, "nobody was lost"
    assert shared.vault.count_objects() == shared.objects


def test_the_module_is_in_the_worker_alone(shared: Room) -> None:
    """What a fork of sam could misuse is not in sam."""
    ours = Path("/proc/self/maps").read_text()
    assert "faulty_token" not in ours
    assert "softhsm" not in ours


def test_the_worker_protects_itself(shared: Room) -> None:
    """As sam does: no core dump, no gain of rights."""
    shared.sign()
    process = Path(f"/proc/{shared.vault.worker_pid}")
    assert "NoNewPrivs:\t1" in (process / "status").read_text()
    (cores,) = (line for line in (process / "limits").read_text().splitlines() if line.startswith("Max core file size"))
    assert cores.split()[4:6] == ["0", "0"]
    assert "sqlalchemy" not in (process / "maps").read_text(), "the face of key management was not loaded"


def test_a_worker_ends_with_sam(faulty: FaultyToken) -> None:
    vault: PKCS11Vault = faulty.vault()
    worker = vault.worker_pid
    assert _lives(worker)
    vault.close()
    assert not _lives(worker)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
