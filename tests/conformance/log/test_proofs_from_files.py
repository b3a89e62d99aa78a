"""Proofs that anybody makes from plain static files over HTTP, before the library of Go."""

import base64
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conformance.log.go_checker import GoRefused, check_log_with_go
from natsuin.signing_log import PublicLog, verify_log
from rigs.synthetic_log import write_log

SIZE = 66_300


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Iterator[tuple]:
    """Folder, address under a plain server of static files, and verifier key of a log of three levels."""
    folder = tmp_path_factory.mktemp("published") / "log"
    vkey = write_log(folder, SIZE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder.parent))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/log", vkey
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_and_server_say_the_same_and_go_agrees(published):
    folder, url, vkey = published
    go, ours = check_log_with_go(folder, vkey), verify_log(url, vkey)
    assert (go.size, go.tiles, base64.b64decode(go.root)) == (SIZE, ours.tiles, ours.root)


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, 66_047, 66_048, SIZE - 1])
def test_go_accepts_receipts_that_anybody_makes(published, index):
    folder, url, vkey = published
    with PublicLog(url, vkey) as log:
        proof = log.receipt(index).tlog_proof()
    check_log_with_go(folder, vkey, receipt=proof)
    with pytest.raises(GoRefused):
        check_log_with_go(folder, vkey, receipt=proof.replace(f"index {index}", f"index {(index + 1) % SIZE}"))


@pytest.mark.parametrize("older", [1, 2, 255, 256, 257, 1000, 65_535, 65_536, 65_537])
def test_shorter_logs_of_the_same_history_are_contained(published, tmp_path, older):
    """The same entries, published earlier: both checkers find the older checkpoint in the newer log."""
    folder, url, vkey = published
    write_log(tmp_path / "log", older)
    checkpoint = (tmp_path / "log/checkpoint").read_text()
    with PublicLog(url, vkey) as log:
        assert log.consistency(checkpoint).old == older
    with PublicLog(url, vkey, checkpoint=checkpoint) as log:
        receipt = log.receipt(older - 1).tlog_proof()
    check_log_with_go(folder, vkey, old=checkpoint)
    check_log_with_go(tmp_path / "log", vkey, receipt=receipt)
