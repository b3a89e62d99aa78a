"""The sections of the configuration about the log: each value that cannot be meant is refused by name, and an authority
behind https is one whose certificate is trusted."""

import subprocess
import sys
from pathlib import Path

import pytest

from natsuin.config import ConfigurationRefused, load
from natsuin.signing_log import AuthorityUnreachable, ask_token
from rigs.loopback_tls import certified
from rigs.sam_in_process import SamRig
from rigs.time_stamping import OpenSSLAuthority, over_http

VKEY = "w.example+ec1d2f43+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
WITNESS = f'[[log.witnesses]]\nvkey = "{VKEY}"\nurl = "https://w.example"\n'
ANCHORS = '[log.anchors]\ntsa = "https://tsa.example/"\ntrust = "root.pem"\nfolder = "anchors"\n'
GOOD = {
    "witness": f"[log]\n{WITNESS}",
    "anchors": ANCHORS,
    "built in": '[log.anchors]\ntsa = "built-in"\nfolder = "a"\n',
}
BAD = {
    "unknown key": ("[log]\nmodus = 1\n", "log.modus"),
    "mode": ('[log]\nmode = "ajar"\n', "log.mode"),
    "closed without witnesses": ('[log]\nmode = "closed"\n', "needs witnesses"),
    "quorum of none": (f"[log]\nquorum = 0\n{WITNESS}", "log.quorum"),
    "quorum too large": (f"[log]\nquorum = 2\n{WITNESS}", "quorum is larger"),
    "seconds": ("[log]\nseconds = 0.01\n", "log.seconds"),
    "seconds as text": ('[log]\nseconds = "two"\n', "log.seconds"),
    "retention": ("[log.retention]\nyears = 0\n", "log.retention.years"),
    "retention of a century": ("[log.retention]\nyears = 101\n", "log.retention.years"),
    "witness without key": ('[[log.witnesses]]\nurl = "https://w.example"\n', "log.witnesses.0.vkey"),
    "no verifier key": (f"[log]\n{WITNESS.replace('w.example+', 'w example+')}", "log.witnesses.0.vkey"),
    "witness by http": (f"[log]\n{WITNESS.replace('https', 'http')}", "asked by https"),
    "witness by ftp": (f"[log]\n{WITNESS.replace('https', 'ftp')}", "write the address of a witness"),
    "witness with a password": (f"[log]\n{WITNESS.replace('//w', '//me:x@w')}", "write the address of a witness"),
    "witness with a bad port": (
        f"[log]\n{WITNESS.replace('https://w.example', 'https://w.example:99999')}",
        "write the address of a witness",
    ),
    "tsa is no address": (ANCHORS.replace("https://tsa.example/", "tsa.example"), "log.anchors.tsa"),
    "tsa by ftp": (ANCHORS.replace("https:", "ftp:"), "write the address of a time-stamp authority"),
    "tsa with a password": (ANCHORS.replace("//tsa", "//me:x@tsa"), "write the address of a time-stamp authority"),
    "tsa with a bad port": (ANCHORS.replace("example/", "example:x/"), "write the address of a time-stamp authority"),
    "an address without roots": (ANCHORS.replace('trust = "root.pem"\n', ""), "trust names the roots"),
    "built-in with roots": (ANCHORS.replace("https://tsa.example/", "built-in"), "trust names the roots"),
    "no folder": (ANCHORS.replace('folder = "anchors"\n', ""), "log.anchors.folder"),
    "no hours": (f"{ANCHORS}hours = 0\n", "log.anchors.hours"),
    "too many hours": (f"{ANCHORS}hours = 745\n", "log.anchors.hours"),
    "no such key": (f'{ANCHORS}url = "x"\n', "log.anchors.url"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that was just made."""
    folder = tmp_path_factory.mktemp("made")
    SamRig.make(folder).close()
    return folder


def with_section(made: Path, text: str) -> Path:
    file = made / "other.toml"
    file.write_text(f"{(made / 'config.toml').read_text()}\n{text}")
    return file


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_can_be_meant_is_taken(made: Path, text: str) -> None:
    assert load(with_section(made, text)).log


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_meant_is_refused_by_name(made: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        load(with_section(made, text))
    said = f"{refused.value.message} {refused.value.hint or ''}"
    assert told in said
    assert "log" in said
    assert "me:x" not in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        BAD["quorum too large"],
        BAD["an address without roots"],
        (ANCHORS, "log.anchors.trust"),
        (f"[log]\n{WITNESS.replace('ec1d2f43', 'ec1d2f44')}", "key"),
    ],
    ids=["quorum", "anchors", "no file of roots", "the id of another key"],
)
def test_sam_does_not_start_and_says_why(made: Path, text: str, told: str) -> None:
    command = [sys.executable, "-m", "natsuin.cli", "sam", "--config", str(with_section(made, text))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_authority_behind_https_is_known_by_its_certificate(tmp_path: Path) -> None:
    authority = OpenSSLAuthority(tmp_path / "tsa")
    context, pem = certified(tmp_path)
    with over_http(authority.answer, tls=context) as address:
        assert address.startswith("https://")
        assert "Verification: OK" in authority.verify(ask_token(address, b"x", "sha256", authority=pem), b"x")
        for other in (None, authority.root):
            with pytest.raises(AuthorityUnreachable, match="not trusted"):
                ask_token(address, b"x", "sha256", authority=other)
        with pytest.raises(AuthorityUnreachable, match="not trusted"):
            ask_token(address.replace("127.0.0.1", "localhost"), b"x", "sha256", authority=pem)
        with pytest.raises(AuthorityUnreachable, match="not usable"):
            ask_token(address, b"x", "sha256", authority=tmp_path / "nowhere.pem")
        with pytest.raises(AuthorityUnreachable, match="does not answer"):
            ask_token(address.replace("https", "http"), b"x", "sha256")


def test_sam_gets_anchors_from_an_authority_behind_https(tmp_path: Path) -> None:
    authority = OpenSSLAuthority(tmp_path / "tsa")
    context, pem = certified(tmp_path)
    with over_http(authority.answer, tls=context) as address:
        (tmp_path / "n").mkdir()
        rig = SamRig.make(tmp_path / "n")
        section = f'[log.anchors]\ntsa = "{address}"\ntrust = "{authority.root}"\nfolder = "anchors"\n'
        rig.config = load(with_section(tmp_path / "n", f'{section}authority = "{pem}"\n'))
        rig.reopen()
        rig.sam.handlers.anchors.round()
        assert not rig.sam.handlers.anchors.missing
        rig.config = load(with_section(tmp_path / "n", section))
        rig.reopen()
        rig.sam.handlers.anchors.interval *= 0
        rig.sam.handlers.anchors.round()
        assert rig.sam.handlers.anchors.missing
        rig.close()
