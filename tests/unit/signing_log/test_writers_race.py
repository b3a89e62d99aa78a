"""Many writers of one log at the same moment: one has it."""

import hashlib
import sqlite3
import threading

from natsuin.errors import StorageFailed
from natsuin.signing_log import LogLocked
from natsuin.signing_log.state import Signed, State


def test_of_fifty_writers_who_race_one_signs_a_size(place):
    """A51: two checkpoints of one size cannot both stand. The race is for the row, with the locks taken away."""
    log = place.open()
    log.add({"n": 0})
    before = log._state.read()
    path = log._state._connection.execute("PRAGMA database_list").fetchone()[2]
    log.close()
    barrier, won, lost = threading.Barrier(50), list[int](), list[str]()

    def race(number: int) -> None:
        connection = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        rival = Signed(before.size + 1, hashlib.sha256(bytes([number])).digest(), f"writer {number}")
        barrier.wait()
        try:
            State(connection).swap(before, rival, entries=[b"{}"], heads={}, settled=0)
            won.append(number)
        except StorageFailed as error:
            lost.append(error.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost), set(lost)) == (1, 49, {"another writer has signed a checkpoint of this log"})
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT size, note FROM signed").fetchall() == [(before.size + 1, f"writer {won[0]}")]
    connection.close()


def test_of_fifty_who_open_a_log_at_once_one_has_it(place):
    place.open().close()
    barrier, opened, refused = threading.Barrier(50), [], []

    def race() -> None:
        barrier.wait()
        try:
            opened.append(place.open())
        except LogLocked:
            refused.append(True)

    threads = [threading.Thread(target=race) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(refused)) == (1, 49)
