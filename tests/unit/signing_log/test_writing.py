"""Adding entries: durable before answered, shared commits, and one failure that ends everything."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from natsuin.errors import Busy, StorageFailed
from natsuin.signing_log import (
    LogClosed,
    LogKey,
    Receipt,
    Shard,
    publication,
    verify_log,
    verify_receipt,
    writer,
)
from natsuin.signing_log.key_chains import Leaf
from natsuin.signing_log.merkle import leaf_hash
from natsuin.signing_log.state import State
from natsuin.signing_log.writer import MAX_WAITING, _Item


def wait_until(met: Callable[[], bool]) -> None:
    """Give other threads their time; a test that waits for a minute has failed."""
    for _ in range(6000):
        if met():
            return
        time.sleep(0.01)
    pytest.fail("what was waited for did not come")


def test_an_entry_is_durable_when_it_is_answered_and_published_soon(place):
    log = place.open()
    for n in range(5):
        receipt = log.add({"n": n})
        assert (receipt.index, receipt.size, log.size) == (n, n + 1, n + 1)
        assert log._state.read().note == receipt.checkpoint == log.checkpoint
    log.publish()
    assert (place.folder / "checkpoint").read_text() == receipt.checkpoint
    assert verify_log(place.folder, log.vkey).entries == 5


def test_the_folder_follows_by_itself(place):
    log = place.open()
    for n in range(3):
        receipt = log.add({"n": n})
        wait_until(lambda receipt=receipt: (place.folder / "checkpoint").read_text() == receipt.checkpoint)
        assert verify_log(place.folder, log.vkey).entries == n + 1


def test_commits_are_published_together(place, monkeypatch):
    """Of a tile that grew with each commit only the last width is written: three files for all of them."""
    monkeypatch.setattr(writer, "PUBLISH_SECONDS", 3600)
    log = place.open()
    for n in range(100):
        log.add({"n": n})
    assert (place.folder / "checkpoint").read_text().split("\n")[1] == "0"
    log.publish()
    files = {path.relative_to(place.folder).as_posix() for path in place.folder.rglob("*") if path.is_file()}
    assert files == {"checkpoint", "tile/0/000.p/100", "tile/entries/000.p/100"}
    assert verify_log(place.folder, log.vkey).entries == 100


def test_entries_come_back_in_order(place):
    place.fill(600)
    log = place.open()
    log.add({"n": 600})
    assert list(log.entries()) == [(n, b'{"n":%d}' % n) for n in range(601)]
    assert [index for index, _ in log.entries(start=511)] == list(range(511, 601))
    assert list(log.entries(start=601)) == []


def test_many_threads_share_commits(place, monkeypatch):
    swaps = []
    swap = State.swap
    monkeypatch.setattr(State, "swap", lambda *a, **k: (swaps.append(1), swap(*a, **k))[1])
    log = place.open()
    receipts = []

    def work(thread: int) -> None:
        receipts.extend(log.add({"thread": thread, "n": n}) for n in range(25))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(receipt.index for receipt in receipts) == list(range(400))
    assert len(swaps) < 300
    for receipt in receipts:
        verify_receipt(receipt.tlog_proof(), log.vkey)
    log.close()
    assert verify_log(place.folder, log.vkey).entries == 400


class Gate:
    """A log key that waits until it is let through."""

    def __init__(self, key: LogKey) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self.key = LogKey(key.public, self.sign)
        self._sign = key.sign

    def sign(self, message: bytes) -> bytes:
        self.reached.set()
        assert self.opened.wait(30)
        return self._sign(message)


def later(log: Shard, entries: list[dict[str, int]]) -> Future[list[Receipt]]:
    """Have another thread add `entries`, and come back when they wait."""
    future: Future[list[Receipt]] = Future()

    def work() -> None:
        try:
            future.set_result(log.add_all(entries))
        except BaseException as error:
            future.set_exception(error)

    queued = log._writer._entries + len(entries)
    threading.Thread(target=work, daemon=True).start()
    wait_until(lambda: log._writer._writing.locked() or log._writer._entries == queued or future.done())
    return future


def test_a_full_queue_is_told_and_loses_nothing(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    first = later(log, [{"n": -1}])
    assert gate.reached.wait(30)
    waiting = [later(log, [{"n": n} for n in range(start, start + 1024)]) for start in range(0, MAX_WAITING, 1024)]
    wait_until(lambda: log._writer._entries == MAX_WAITING)
    with pytest.raises(Busy):
        log.add({"n": "one too many"})
    assert not first.done()
    gate.opened.set()
    receipts = [receipt for future in waiting for receipt in future.result(60)]
    assert sorted(receipt.index for receipt in receipts) == list(range(1, MAX_WAITING + 1))
    assert len({receipt.checkpoint for receipt in receipts}) == 1
    log.close()
    assert verify_log(place.folder, log.vkey).entries == MAX_WAITING + 1


def test_nothing_is_answered_or_published_before_it_is_signed(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    future = later(log, [{"n": 0}])
    assert gate.reached.wait(30)
    assert not future.done()
    assert log.size == 0
    assert (place.folder / "checkpoint").read_text().split("\n")[1] == "0"
    gate.opened.set()
    assert [receipt.index for receipt in future.result(60)] == [0]


def test_closing_commits_what_waits_and_takes_no_more(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    first = later(log, [{"n": 0}])
    assert gate.reached.wait(30)
    waiting = [later(log, [{"n": n}]) for n in range(1, 10)]
    wait_until(lambda: log._writer._entries == 9)
    closing = threading.Thread(target=log.close)
    closing.start()
    wait_until(lambda: log._writer._closing)
    gate.opened.set()
    closing.join()
    assert sorted(future.result(60)[0].index for future in [first, *waiting]) == list(range(10))
    with pytest.raises(LogClosed):
        log.add({"n": 10})
    log.close()
    assert verify_log(place.folder, log.vkey).entries == 10


def test_after_a_failure_nothing_is_acknowledged_until_a_new_start(place):
    place.fill(5)

    def fail(message: bytes) -> bytes:
        raise OSError("the token is gone")

    told = []
    log = place.open(key=LogKey(place.key.public, fail), on_fatal=told.append)
    with pytest.raises(StorageFailed):
        log.add({"n": "lost"})
    with pytest.raises(StorageFailed):
        log.add({"n": "refused"})
    with pytest.raises(StorageFailed):
        log.publish()
    log.close()
    assert [type(error) for error in told] == [StorageFailed]
    assert place.fill(300, start=5)
    assert [entry for _, entry in place.open().entries()] == [b'{"n":%d}' % n for n in range(305)]


def test_a_signature_of_the_wrong_key_is_never_published(place):
    log = place.open(key=LogKey(place.key.public, lambda message: b"x" * 64))
    with pytest.raises(StorageFailed):
        log.add({"n": 0})
    log.close()
    assert place.open().size == 0


def test_all_who_wait_are_failed_together(place):
    gate = Gate(place.key)
    log = place.open(key=LogKey(place.key.public, lambda message: gate.sign(message)[:-1]))
    first = later(log, [{"n": 0}])
    assert gate.reached.wait(30)
    waiting = [later(log, [{"n": n}]) for n in range(1, 50)]
    wait_until(lambda: log._writer._entries == 49)
    gate.opened.set()
    for future in [first, *waiting]:
        with pytest.raises(StorageFailed):
            future.result(60)
    log.close()


def test_a_row_that_somebody_else_swapped_ends_the_writer(place):
    log = place.open()
    log.add({"n": 0})
    log._state._connection.execute("UPDATE signed SET size = 7")
    with pytest.raises(StorageFailed, match="another writer"):
        log.add({"n": 1})


def test_a_bit_that_flips_after_hashing_is_not_signed(place, monkeypatch):
    log = place.open()
    log.add({"n": 0})
    monkeypatch.setattr(Leaf, "of", lambda content: Leaf(content[:-1] + b"~", leaf_hash(content)))
    with pytest.raises(StorageFailed, match="does not lead to the root"):
        log.add({"n": 1})
    log.close()
    monkeypatch.undo()
    assert [entry for _, entry in place.open().entries()] == [b'{"n":0}']


def test_a_bit_that_flips_in_the_tree_is_not_signed(place):
    log = place.open()
    for n in range(3):
        log.add({"n": n})
    log._writer._committer._edge._peaks[1] = bytes(32)
    with pytest.raises(StorageFailed, match="signed last"):
        log.add({"n": 3})
    log.close()
    assert [index for index, _ in place.open().entries()] == [0, 1, 2]


@pytest.mark.parametrize("where", ["bundle", "tile"])
def test_a_bit_that_flips_on_the_way_to_the_folder_is_not_published(place, monkeypatch, where):
    """What was answered stands in the record, and the next start writes it right."""
    told = []
    monkeypatch.setattr(writer, "PUBLISH_SECONDS", 3600)
    log = place.open(on_fatal=told.append)
    log.add({"n": 0})
    log.add({"n": 1})
    if where == "bundle":
        honest = publication.encode_bundle
        monkeypatch.setattr(publication, "encode_bundle", lambda entries: honest(entries)[:-1] + b"~")
    else:
        log._writer._committer._edge._partial[0][3] ^= 1
    with pytest.raises(StorageFailed, match=r"does not match its tile|do not give the root"):
        log.publish()
    assert len(told) == 1
    with pytest.raises(StorageFailed):
        log.add({"n": 2})
    log.close()
    monkeypatch.undo()
    assert (place.folder / "checkpoint").read_text().split("\n")[1] == "0"
    assert list(place.open().entries()) == [(0, b'{"n":0}'), (1, b'{"n":1}')]


def test_a_disk_that_lies_is_noticed(place, monkeypatch):
    log = place.open()
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda *a: read(*a)[:-1] + b"~")
    log.add({"n": 1})
    with pytest.raises(StorageFailed, match="did not come back"):
        log.publish()
    with pytest.raises(StorageFailed):
        log.add({"n": 2})


@pytest.mark.parametrize("number", range(6))
def test_a_bit_that_flips_in_any_file_on_its_way_is_noticed(place, monkeypatch, number):
    """In turn: two bundles, three tiles, the checkpoint. What everybody reads stays the older log, which is whole."""
    place.fill(200)
    before = (place.folder / "checkpoint").read_bytes()
    monkeypatch.setattr(writer, "PUBLISH_SECONDS", 3600)
    log = place.open()
    log.add_all([{"n": n} for n in range(200, 300)])
    honest, written = os.write, []

    def write(descriptor: int, content: bytes) -> int:
        written.append(bytes(content))
        if len(written) != number + 1:
            return honest(descriptor, content)
        place = len(content) * 2 // 3
        return honest(descriptor, bytes(content[:place]) + bytes([content[place] ^ 4]) + bytes(content[place + 1 :]))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StorageFailed, match="did not come back"):
        log.publish()
    monkeypatch.undo()
    log.close()
    assert (place.folder / "checkpoint").read_bytes() == before
    assert (number == 5) == (written[-1].startswith(place.origin.encode()))
    assert verify_log(place.folder, log.vkey).entries == 200
    place.open().close()
    assert verify_log(place.folder, log.vkey).entries == 300


def test_an_interrupted_caller_takes_its_entries_back(place):
    """It was promised the lead, too: somebody else must get it."""
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    first = later(log, [{"n": 0}])
    assert gate.reached.wait(30)

    class Interrupting:
        def __init__(self, lock: object) -> None:
            self._lock = lock

        def acquire(self) -> bool:
            wait_until(lambda: not self._lock.locked())
            raise KeyboardInterrupt

        def __getattr__(self, name: str) -> object:
            return getattr(self._lock, name)

    item = _Item([Leaf.of(b'{"n":"interrupted"}')])
    item.wake = threading.Lock()
    item.wake.acquire()
    with log._writer._condition:
        log._writer._enqueue(item)
    second = later(log, [{"n": 1}])
    wait_until(lambda: log._writer._entries == 2)
    gate.opened.set()
    with pytest.raises(KeyboardInterrupt):
        log._writer._sleep(item, Interrupting(item.wake))
    assert first.result(60)[0].index == 0
    assert second.result(60)[0].leaf == b'{"n":1}'
    log.close()


def test_files_belong_to_everyone_to_read_and_to_one_to_write(place):
    old = os.umask(0o077)
    try:
        place.fill(300)
    finally:
        os.umask(old)
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [place.folder, *place.folder.rglob("*")]}
    assert modes == {True: 0o755, False: 0o644}
    assert place.state.stat().st_mode & 0o777 == 0o600


def test_a_commit_waits_for_the_disk_once(place, monkeypatch):
    """The files are made durable many commits at a time; each commit costs the record's one fsync."""
    calls = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append(1), fsync(descriptor))[1])
    log = place.open()
    opening = len(calls)
    for n in range(100):
        log.add({"n": n})
    assert len(calls) == opening
    log.close()
    assert len(calls) > opening
