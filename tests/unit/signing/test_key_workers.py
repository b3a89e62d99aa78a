"""Private-key operations of one group beside each other."""

import threading
from collections.abc import Iterator

import pytest

from natsuin.signing.key_workers import KeyWorkers


@pytest.fixture
def workers() -> Iterator[KeyWorkers]:
    made = KeyWorkers(2)
    yield made
    made.close()


def test_everything_is_done_once_and_on_return(workers: KeyWorkers) -> None:
    done: list[int] = []
    workers.run(done.append, range(500))
    assert sorted(done) == list(range(500))


def test_they_really_work_beside_each_other(workers: KeyWorkers) -> None:
    meeting = threading.Barrier(3, timeout=30)
    workers.run(lambda _: (meeting.wait(), None)[1], range(3))


def test_one_alone_stays_on_the_callers_thread(workers: KeyWorkers) -> None:
    where: list[int] = []
    workers.run(lambda _: where.append(threading.get_ident()), [1])
    workers.run(lambda _: where.append(threading.get_ident()), [])
    assert where == [threading.get_ident()]


def test_an_error_is_raised_when_nothing_runs_any_more(workers: KeyWorkers) -> None:
    running: list[int] = []
    ended: list[int] = []
    started = threading.Barrier(3, timeout=30)

    def work(number: int) -> None:
        running.append(number)
        started.wait()
        if number == 1:
            raise ValueError("one failed")
        threading.Event().wait(0.1)
        ended.append(number)

    with pytest.raises(ValueError, match="one failed"):
        workers.run(work, range(3))
    assert len(running) == 3
    assert sorted(ended) == [0, 2]


def test_nobody_waits_for_a_helper_that_has_other_work() -> None:
    workers = KeyWorkers(1)
    let_go, begun = threading.Event(), threading.Event()

    def long(_: int) -> None:
        begun.set()
        assert let_go.wait(60)

    other = threading.Thread(target=workers.run, args=(long, range(2)))
    other.start()
    assert begun.wait(30)
    done: list[int] = []
    mine = threading.Thread(target=workers.run, args=(done.append, range(3)))
    mine.start()
    mine.join(30)
    try:
        assert not mine.is_alive()
        assert sorted(done) == [0, 1, 2]
    finally:
        let_go.set()
        other.join(30)
        workers.close()
