"""The disk fills up while sam signs, under the log or under DB-2: no signature leaves, sam ends and says why, and with
space it heals by itself (P2, P6)."""

import ctypes
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.cli.exit_codes import STORAGE_FAILED
from natsuin.sam.protocol import Signed
from rigs.installation import Installation
from rigs.invariants import check_invariants
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Signer, WebSide, digests

SMALL = "8m"
"""Room for a sam to start and to sign a little."""


class SmallDisk:
    """A tmpfs of 8 MiB over `folder`, which keeps what was in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        content = folder.with_name(folder.name + ".content")
        folder.rename(content)
        folder.mkdir(mode=content.stat().st_mode & 0o777)
        run("mount", "-t", "tmpfs", "-o", f"size={SMALL},mode={content.stat().st_mode & 0o777:o}", "tmpfs", folder)
        shutil.copytree(content, folder, dirs_exist_ok=True)

    def fill(self) -> None:
        """Leave no free block."""
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                return

    def grow(self) -> None:
        run("mount", "-o", "remount,size=64m", self.folder)


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def small_disk(installation: Installation, tmp_path: Path) -> Iterator[Callable[[str], tuple[SamProcess, SmallDisk]]]:
    """`small_disk("log")` starts a sam whose folder `log` (or `sam`, with DB-2) lies on a small disk."""
    made: list[tuple[SamProcess, SmallDisk]] = []

    def start(name: str) -> tuple[SamProcess, SmallDisk]:
        sam = installation.stopped.copy(tmp_path / "n")
        disk = SmallDisk(sam.folder / name)
        made.append((sam, disk))
        return sam.start(), disk

    yield start
    for sam, disk in made:
        sam.kill()
        run("umount", disk.folder)


may_mount = pytest.mark.xfail(os.geteuid() != 0, reason="Only root may mount a small disk.", run=False, strict=True)
"""Shown as expected failures where nobody may mount; the limit on the size of files below needs no rights."""


@may_mount
@pytest.mark.parametrize("folder", ["log", "sam"])
def test_the_disk_is_full(
    small_disk: Callable[[str], tuple[SamProcess, SmallDisk]], alice: Signer, folder: str
) -> None:
    sam, disk = small_disk(folder)
    web = sam.web
    received = [web.sign(web.approve(alice, one := digests(1)), one)]
    sad = web.approve(alice, wanted := digests(40))
    disk.fill()
    received += sign_until_it_fails(web, sad, wanted)
    assert sam.wait_for_death() == STORAGE_FAILED
    assert "storage_failed" in sam.words()
    assert "Traceback" not in sam.words()
    disk.grow()
    (disk.folder / "filler").unlink()
    all_is_well(sam, alice, received, asking=(sad, wanted))


@may_mount
def test_sam_does_not_sign_while_the_disk_stays_full(
    small_disk: Callable[[str], tuple[SamProcess, SmallDisk]], alice: Signer
) -> None:
    sam, disk = small_disk("log")
    web = sam.web
    sad = web.approve(alice, wanted := digests(40))
    disk.fill()
    received = sign_until_it_fails(web, sad, wanted)
    assert sam.wait_for_death() == STORAGE_FAILED
    for _ in range(2):
        with pytest.raises(AssertionError, match=f"sam ended with {STORAGE_FAILED}"):
            sam.start()
    disk.grow()
    all_is_well(sam, alice, received, asking=(sad, wanted))


def test_db2_may_not_grow(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    """The same without a small disk: the kernel refuses to let DB-2's journal grow (RLIMIT_FSIZE, EFBIG)."""
    sam = fresh_sam()
    assert sam.process is not None
    web, process = sam.web, sam.process.pid
    sad = web.approve(alice, wanted := digests(40))
    limit_file_size(process, sam.database.with_name("db2.sqlite-wal").stat().st_size + 8192)
    received = sign_until_it_fails(web, sad, wanted)
    assert sam.wait_for_death() == STORAGE_FAILED
    all_is_well(sam, alice, received, asking=(sad, wanted))


def sign_until_it_fails(web: WebSide, sad: bytes, wanted: tuple[bytes, ...]) -> list[Signed]:
    """What was released, one signature after the other, until there was none.

    It ends by an error of its own name or by hanging up, not by silence.
    """
    received: list[Signed] = []
    for digest in wanted:
        try:
            received.append(web.sign(sad, (digest,)))
        except (errors.StorageFailed, ConnectionLost):
            break
    assert len(received) < len(wanted)
    return received


def all_is_well(
    sam: SamProcess, alice: Signer, received: list[Signed], *, asking: tuple[bytes, tuple[bytes, ...]]
) -> None:
    """There is space again: sam starts by itself, and every signature ever given out is in the log.

    `asking` is the approval and what was asked for under it. What was released at the moment when sam ended, and whose
    answer was lost, is given to who asks again.
    """
    sam.start()
    web = sam.web
    sad, wanted = asking
    for digest in wanted:
        try:
            again = web.sign(sad, (digest,))
        except errors.NatsuinError:
            continue
        if again not in received:
            received = [*received, again]
    received = [*received, web.sign(web.approve(alice, one := digests(1)), one)]
    entries = check_invariants(sam.config.sam.log_folder, web.info.log_vkey, received)
    signed = [entry for entry in entries if entry.get("result") == "signed"]
    undelivered = [entry for entry in entries if entry["type"] == "undelivered"]
    assert len(signed) == len(received) + len(undelivered)


def limit_file_size(process: int, size: int) -> None:
    """Set RLIMIT_FSIZE of a running process (prlimit(2)); its signal is ignored by Python from the start."""
    library = ctypes.CDLL(None, use_errno=True)
    limits = (ctypes.c_ulong * 2)(ctypes.c_ulong(size).value, ctypes.c_ulong(-1).value)
    assert library.prlimit(process, resource.RLIMIT_FSIZE, limits, None) == 0, os.strerror(ctypes.get_errno())
