"""Slow documents: those of visitors hold up no signer, those of one signer no other, and who waits too long a line is
told at once."""

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import pikepdf
import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.documents import DocumentTimeout
from natsuin.web.document_work import DocumentWork, Room
from rigs.portal import Portal

WAITING = 8
SLOW = b"%PDF-1.7\n% slow\n"


class SlowWork(DocumentWork):
    """The real work; a slow document takes until the test says so, and is then given up."""

    def __init__(self) -> None:
        super().__init__(Room(signing=2, verifying=1))
        self.end = threading.Event()
        real = self._workers.inspect

        def inspect(pdf: bytes) -> object:
            return self._slow() if pdf.startswith(SLOW) else real(pdf)

        self._workers.inspect = inspect
        self._workers.validate = lambda *_, **__: self._slow()

    def _slow(self) -> object:
        assert self.end.wait(120)
        raise DocumentTimeout("Reading the document takes more time or memory than is allowed.")

    def waits(self, line: str, count: int) -> None:
        """Return when `count` requests wait for a place."""
        deadline = time.monotonic() + 60
        while sum(len(one) for one in tuple(getattr(self, line)._lines.values())) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture(scope="module")
def shared_work() -> SlowWork:
    return SlowWork()


@pytest.fixture
def work(shared_work: SlowWork) -> Iterator[SlowWork]:
    shared_work.end.clear()
    yield shared_work
    shared_work.end.set()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, shared_work: SlowWork) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("busy"), work=shared_work)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def signers(portal: Portal) -> list[Visitor]:
    officer = portal.enrol_officer()
    return [portal.enrol(officer, algorithm="p-256"), portal.enrol(officer, algorithm="p-256", email="h@example.jp")]


@pytest.fixture(scope="module")
def quick() -> bytes:
    document, output = pikepdf.new(), io.BytesIO()
    document.add_blank_page()
    document.save(output)
    return output.getvalue()


def verify(portal: Portal) -> httpx2.Response:
    with portal.client() as anybody:
        return anybody.post("/api/verify", files={"pdf": ("x.pdf", SLOW, "application/pdf")})


def upload(signer: Visitor, content: bytes) -> httpx2.Response:
    headers = {"Content-Type": "application/pdf", "X-Document-Name": "x.pdf"}
    return signer._http.post("/api/documents", content=content, headers=headers)


def answers(pending: "list[Future[httpx2.Response]]") -> set[tuple[int, str]]:
    return {(one.result().status_code, one.result().json()["code"]) for one in pending}


def test_verification_has_a_line_of_its_own_and_an_end_of_it(portal, signers, quick, work):
    with ThreadPoolExecutor(WAITING + 1) as people:
        pending = [people.submit(verify, portal) for _ in range(WAITING + 1)]
        try:
            work.waits("_visitors", WAITING)
            refused = verify(portal)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert upload(signers[0], quick).status_code == 201
        finally:
            work.end.set()
    assert answers(pending) == {(422, "document_timeout")}


def test_one_signers_slow_documents_hold_up_no_other(signers, quick, work):
    with ThreadPoolExecutor(WAITING + 1) as people:
        pending = [people.submit(upload, signers[0], SLOW) for _ in range(WAITING + 1)]
        try:
            work.waits("_signers", WAITING)
            refused = upload(signers[0], quick)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert upload(signers[1], quick).status_code == 201
        finally:
            work.end.set()
    assert answers(pending) == {(422, "document_timeout")}
