"""Checking a whole log: the eight kinds of tampering, over files and over HTTP, and what cannot be told."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from natsuin.errors import Refused
from natsuin.signing_log import LogDamaged, LogUnreachable, RightEdgeDamaged, UntrustedNote, verify_log
from natsuin.signing_log.tiles import decode_bundle, encode_bundle
from unit.signing_log.conftest import LogPlace

SIZE = 70_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str]:
    """A log of 70,000 entries and its verifier key; not to be changed."""
    place = LogPlace(tmp_path_factory.mktemp("whole")).create()
    vkey = place.fill(SIZE)
    return place.folder, vkey


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    """The same log, linked file by file: a changed file must be written anew, not in place."""
    shutil.copytree(whole[0], tmp_path / "copy", copy_function=lambda a, b: Path(b).hardlink_to(a))
    return tmp_path / "copy"


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    rewrite(path, bytes(content))


def exchange(log: Path) -> None:
    first, second = log / "tile/entries/100", log / "tile/entries/101"
    contents = first.read_bytes(), second.read_bytes()
    rewrite(first, contents[1])
    rewrite(second, contents[0])


def drop_last_entry(log: Path) -> None:
    last = log / "tile/entries/273.p/112"
    rewrite(last, encode_bundle(decode_bundle(last.read_bytes())[:-1]))


def edit_checkpoint(log: Path, old: str, new: str) -> None:
    checkpoint = log / "checkpoint"
    text = checkpoint.read_text()
    assert old in text
    rewrite(checkpoint, text.replace(old, new, 1).encode())


def replace_root(log: Path) -> None:
    root = (log / "checkpoint").read_text().split("\n")[2]
    edit_checkpoint(log, root, "pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=")


TAMPERING = {
    "one byte in a bundle": lambda log: flip(log / "tile/entries/150", 500),
    "two bundles exchanged": exchange,
    "a bundle deleted": lambda log: (log / "tile/entries/200").unlink(),
    "the last bundle one entry short": drop_last_entry,
    "a byte in a level-0 tile": lambda log: flip(log / "tile/0/042", 77),
    "a byte in a level-1 tile": lambda log: flip(log / "tile/1/000", 4000),
    "the size rewritten": lambda log: edit_checkpoint(log, f"\n{SIZE}\n", f"\n{SIZE - 1}\n"),
    "the root replaced": replace_root,
    "a level-2 tile changed": lambda log: flip(log / "tile/2/000.p/1", 0),
    "a level-0 tile deleted": lambda log: (log / "tile/0/000").unlink(),
    "the last tile cut": lambda log: rewrite(log / "tile/0/273.p/112", b"x" * 32 * 111),
}


def test_the_whole_log_is_valid(whole):
    seen = []
    report = verify_log(*whole, progress=lambda done, total: seen.append((done, total)))
    assert (report.entries, report.bundles, report.tiles) == (SIZE, 274, 277)
    assert seen[-1] == (SIZE, SIZE)
    assert len(seen) == 274
    assert report.checkpoint == (whole[0] / "checkpoint").read_text()


@pytest.mark.parametrize("tamper", TAMPERING.values(), ids=TAMPERING)
def test_every_tampering_is_found(whole, copy, tamper):
    assert verify_log(copy, whole[1]).entries == SIZE
    tamper(copy)
    with pytest.raises(Refused) as refusal:
        verify_log(copy, whole[1])
    assert isinstance(refusal.value, LogDamaged | RightEdgeDamaged | UntrustedNote)
    assert str(copy) not in refusal.value.message


def test_an_older_checkpoint_must_be_contained(place):
    place.fill(300)
    older = (place.folder / "checkpoint").read_text()
    shutil.copytree(place.folder, place.folder.with_name("older"))
    vkey = place.fill(300, start=300)
    newer = (place.folder / "checkpoint").read_text()
    assert verify_log(place.folder, vkey, since=older).entries == 600
    with pytest.raises(RightEdgeDamaged, match="shorter"):
        verify_log(place.folder.with_name("older"), vkey, since=newer)


def test_a_log_rebuilt_with_its_own_key_is_found_by_who_remembers(tmp_path):
    first = LogPlace(tmp_path / "first")
    second = LogPlace(tmp_path / "second")
    for place, start in ((first, 0), (second, 7)):
        place.folder.parent.mkdir()
        place.create()
        vkey = place.fill(300, start=start)
    remembered = (first.folder / "checkpoint").read_text()
    assert verify_log(second.folder, vkey).entries == 300
    with pytest.raises(LogDamaged, match="rewritten"):
        verify_log(second.folder, vkey, since=remembered)


def test_what_is_no_log_cannot_be_told(tmp_path, whole):
    for location in (tmp_path, tmp_path / "nowhere", "ftp://example.jp/log", "http://", "http://[", "http://a/?b"):
        with pytest.raises(LogUnreachable):
            verify_log(location, whole[1])


def test_files_that_are_too_long_are_not_read(copy, whole):
    path = copy / "tile/0/000"
    path.unlink()
    with path.open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(LogUnreachable):
        verify_log(copy, whole[1])


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and breaks as the server is told."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.server.trouble and self.path.endswith(self.server.trouble):
            self.send_error(503)
            return
        if self.server.drops and self.path.endswith(self.server.drops):
            self.server.drops = ""
            self.close_connection = True
            return
        super().do_GET()


@pytest.fixture
def served(place):
    """An address under which the folder of `place` is served, and the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=place.folder.parent))
    server.trouble = server.drops = ""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/log/", server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_log_behind_a_url(place, served):
    vkey = place.fill(600)
    url, server = served
    assert verify_log(url, vkey).entries == 600
    server.drops = "tile/0/001"
    assert verify_log(url, vkey).entries == 600
    server.trouble = "tile/0/001"
    with pytest.raises(LogUnreachable, match="503"):
        verify_log(url, vkey)
    server.trouble = ""
    flip(place.folder / "tile/entries/001", 9)
    with pytest.raises(LogDamaged):
        verify_log(url, vkey)
    (place.folder / "tile/entries/000").unlink()
    with pytest.raises(LogDamaged):
        verify_log(url, vkey)


def test_a_server_that_does_not_answer_cannot_be_told(place, served):
    vkey = place.fill(3)
    url, server = served
    server.server_close()
    with pytest.raises(LogUnreachable):
        verify_log(url.replace(str(server.server_address[1]), "9"), vkey)
