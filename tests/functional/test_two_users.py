"""web and sam as two operating system users (P1, P3): what code that runs as web's user can reach, tried for real."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natsuin.cli.exit_codes import CONFIGURATION, PERMISSIONS
from natsuin.cli.init import make_installation
from natsuin.settings import ConfigurationRefused
from rigs import outside_judges
from rigs.document_workshop import sample_pdf
from rigs.other_users import SAM, STRANGER, WEB, reachable, run_as
from rigs.whole_server import WholeServer, sign_document

USERS = {"web_user": str(WEB), "sam_user": str(SAM)}

ATTACK = """
import ctypes, json, os, signal, socket, struct, sys
folder, sam, supervisor, other = sys.argv[1], *map(int, sys.argv[2:])
done = []
def attempt(name, act):
    try:
        act()
        done.append(name)
    except OSError:
        pass
def read(path):
    with open(path, "rb") as file: file.read(16)
def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
def ptrace():
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(16, sam, None, None): raise OSError
    os.waitpid(sam, 0); library.ptrace(17, sam, None, None)
for name in ("sam/master.key", "sam/db2.sqlite", "sam/log-state.sqlite", "web/db1.sqlite"):
    attempt("read " + name, lambda: read(f"{folder}/{name}"))
    attempt("write " + name, lambda: os.close(os.open(f"{folder}/{name}", os.O_WRONLY)))
for name in ("sam", "web"):
    attempt("list " + name, lambda: os.listdir(f"{folder}/{name}"))
for name in ("log/new", "log/checkpoint", "log/tile/new", "config.toml", "new", "run/new", "sam/new"):
    attempt("write " + name, lambda: write(f"{folder}/{name}"))
attempt("read log", lambda: read(f"{folder}/log/checkpoint"))
attempt("read configuration", lambda: read(f"{folder}/config.toml"))
attempt("remove socket", lambda: os.rename(f"{folder}/run/sam.sock", f"{folder}/run/moved"))
for name in ("mem", "environ", "maps", "auxv"):
    attempt("sam's " + name, lambda: read(f"/proc/{sam}/{name}"))
attempt("sam's fd", lambda: os.listdir(f"/proc/{sam}/fd"))
attempt("ptrace", ptrace)
attempt("signal sam", lambda: os.kill(sam, 0))
attempt("signal supervisor", lambda: os.kill(supervisor, 0))
attempt("become root", lambda: os.setuid(0))
attempt("become the other", lambda: os.setuid(other))
def speak():
    import msgspec
    from natsuin.sam.protocol import Hello
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(f"{folder}/run/sam.sock")
        payload = msgspec.msgpack.encode((1, 5000, Hello()))
        connection.sendall(len(payload).to_bytes(4, "big") + payload)
        if not connection.recv(4): raise ConnectionError
attempt("speak", speak)
print(json.dumps(done))
"""


BECOME = """
import json, os, pathlib, runpy, sys
program, user = sys.argv[1], int(sys.argv[2])
loaded = runpy.run_path(program)
pathlib.Path(program).parent.chmod(0)
try:
    loaded["become"](loaded["Account"]("somebody", user, user))
except Exception as error:
    print(json.dumps([error.code, error.message]))
"""


def rights_in_the_unit() -> str:
    """What deploy/natsuin.service leaves the supervisor of root's rights, in the words of setpriv."""
    unit = (Path(__file__).parents[2] / "deploy/natsuin.service").read_text()
    names = re.findall(r"CAP_(\w+)", unit.split("\nCapabilityBoundingSet=")[1].splitlines()[0])
    return ",".join(f"+{name.lower()}" for name in names)


@pytest.fixture(scope="module")
def server(open_folder: Path) -> Iterator[WholeServer]:
    made = WholeServer.make(open_folder / "n", users=USERS)
    made.prefix = [*reachable(), "setpriv", f"--bounding-set=-all,{rights_in_the_unit()}"]
    made.start()
    yield made
    made.stop()


def attacked(server: WholeServer, user: int, *, groups: str = "") -> set[str]:
    """What a process of `user` managed to do."""
    assert server.process is not None
    sam, supervisor = server.process_of("sam"), server.process.pid
    other = WEB if user == SAM else SAM
    return set(run_as(user, ATTACK, server.folder, sam, supervisor, other, groups=groups))


PUBLIC = {"read log", "read configuration"}


def test_code_with_webs_user_reaches_web_and_the_socket_alone(server: WholeServer) -> None:
    mine = {"read web/db1.sqlite", "write web/db1.sqlite", "list web"}
    assert attacked(server, WEB) == {*PUBLIC, *mine, "speak"}


