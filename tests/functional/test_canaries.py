"""Known secrets, taken through everything the service does with them, are afterwards where they belong and nowhere
else: not in files, deleted rows, temporary files, words of processes, command lines, environments or core dumps (P3).
"""

import base64
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin import errors
from natsuin.cli.demo.tokens import make_trial_token
from rigs.canaries import Canaries, descendants
from rigs.canary_story import PIN, WRONG, CanaryStory, number_of
from rigs.file_keeper import FileKeeper
from rigs.key_envelopes import PASSWORD, ImportingAuthority
from rigs.key_imports import Importing, switch_on
from rigs.sam_in_process import SamRig, make_installation
from rigs.sam_process import SamProcess
from rigs.tokens import eventually
from rigs.web_side import digests

KEPT = {("document", "web/db1.sqlite"), ("document", "web/db1.sqlite-wal"), ("master key", "sam/master.key")}
"""Where docs/trust.md says that these are."""
IN_MEMORY = {"PIN", "SAD", "signer key", "key derived from the PIN", "service key", "master key"}
"""What docs/limitations.md says may still be in sam's memory: the first four until chance overwrites them."""
PEOPLE = ("山田 太郎".encode(), b"taro@example.jp", "例示株式会社".encode())


@dataclass
class Told:
    """The story, told to its end, and what was seen on the way."""

    story: CanaryStory
    status: dict[str, str] = field(default_factory=dict)
    memory: set[str] = field(default_factory=set)
    while_running: set[tuple[str, str]] = field(default_factory=set)


