"""Adding entries: durable before answered, shared commits, and one failure that ends everything."""

import threading

import pytest

from natsuin.errors import Busy, StorageFailed
from natsuin.signing_log import LogClosed, LogKey, verify_log, verify_receipt
from natsuin.signing_log.state import State
from natsuin.signing_log.writer import MAX_WAITING


def test_an_entry_is_published_when_it_is_answered(place):
    log = place.open()
    for n in range(5):
        receipt = log.add({"n": n})
        assert (receipt.index, receipt.size, log.size) == (n, n + 1, n + 1)
        assert (place.folder / "checkpoint").read_text() == receipt.checkpoint == log.checkpoint
        assert verify_log(place.folder, log.vkey).entries == n + 1


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


def test_a_full_queue_is_told_and_loses_nothing(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    first = log.submit({"n": -1})
    assert gate.reached.wait(30)
    waiting = [log.submit({"n": n}) for n in range(MAX_WAITING)]
    with pytest.raises(Busy):
        log.submit({"n": "one too many"})
    assert not first.done()
    gate.opened.set()
    assert [future.result().index for future in waiting] == list(range(1, MAX_WAITING + 1))
    assert len({future.result().checkpoint for future in waiting}) == 1
    log.close()
    assert verify_log(place.folder, log.vkey).entries == MAX_WAITING + 1


def test_nothing_is_answered_or_published_before_it_is_signed(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    future = log.submit({"n": 0})
    assert gate.reached.wait(30)
    assert not future.done()
    assert not future.cancel()
    assert log.size == 0
    assert (place.folder / "checkpoint").read_text().split("\n")[1] == "0"
    gate.opened.set()
    assert future.result().index == 0


def test_closing_commits_what_waits_and_takes_no_more(place):
    gate = Gate(place.key)
    log = place.open(key=gate.key)
    waiting = [log.submit({"n": n}) for n in range(10)]
    gate.opened.set()
    log.close()
    assert [future.result().index for future in waiting] == list(range(10))
    with pytest.raises(LogClosed):
        log.add({"n": 10})
    log.close()


def test_after_a_failure_nothing_is_acknowledged_until_a_new_start(place):
    place.fill(5)

    def fail(message: bytes) -> bytes:
        raise OSError("the token is gone")

    told = []
    log = place.open(key=LogKey(place.key.public, fail), on_fatal=told.append)
    future = log.submit({"n": "lost"})
    with pytest.raises(StorageFailed):
        future.result()
    with pytest.raises(StorageFailed):
        log.add({"n": "refused"})
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
    waiting = [log.submit({"n": n}) for n in range(50)]
    gate.opened.set()
    for future in waiting:
        with pytest.raises(StorageFailed):
            future.result()
    log.close()


def test_a_row_that_somebody_else_swapped_ends_the_writer(place):
    log = place.open()
    log.add({"n": 0})
    log._state._connection.execute("UPDATE signed SET size = 7")
    with pytest.raises(StorageFailed, match="another writer"):
        log.add({"n": 1})


def test_a_flipped_bit_between_hashing_and_writing_is_not_signed(place, monkeypatch):
    from natsuin.signing_log import commit

    log = place.open()
    log.add({"n": 0})
    honest = commit.encode_bundle
    monkeypatch.setattr(commit, "encode_bundle", lambda entries: honest(entries)[:-1] + b"~")
    with pytest.raises(StorageFailed, match="does not match its tile"):
        log.add({"n": 1})
    log.close()
    monkeypatch.undo()
    assert verify_log(place.folder, log.vkey).entries == 1


def test_a_disk_that_lies_is_noticed(place, monkeypatch):
    import os

    log = place.open()
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda *a: read(*a)[:-1] + b"~")
    with pytest.raises(StorageFailed, match="did not come back"):
        log.add({"n": 1})


def test_files_belong_to_everyone_to_read_and_to_one_to_write(place):
    import os

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
    import os

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
