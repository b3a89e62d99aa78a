"""Documents in child processes: the same answers, limits that hold, and a parent that lives through everything."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from natsuin.documents import BrokenDocument, DocumentTimeout, DocumentTooLarge, NotAPDF, inspect, prepare
from natsuin.errors import Unavailable
from natsuin.validation import validate_pdf
from natsuin.web.isolation import Limits, Workers
from rigs.document_workshop import PLACE, SEAL, sample_pdf


@pytest.fixture(scope="module")
def workers():
    with Workers() as made:
        yield made


def test_answers_are_those_of_the_functions(workers, workshop, plain_pdf, signed_pdf):
    assert workers.inspect(plain_pdf) == inspect(plain_pdf)
    request = workshop.request(workshop.signer(), placement=PLACE, appearance=SEAL)
    here, there = prepare(plain_pdf, request), workers.prepare(plain_pdf, request)
    # The identifier of the file is random; everything else is the same.
    assert (here.start, here.end, here.certificate) == (there.start, there.end, there.certificate)
    assert there.document_digest in there.dtbs
    report = validate_pdf(signed_pdf, trust=[workshop.root.der])
    assert workers.validate(signed_pdf, trust=[workshop.root.der], at=report.checked_at) == report


def test_refusals_are_those_of_the_functions(workers):
    with pytest.raises(NotAPDF, match="not a PDF"):
        workers.inspect(b"hello")
    with pytest.raises(BrokenDocument) as caught:
        workers.inspect(b"%PDF-1.7\nhello")
    assert caught.value.hint


def test_other_functions_are_not_run(workers):
    for name in ("os:system", "natsuin.documents.inspection:inspect", "embed", "__class__"):
        with pytest.raises(BrokenDocument):
            workers.run(name, object, b"")


def test_a_document_that_takes_too_long_is_given_up(workers, monkeypatch, plain_pdf):
    with monkeypatch.context() as hurried:
        hurried.setattr(workers, "_limits", Limits(seconds=0.1))
        with pytest.raises(DocumentTimeout) as caught:
            workers.inspect(sample_pdf(pages=1500))
    assert caught.value.hint
    assert len(workers.inspect(plain_pdf).pages) == 2


def test_a_document_that_takes_too_much_memory_is_given_up(workers, monkeypatch, plain_pdf):
    with monkeypatch.context() as cramped:
        cramped.setattr(workers, "_limits", Limits(memory_bytes=24 * 1024 * 1024))
        with pytest.raises((DocumentTooLarge, DocumentTimeout)):
            workers.inspect(plain_pdf + b"%" * 40_000_000)
    assert len(workers.inspect(plain_pdf).pages) == 2


def test_the_forking_process_is_replaced(plain_pdf):
    with Workers(1) as workers:
        workers.inspect(plain_pdf)
        workers._forker.kill()
        workers._forker.wait()
        assert workers.inspect(plain_pdf).pages


def test_children_end_with_the_forking_process(workers, plain_pdf):
    with Workers(1) as other:
        child = other._child(Limits())
        other._forker.send_signal(signal.SIGKILL)
        # The kernel closes the child's end of the socket when it ends the child.
        child.connection.settimeout(60)
        assert child.connection.recv(1) == b""


def test_many_threads_share_few_children(workers):
    begun = threading.Barrier(8)

    def one(number):
        begun.wait()
        return len(workers.inspect(sample_pdf(pages=number + 1)).pages)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == list(range(1, 9))


def test_after_closing_nothing_runs(plain_pdf):
    workers = Workers(1)
    workers.inspect(plain_pdf)
    number = workers._forker.pid
    workers.close()
    with pytest.raises(Unavailable):
        workers.inspect(plain_pdf)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_the_layers_in_force_are_told_in_one_line(logged):
    with Workers(1):
        pass
    (line,) = [line for line in logged().splitlines() if "documents.confined" in line]
    for layer in ("hard limits", "no privileges", "Landlock", "system call filter"):
        assert layer in line