@pytest.fixture(scope="module", params=("software", "softhsm2"))
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Both processes went through the whole story; sam was ended by SIGABRT, and the rest as usual."""
    folder = tmp_path_factory.mktemp("canaries")
    vault = None
    if request.param != "software":
        token = make_trial_token(request.param, folder / "token")
        vault = token.vault_section()
    story = CanaryStory.make(folder, vault)
    if vault:
        story.know("token's PIN", token.pin)
    try:
        yield tell(story)
    finally:
        story.keeper.stop()
        story.server.stop()


def tell(story: CanaryStory) -> Told:
    told, server = Told(story), story.server
    story.start()
    story.people()
    story.sign_in_the_portal()
    story.change_secrets()
    story.sign_over_the_socket()
    story.archive_and_restore()
    told.while_running = story.canaries.found_in_files(server.folder)
    server.stop()
    for kind in ("split", "rotate"):
        story.ceremony(kind)
    story.learn_keys()
    story.start()
    story.sign_over_the_socket()
    sam = server.process_of("sam")
    lines = Path(f"/proc/{sam}/status").read_text().splitlines()
    told.status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if os.geteuid() == 0:
        told.memory = story.canaries.found_in_memory(sam)
    os.kill(sam, signal.SIGABRT)
    server.wait_for("SIGABRT")
    server.wait_for("sam is ready", count=2)
    server.stop()
    story.keeper.stop()
    story.said += server.lines
    return told


def test_every_file_holds_what_it_should_and_no_secret_more(told: Told) -> None:
    story = told.story
    found = story.canaries.found_in_files(story.server.folder)
    assert found <= KEPT
    # What should be there is found: the scan reads what it says it reads.
    assert {("document", "web/db1.sqlite"), ("master key", "sam/master.key")} <= found
    assert {name for name, _ in story.canaries.found_in_files(story.folder / "shares")} == {"share"}


def test_files_hold_no_secret_while_both_run(told: Told) -> None:
    """With the write-ahead logs of both databases. Keys are not known yet then; shares are not made."""
    assert told.while_running <= KEPT
    assert told.while_running


def test_no_secret_is_said(told: Told) -> None:
    story = told.story
    words = "\n".join(story.said) + story.server.errors
    assert "sam is ready" in words
    assert story.canaries.found_in(words.encode()) == set()
    for person in PEOPLE:
        assert person not in words.encode()


def test_no_secret_is_in_an_environment_or_a_command_line(told: Told) -> None:
    keeper = told.story.keeper
    assert b"natsuin.cli" in keeper.words
    assert told.story.canaries.found_in(keeper.words) == set()


def test_temporary_files_hold_no_secret(told: Told) -> None:
    story = told.story
    assert {name for name, _ in story.canaries.found_in_files(story.keeper.kept)} <= {"document"}


def test_people_are_named_in_the_databases_only(told: Told) -> None:
    folder = told.story.server.folder
    naming = {
        path.relative_to(folder).parts[:2]
        for path in folder.rglob("*")
        if path.is_file() and any(person in path.read_bytes() for person in PEOPLE)
    }
    assert {name for _, name in naming} <= {"db1.sqlite", "db2.sqlite", "db1.sqlite-wal", "db2.sqlite-wal", "archives"}
    assert naming


def test_an_aborted_sam_leaves_no_core_dump(told: Told) -> None:
    """Whoever started it allowed core dumps of any size."""
    assert told.status["CoreDumping"] == "0"
    places = {told.story.folder, Path.cwd()}
    assert [file for place in places for file in place.rglob("core*") if file.is_file() and is_core(file)] == []


def is_core(file: Path) -> bool:
    with file.open("rb") as content:
        head = content.read(18)
    return head[:4] == b"\x7fELF" and head[16:18] == b"\x04\x00"


def test_no_memory_is_in_swap(told: Told) -> None:
    assert told.status["VmSwap"].split()[0] == "0"
    if os.geteuid() == 0:
        assert int(told.status["VmLck"].split()[0]) >= int(told.status["VmRSS"].split()[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can read sam's memory, which is what hardening is for.")
def test_what_stays_in_memory_is_what_the_limitations_say(told: Told) -> None:
    """After signatures have ended no private key of the signer is there; nor is anything that only web knows."""
    assert told.memory <= IN_MEMORY
    assert "service key" in told.memory


def test_a_database_on_postgresql_holds_no_secret(
    postgresql_server: object, postgresql_url: str, tmp_path: Path
) -> None:
    (tmp_path / "n").mkdir()
    config, token = make_installation(tmp_path / "n", database=postgresql_url)
    sam, canaries = SamProcess(tmp_path / "n").start(), Canaries()
    web = sam.web
    canaries.add("invitation", token)
    officer = web.register_officer(token)
    invitation = web.invite(officer)
    canaries.add("invitation", invitation.token)
    alice = web.enrol(invitation, pin=PIN)
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    web.sign(sad, wanted)
    with pytest.raises(errors.WrongSecret):
        web.activate(alice, web.instruct(alice, wanted), pin=WRONG)
    sam.stop()
    secrets = {"PIN": PIN, "wrong PIN": WRONG, "recovery code": alice.recovery_code, "SAD": sad}
    for name, secret in (*secrets.items(), ("master key", config.sam.master_key_file.read_bytes())):
        canaries.add(name, secret)
    canaries.add("control", alice.user_id)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (data,) = connection.execute("SHOW data_directory").fetchone()  # type: ignore[misc]
    assert {name for name, _ in canaries.found_in_files(Path(data))} == {"control"}


def test_an_imported_key_is_in_no_file(tmp_path: Path) -> None:
    """Neither the key nor the password of its file, whether it was taken in or only proposed."""
    canaries, authority = Canaries(), ImportingAuthority()
    (tmp_path / "n").mkdir()
    rig = SamRig.make(tmp_path / "n")
    switch_on(rig, authority, tmp_path / "n")
    importing = Importing(rig, authority)
    for taken_in in (True, False):
        key = ec.generate_private_key(ec.SECP256R1())
        canaries.add("imported key", number_of(key))
        (importing.take_in if taken_in else importing.propose)(importing.envelope(key))
    canaries.add("password", PASSWORD)
    canaries.add("control", importing.signer.user_id)
    rig.close()
    assert {name for name, _ in canaries.found_in_files(tmp_path)} == {"control"}


# The scanner finds what it looks for.

SECRET = bytes(range(200, 232))
LONG = bytes((7 * number + 3) % 256 for number in range(384))


@pytest.mark.parametrize("secret", [SECRET, LONG, PIN.encode()], ids=["key", "RSA number", "PIN"])
def test_every_spelling_of_a_planted_secret_is_found(secret: bytes, tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.add("planted", secret)
    text = base64.b64encode(b"before" + secret + b"after")
    pem = b"-----BEGIN PRIVATE KEY-----\n" + b"\n".join(text[n : n + 64] for n in range(0, len(text), 64)) + b"\n"
    spelt = {
        "raw": secret,
        "little-endian": secret[::-1],
        "DER": b"\x30\x82\x01\x02\x02\x20" + secret + b"\x02",
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
        "PEM": pem,
        "PEM of Windows": pem.replace(b"\n", b"\r\n"),
        **{f"base64 {n}": base64.b64encode(bytes(n) + secret) for n in range(3)},
        **{f"base64url {n}": base64.urlsafe_b64encode(bytes(n) + secret).rstrip(b"=") for n in range(3)},
    }
    for name, content in spelt.items():
        assert canaries.found_in(b"\1\2" + content + b"\3") == {"planted"}, name
    (tmp_path / "file").write_bytes(bytes(5000) + secret)
    assert canaries.found_in_files(tmp_path) == {("planted", "file")}
    assert canaries.found_in(bytes(5000) + secret[1:12]) == set()


def test_a_deleted_row_is_found_in_the_database_file(tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.add("planted", LONG)
    connection = sqlite3.connect(tmp_path / "file")
    connection.executescript("PRAGMA secure_delete = OFF; PRAGMA journal_mode = WAL; CREATE TABLE t (x BLOB)")
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (bytes(9000) + LONG,))
    assert ("planted", "file-wal") in canaries.found_in_files(tmp_path)
    with connection:
        connection.execute("DELETE FROM t")
    connection.close()
    assert canaries.found_in_files(tmp_path) == {("planted", "file")}


def test_a_passing_file_and_a_word_in_an_environment_are_found(tmp_path: Path) -> None:
    """The keeper sees a file that is deleted again, one without a name, the environment and the memory of a child."""
    canaries = Canaries()
    canaries.add("planted", SECRET)
    canaries.add("told", PIN)
    canaries.add("file", LONG)
    for name in ("tmp", "kept"):
        (tmp_path / name).mkdir()
    script = """
import os, subprocess, sys, tempfile
child = "import sys, tempfile; secret = bytes(range(200, 232)); f = tempfile.TemporaryFile(); f.write(secret);" \
    "f.flush(); print('ready', flush=True); sys.stdin.read()"
os.environ["WORD"] = sys.argv[1]
held = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE)
with tempfile.NamedTemporaryFile() as file:
    file.write(bytes((7 * number + 3) % 256 for number in range(384)))
    file.flush()
    sys.stdin.readline()
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, "nothing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp"), "CANARY": PIN},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    keeper = FileKeeper(tmp_path / "tmp", tmp_path / "kept")
    keeper.watch(process.pid)
    eventually(lambda: len(list((tmp_path / "kept").iterdir())) >= 2)
    eventually(lambda: "told" in canaries.found_in(keeper.words))
    child = (descendants(process.pid) - {process.pid}).pop()
    if os.geteuid() == 0:
        assert "planted" in canaries.found_in_memory(child)
    process.stdin.write(b"\n")
    process.stdin.flush()
    eventually(lambda: list((tmp_path / "tmp").iterdir()) == [])
    keeper.stop()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert {name for name, _ in canaries.found_in_files(tmp_path / "kept")} == {"planted", "file"}