def test_a_third_user_does_not_come_to_the_socket(server: WholeServer) -> None:
    """Neither by itself, nor with web's group, for which the kernel's word about the caller stands in the way."""
    assert attacked(server, STRANGER) == PUBLIC
    assert attacked(server, STRANGER, groups=str(WEB)) == PUBLIC
    assert f"user {STRANGER} is not allowed" in server.errors


def test_sams_user_does_not_reach_web(server: WholeServer) -> None:
    """The attack sees what can be seen: with sam's user its files open, but not those of web, root or the way up."""
    reached = attacked(server, SAM)
    assert {"read sam/master.key", "read sam/db2.sqlite", "write log/new", "write run/new", "signal sam"} <= reached
    assert not reached & {"read web/db1.sqlite", "list web", "write config.toml", "signal supervisor", "become root"}
    assert "become the other" not in reached
    # Also sam's own user cannot look into sam.
    assert not reached & {"ptrace", "sam's mem", "sam's environ", "sam's maps", "sam's fd"}
    for left in ("log/new", "log/tile/new", "run/new", "sam/new"):
        (server.folder / left).unlink()


@pytest.mark.parametrize(("name", "user"), [("web", WEB), ("sam", SAM)])
def test_each_process_has_given_up_roots_rights(server: WholeServer, name: str, user: int) -> None:
    status = Path(f"/proc/{server.process_of(name)}/status").read_text()
    told: dict[str, Any] = dict(re.findall(r"^(\w+):[ \t]*(.*)$", status, re.MULTILINE))
    assert set(told["Uid"].split()) == set(told["Gid"].split()) == {str(user)}
    assert told["Groups"].split() == []
    assert told["NoNewPrivs"] == "1"
    assert int(told["CapPrm"], 16) == int(told["CapEff"], 16) == int(told["CapAmb"], 16) == 0


def test_a_whole_signature_and_a_killed_sam(server: WholeServer, tmp_path: Path) -> None:
    assert server.lines[0] == f"web runs as the user {WEB}, sam as {SAM}"
    signer = server.enrol(server.enrol_officer())
    signed, receipt, _ = sign_document(signer, sample_pdf())
    assert "Signature is Valid" in outside_judges.pdfsig(signed, tmp_path, "-no-ocsp", root=None)
    assert receipt.startswith("c2sp.org/tlog-proof@v1")
    os.kill(server.process_of("sam"), 9)
    server.wait_for("sam is ready", count=2)
    assert attacked(server, WEB) & {"speak", "signal sam", "read sam/master.key"} == {"speak"}
    sign_document(signer, sample_pdf())
    assert server.stop() == 0
    assert "Traceback" not in server.errors
    server.start()


@pytest.fixture
def stopped(open_folder: Path, tmp_path: Path) -> Iterator[WholeServer]:
    made = WholeServer.make(open_folder / tmp_path.name, users=USERS)
    made.prefix = reachable()
    yield made
    made.stop()


def test_a_configuration_that_web_could_change_is_refused(stopped: WholeServer) -> None:
    """Otherwise web would say who it runs as."""
    os.chown(stopped.folder / "config.toml", WEB, WEB)
    stopped.launch()
    assert stopped.wait_for_end() == PERMISSIONS
    assert "config.toml belongs to another user" in stopped.errors
    assert stopped.lines == []


def test_an_unknown_user_is_refused_by_name(stopped: WholeServer) -> None:
    file = stopped.folder / "config.toml"
    file.write_text(file.read_text().replace(f'"{WEB}"', '"no-such-user"'))
    stopped.launch()
    assert stopped.wait_for_end() == CONFIGURATION
    assert "serve.web_user" in stopped.errors
    assert "useradd" in stopped.errors


def test_a_program_that_the_user_cannot_read_is_named(open_folder: Path) -> None:
    """Every user must be able to read the program, or web and sam would fail later, at whatever they load then."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o755)
    program = closed / "accounts.py"
    program.write_text((Path(__file__).parents[2] / "src/natsuin/sam/accounts.py").read_text())
    os.chown(closed, STRANGER, STRANGER)
    told = run_as(STRANGER, BECOME, program, STRANGER)
    assert told == ["account", f"The user somebody cannot read {program}, which is part of the program."]


@pytest.mark.parametrize("users", [{"web_user": "0", "sam_user": "1"}, {"web_user": "root", "sam_user": str(SAM)}])
def test_root_is_neither(tmp_path: Path, users: dict[str, str]) -> None:
    with pytest.raises(ConfigurationRefused, match="root"):
        make_installation(tmp_path / "n", origin="http://localhost:8799", users=users)
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("users", [{"web_user": "1"}, {"web_user": "1", "sam_user": "1"}])
def test_it_takes_two(tmp_path: Path, users: dict[str, str]) -> None:
    with pytest.raises(ConfigurationRefused, match="two different users"):
        make_installation(tmp_path / "n", origin="http://localhost:8799", users=users)
