"""`natsuin log anchor` and `natsuin log anchors` with OpenSSL as the authority, and with authorities that lie."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.signing_log import parse_record, walk_hash_tree
from rigs.loopback_tls import certified
from rigs.time_stamping import OpenSSLAuthority, over_http


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return OpenSSLAuthority(tmp_path_factory.mktemp("tsa") / "own")


@pytest.fixture
def stage(place, authority, tmp_path):
    return Stage(place, authority, tmp_path / "anchors")


class Stage:
    """A log of five entries, its folder of anchors, and commands about them."""

    def __init__(self, place, authority, folder):
        self.place, self.authority, self.folder = place, authority, folder
        self.vkey = place.fill(5)

    def run(self, name, *arguments, trust=None):
        common = [name, self.place.folder, "--vkey", self.vkey, "--trust", trust or self.authority.root]
        return CliRunner().invoke(log, [str(each) for each in (*common, *arguments)])

    def anchor(self, *arguments, answer=None, trust=None, **options):
        with over_http(answer or self.authority.answer, **options) as address:
            return self.run("anchor", "--tsa", address, "--out", self.folder, *arguments, trust=trust)

    def check(self, **options):
        return self.run("anchors", "--folder", self.folder, **options)

    def files(self):
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}


def test_openssl_stamps_and_accepts_what_is_kept(stage):
    result = stage.anchor("--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["anchors"][0]["size"] == 5
    kept = stage.files()
    assert kept["5.checkpoint"] == (stage.place.folder / "checkpoint").read_bytes()
    token = parse_record(kept["5.ers"]).chains[0][0].token
    assert "Verification: OK" in stage.authority.verify(token, kept["5.checkpoint"])
    assert stage.check().stdout.startswith("holds: 5 entries existed at ")


def test_a_checkpoint_is_anchored_once(stage):
    assert stage.anchor().exit_code == 0
    before = stage.files()
    result = stage.anchor(answer=lambda _: pytest.fail("the authority was asked again"))
    assert (result.exit_code, result.stdout[:9]) == (0, "was there")
    assert stage.files() == before


def test_a_log_that_was_cut_off_is_found_and_not_anchored(stage):
    older = (stage.place.folder / "checkpoint").read_bytes()
    stage.place.fill(3, start=5)
    assert stage.anchor().exit_code == 0
    (stage.place.folder / "checkpoint").write_bytes(older)
    before = stage.files()
    for result in (stage.check(), stage.anchor()):
        assert result.exit_code == 1
        assert "of more entries than the newer one" in result.output
    assert stage.files() == before


def test_many_anchors_are_renewed_under_one_token(stage):
    for start in (5, 6, 7):
        assert stage.anchor().exit_code == 0
        stage.place.fill(1, start=start)
    stage.anchor()
    assert stage.anchor("--renew").stdout == "no anchor needs it\n"
    asked = []
    stage.authority.certify(800)

    def answer(request):
        asked.append(request)
        return stage.authority.answer(request)

    result = stage.anchor("--renew", "--within", 500, answer=answer)
    stage.authority.certify(400)
    assert (result.exit_code, len(asked)) == (0, 1), result.output
    assert result.stdout.count("renewed:") == 4
    assert stage.check().exit_code == 0
    newest = {parse_record(file).chains[0][1].token for name, file in stage.files().items() if name.endswith(".ers")}
    assert len(newest) == 1
    one = parse_record(stage.files()["5.ers"]).chains[0]
    assert "Verification: OK" in stage.authority.verify(
        one[1].token, walk_hash_tree(one[0].token, one[1].lists, "sha256")
    )


def test_the_hash_is_renewed(stage):
    assert stage.anchor().exit_code == 0
    stage.place.fill(1, start=5)
    assert stage.anchor().exit_code == 0
    assert stage.anchor("--renew", "--new-hash", "sha512").stdout.count("sha512, time-stamps: 2") == 2
    assert stage.check().exit_code == 0
    assert stage.anchor("--renew", "--new-hash", "sha384").stdout == "no anchor needs it\n"


def test_a_renewal_that_proves_no_longer_changes_nothing(stage):
    assert stage.anchor().exit_code == 0
    before = stage.files()
    stage.authority.certify(50)
    result = stage.anchor("--renew", "--within", 500)
    stage.authority.certify(400)
    assert result.exit_code == 1, result.output
    assert stage.files() == before


def test_an_authority_that_is_not_trusted(stage, tmp_path):
    other = OpenSSLAuthority(tmp_path / "other")
    assert stage.anchor(answer=other.answer).exit_code == 1
    assert stage.files() == {}
    assert stage.anchor().exit_code == 0
    result = stage.check(trust=other.root)
    assert (result.exit_code, result.stdout[:9]) == (1, "NOT VALID")


@pytest.mark.parametrize(
    ("code", "answer", "options"),
    [
        (1, lambda good: b"", {}),
        (1, lambda good: b"\x30\x80" * 60_000, {}),
        (1, lambda good: bytes.fromhex("3005300302010230"), {}),
        (1, lambda good: bytes.fromhex("30053003020102"), {}),
        (1, lambda good: good[:-1] + bytes([good[-1] ^ 1]), {}),
        (1, lambda good: good + b"\0", {}),
        (2, lambda good: b"\0" * (256 * 1024 + 1), {}),
        (2, lambda good: good, {"status": 503}),
        (2, lambda good: good, {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}),
        (2, lambda good: good, {"headers": {"Content-Encoding": "gzip"}}),
        (2, lambda good: good, {"headers": {"Content-Length": "100000"}}),
    ],
)
def test_a_hostile_authority_leaves_nothing(stage, code, answer, options):
    result = stage.anchor(answer=lambda request: answer(stage.authority.answer(request)), **options)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert stage.files() == {}


def test_an_answer_to_an_earlier_request(stage):
    asked = []

    def remember(request):
        asked.append(stage.authority.answer(request))
        return asked[0]

    assert stage.anchor(answer=remember).exit_code == 0
    for file in stage.folder.iterdir():
        file.unlink()
    assert stage.anchor(answer=remember).exit_code == 1
    assert stage.files() == {}


def test_changed_files_are_found(stage):
    assert stage.anchor().exit_code == 0
    stage.place.fill(1, start=5)
    assert stage.anchor().exit_code == 0
    kept = stage.files()
    changed = {
        "5.ers": [kept["6.ers"], b"", b"junk", kept["5.ers"][:-1] + bytes([kept["5.ers"][-1] ^ 1])],
        "5.checkpoint": [kept["6.checkpoint"], b"", b"junk"],
    }
    for name, contents in changed.items():
        for content in contents:
            (stage.folder / name).write_bytes(content)
            result = stage.check()
            assert result.exit_code == 1, (name, content[:20], result.output)
            assert "NOT VALID: 5 entries" in result.stdout
            assert "holds: 6 entries" in result.stdout
        (stage.folder / name).write_bytes(kept[name])
    (stage.folder / "5.checkpoint").unlink()
    assert stage.check().exit_code == 1


def test_what_cannot_be_told(stage):
    stage.folder.mkdir()
    result = stage.check()
    assert (result.exit_code, result.stdout) == (2, "")
    arguments = ("--tsa", "http://127.0.0.1:1/", "--out", stage.folder)
    assert stage.run("anchor", *arguments).exit_code == 2
    assert stage.run("anchor", *arguments, "--new-hash", "sha512").exit_code == 2


def test_a_certificate_that_ended_before_the_renewal(stage, monkeypatch):
    from natsuin.clock import SystemClock

    assert stage.anchor().exit_code == 0
    later = SystemClock().now() + timedelta(days=450)
    monkeypatch.setattr(SystemClock, "now", lambda _: later)
    for result in (stage.check(), stage.anchor("--renew")):
        assert result.exit_code == 1
        assert "was not renewed in time" in result.output


def test_an_authority_behind_https_is_named_by_its_certificate(stage, tmp_path):
    """No other certificate authority counts then, and without it only the operating system's do."""
    tls, pem = certified(tmp_path)
    assert stage.anchor(tls=tls).exit_code == 2
    assert stage.anchor("--authority", stage.authority.root, tls=tls).exit_code == 2
    assert not stage.folder.exists() or not list(stage.folder.glob("*.ers"))
    result = stage.anchor("--authority", pem, tls=tls)
    assert result.exit_code == 0, result.output
    assert stage.check().exit_code == 0
