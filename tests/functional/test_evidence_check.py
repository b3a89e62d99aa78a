"""The evidence of the demonstration before the stand-alone checker: accepted as it is, refused when it is changed."""

import base64
import copy
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from click.testing import CliRunner

from natsuin.cli.evidence import evidence as command
from natsuin.cli.log import log as log_command
from natsuin.validation import EvidenceReport, judge_evidence, read_evidence

ROOT = Path(__file__).parents[2]
NOT_COVERED = {("key", "backend"), ("key", "origin")}
"""docs/evidence.md says that nothing proves these."""
BOUNDED = {("approved_at",)}
"""Checked against the log's time and the record, to a minute."""


class Court:
    """What lies before the court: the bundle that `natsuin log evidence` made, and what it is checked with."""

    def __init__(self, demonstration: Path, folder: Path) -> None:
        self.vkey = (demonstration / "log.vkey").read_text().strip()
        self.trust = [(demonstration / "ca.pem").read_bytes()]
        self.document = (demonstration / "signed.pdf").read_bytes()
        self.file = folder / "court.json"
        arguments = ["evidence", demonstration / "log", "--vkey", self.vkey, "--out", self.file]
        arguments += ["--evidence", demonstration / "evidence.json", "--document", demonstration / "signed.pdf"]
        made = CliRunner().invoke(log_command, list(map(str, arguments)))
        assert made.exit_code == 0, made.output
        self.told: dict[str, Any] = json.loads(self.file.read_text())

    def judge(self, told: Any, *, document: bytes | None = None) -> EvidenceReport:
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        return judge_evidence(read_evidence(content, self.vkey, self.trust, document=document))


@pytest.fixture(scope="module")
def court(demonstration: Path, tmp_path_factory: pytest.TempPathFactory) -> Court:
    return Court(demonstration, tmp_path_factory.mktemp("court"))


def statuses(report: EvidenceReport) -> dict[str, str]:
    return {line.name: line.status for line in report.lines}


def test_every_claim_of_the_demonstration_holds(court):
    report = court.judge(court.told, document=court.document)
    told = statuses(report)
    assert told.pop("anchor") == "absent", "the demonstration has no time anchors"
    assert (report.overall, set(told.values())) == ("valid", {"good"}), report.as_text("en")
    assert report.about["signer"] == "山田 太郎"
    assert "一致" in report.as_text("ja")


def test_without_the_document_its_line_is_absent(court):
    report = court.judge(court.told)
    assert (report.overall, statuses(report)["document"]) == ("valid", "absent")


def test_what_the_server_gives_is_enough_with_the_document(court, demonstration):
    told = json.loads((demonstration / "evidence.json").read_text())
    assert court.judge(told, document=court.document).overall == "valid"
    assert statuses(court.judge(told))["time_stamp"] == "absent"


def places(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value, leaves and what holds them, with the way to it."""
    if path:
        yield path, told
    if isinstance(told, dict):
        for name, value in told.items():
            yield from places(value, (*path, name))
    elif isinstance(told, list):
        for number, value in enumerate(told):
            yield from places(value, (*path, number))


def changed(told: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(told)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made


def mutations(value: Any) -> list[Any]:
    """Other values in the place of `value`; `...` for none."""
    others: list[Any] = [..., None, True, [], {}, 10**30, -1, 0.5, "", "A", [[]], {"a": "b"}]
    if isinstance(value, str):
        middle = len(value) // 2
        flipped = "B" if value[middle : middle + 1] != "B" else "C"
        others += [value[:-1], value + "A", value[:middle] + flipped + value[middle + 1 :], value + "\n", " " + value]
    if isinstance(value, int):
        others += [value + 1, value - 1, str(value), value + 2**64]
    if isinstance(value, list):
        others += [value + value, value[:-1]]
    return [other for other in others if other != value or type(other) is not type(value)]


def test_every_field_matters(court):
    """Each value of the bundle is left out, replaced and spoilt; the verdict is never again the same."""
    honest = statuses(court.judge(court.told))
    unseen = []
    for path, value in places(court.told):
        for other in mutations(value):
            try:
                report = court.judge(changed(court.told, path, other))
            except ValueError:
                continue
            bounded = path in BOUNDED and isinstance(other, int) and abs(other - value) < 2
            # The root comes from --trust, so evidence may leave it out.
            rootless = path[0] == "certificates" and ((other is ... and path[-1] == 2) or other == value[:-1])
            absent = path == ("approval", "user_handle") and value is None and other is ...
            if statuses(report) == honest and path not in NOT_COVERED and not (bounded or rootless or absent):
                unseen.append((path, other))
    assert [path for path, _ in unseen] == []


def test_what_is_not_covered_is_said_in_the_docs():
    page = (ROOT / "docs/evidence.md").read_text()
    section = page[page.index("## What it does not show") :]
    for path in NOT_COVERED:
        assert f"`{'.'.join(path)}`" in section


def test_members_of_the_record_matter(court):
    """The record is one text in the bundle: each of its members, changed inside, breaks approval and log entries."""
    record = json.loads(court.told["record"])
    for path, value in places(record):
        for other in mutations(value)[:7]:
            text = json.dumps(changed(record, path, other), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            found = statuses(court.judge({**court.told, "record": text}))
            assert (found["approval"], found["approval_logged"], found["uses"]) == ("bad", "bad", "bad"), path


def test_every_line_can_be_the_only_bad_one_or_names_its_own_cause(court):
    """Which line speaks of which attack: no line hides behind another."""

    def other_signature(told: Any) -> None:
        told["uses"][0]["signatures"] = [base64.urlsafe_b64encode(bytes(384)).decode()]

    def other_checkpoint(told: Any) -> None:
        told["uses"][0]["intent"] = told["uses"][0]["intent"].rsplit(" ", 1)[0] + " " + "A" * 92 + "\n"

    def other_path(told: Any) -> None:
        lines = told["uses"][0]["intent"].split("\n")
        told["uses"][0]["intent"] = "\n".join([*lines[:3], base64.b64encode(bytes(32)).decode(), *lines[4:]])

    attacks = {
        "signature": other_signature,
        "checkpoint": other_checkpoint,
        "inclusion": other_path,
        "uses": lambda told: told["uses"][0]["opening"]["fields"]["first"].update(salt="A" * 43),
        "approval_logged": lambda told: told["approved_entry"]["opening"]["fields"]["user"].update(salt="A" * 43),
        "digests": lambda told: told["uses"][0].update(first=1),
        "certificate": lambda told: told["certificates"].pop(1),
        "time_stamp": lambda told: told.update(time_stamps=[told["time_stamps"][0][:-8] + "AAAAAAAA"]),
    }
    for name, attack in attacks.items():
        told = copy.deepcopy(court.told)
        attack(told)
        report = court.judge(told)
        assert (statuses(report)[name], report.overall) == ("bad", "not_valid"), name


def openings(told: Any) -> list[dict[str, Any]]:
    return [told["approved_entry"]["opening"], *(use["opening"] for use in told["uses"])]


def test_a_withheld_field_is_said_to_be_withheld(court, demonstration, tmp_path):
    """Of what is withheld nothing is left but its name; lines that need it say so, and the others hold."""
    lines = {"client": set(), "record_sha256": {"uses", "approval_logged"}, "assertion_sha256": {"approval_logged"}}
    for name, unknown in lines.items():
        file = tmp_path / "less.json"
        arguments = ["evidence", demonstration / "log", "--vkey", court.vkey, "--withhold", name, "--out", file]
        made = CliRunner().invoke(log_command, [*map(str, arguments), "--evidence", str(court.file)])
        assert made.exit_code == 0, made.output
        told = json.loads(file.read_text())
        fields = [each["fields"][name] for each in openings(told) if name in each["fields"]]
        assert fields
        assert all(set(each) == {"hash"} for each in fields)
        report = court.judge(told)
        assert {line.name for line in report.lines if line.status == "unknown"} == unknown
        assert {line.code for line in report.lines if line.status == "unknown"} <= {"field_withheld"}
        assert report.overall == ("cannot_tell" if unknown else "valid")


def test_fields_cannot_be_exchanged_between_openings(court):
    """Not for those of another entry, though both are genuine, nor can a field be hidden, added or renamed."""

    def of_another_entry(told: Any) -> None:
        told["uses"][0]["opening"]["fields"]["user"] = told["approved_entry"]["opening"]["fields"]["user"]

    def another_entry(told: Any) -> None:
        told["uses"][0]["opening"] = {**told["approved_entry"]["opening"], "tx": told["uses"][0]["opening"]["tx"]}

    def hidden(told: Any) -> None:
        del told["uses"][0]["opening"]["fields"]["client"]

    def added(told: Any) -> None:
        told["uses"][0]["opening"]["fields"]["level"] = {"hash": "A" * 43}

    def swapped(told: Any) -> None:
        fields = told["uses"][0]["opening"]["fields"]
        fields["user"], fields["client"] = fields["client"], fields["user"]

    def read_in_two_ways(told: Any) -> None:
        fields = told["uses"][0]["opening"]["fields"]
        fields["first"]["value"] += ',"x":1'

    for attack in (of_another_entry, another_entry, hidden, added, swapped, read_in_two_ways):
        told = copy.deepcopy(court.told)
        attack(told)
        assert statuses(court.judge(told))["uses"] == "bad", attack.__name__


def test_another_root_log_or_document_is_not_believed(court, demonstration):
    other = court.vkey.replace(court.vkey[-6:-2], "AAAA")
    with pytest.raises(ValueError, match="key"):
        read_evidence(court.file.read_bytes(), other, court.trust)
    untrusted = judge_evidence(read_evidence(court.file.read_bytes(), court.vkey, []))
    assert (untrusted.overall, statuses(untrusted)["certificate"]) == ("cannot_tell", "unknown")
    for document in (b"", b"%PDF-1.7", court.document[:-1], court.document.replace(b"/ByteRange", b"/ByteRangf")):
        assert statuses(court.judge(court.told, document=document))["document"] == "bad"
    flipped = bytearray(court.document)
    flipped[100] ^= 1
    assert statuses(court.judge(court.told, document=bytes(flipped)))["document"] == "bad"
    longer = court.judge(court.told, document=court.document + b"\n% more")
    assert (statuses(longer)["document"], longer.overall) == ("unknown", "cannot_tell")


def test_a_witness_that_was_asked_for_must_have_signed(court):
    witness = "witness.example.jp/w1+66d92504+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
    report = judge_evidence(read_evidence(court.file.read_bytes(), court.vkey, court.trust, witnesses=[witness]))
    assert (report.overall, statuses(report)["checkpoint"]) == ("cannot_tell", "unknown")


JUNK = {
    "nothing": b"",
    "words": b"nonsense",
    "a list": b"[]",
    "null": b"null",
    "no UTF-8": b"\xff\xfe",
    "deep lists": b"[" * 1_000_000,
    "deep objects": b'{"a":' * 100_000,
    "a number": b"1" * 10_000,
    "a name twice": b'{"a":1,"a":1}',
    "infinity": b'{"a":1e999}',
    "no number": b'{"a":NaN}',
    "a huge number": b'{"a":' + b"9" * 5000 + b"}",
    "too much": b" " * (16 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("content", JUNK.values(), ids=JUNK)
def test_junk_is_refused_in_words(court, content):
    with pytest.raises(ValueError, match=r"[a-z]{3}"):
        court.judge(content)


@pytest.mark.parametrize("content", [b"{}", b'{"format":"natsuin-evidence/v1"}', b'{"record":"\\ud800"}'])
def test_evidence_of_nothing_is_not_valid(court, content):
    assert court.judge(content).overall == "not_valid"


def test_closed_openings_are_no_verdict(court, demonstration, tmp_path):
    for what, line in (("approval", "approval_logged"), ("uses", "uses")):
        arguments = ["evidence", str(demonstration / "log"), "--vkey", court.vkey, "--close", what]
        closed = CliRunner().invoke(log_command, [*arguments, "--evidence", str(court.file)])
        assert closed.exit_code == 0, closed.output
        report = court.judge(json.loads(closed.stdout))
        assert (statuses(report)[line], report.overall) == ("unknown", "cannot_tell")


def test_evidence_of_another_log_is_not_brought_up_to_date(court, demonstration, tmp_path):
    told = copy.deepcopy(court.told)
    told["uses"][0]["intent"] = told["uses"][0]["outcome"].replace("index 8", "index 7")
    (tmp_path / "file").write_text(json.dumps(told))
    arguments = ["evidence", str(demonstration / "log"), "--vkey", court.vkey, "--evidence", str(tmp_path / "file")]
    assert CliRunner().invoke(log_command, arguments).exit_code == 1


def test_the_command_prints_and_draws_a_report(court, demonstration, tmp_path):
    arguments = ["check", str(court.file), "--vkey", court.vkey, "--trust", str(demonstration / "ca.pem")]
    for language, word in (("ja", "パスキーによる承認"), ("en", "Approval by passkey")):
        drawn = tmp_path / f"{language}.pdf"
        result = CliRunner().invoke(command, [*arguments, "--lang", language, "--pdf", str(drawn)])
        assert (result.exit_code, word in result.stdout) == (0, True), result.output
        text = "".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(drawn))
        assert word in text
    told = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)
    assert told["overall"] == "valid"
    (tmp_path / "broken.json").write_text(json.dumps({**court.told, "approved_entry": None}))
    arguments[1] = str(tmp_path / "broken.json")
    assert CliRunner().invoke(command, arguments).exit_code == 2
    (tmp_path / "broken.json").write_text(json.dumps({**court.told, "challenge": "A"}))
    assert CliRunner().invoke(command, arguments).exit_code == 1
    (tmp_path / "broken.json").write_text("nonsense")
    assert CliRunner().invoke(command, arguments).exit_code == 2


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has `cryptography` and what that needs, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = Path(sysconfig.get_paths()["platlib"])
    for name in ("cryptography", "cffi", "pycparser", *(found.name for found in ours.glob("_cffi_backend*"))):
        if (ours / name).exists():
            (packages / name).symlink_to(ours / name)
    return folder / "bin/python"


def test_one_file_and_cryptography_are_enough(court, demonstration, bare, tmp_path):
    program = shutil.copy(ROOT / "src/natsuin/validation/check_evidence.py", tmp_path)
    assert subprocess.run([bare, "-c", "import msgspec"], capture_output=True, check=False).returncode == 1

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        given = [bare, "-I", program, *map(str, arguments)]
        return subprocess.run(given, capture_output=True, text=True, check=False, cwd=tmp_path)

    checked = ("--vkey", demonstration / "log.vkey", "--trust", demonstration / "ca.pem")
    result = run(court.file, *checked, "--document", demonstration / "signed.pdf", "--lang", "ja")
    assert (result.returncode, result.stderr) == (0, "")
    assert "有効" in result.stdout
    assert json.loads(run(court.file, *checked, "--json").stdout)["overall"] == "valid"
    (tmp_path / "changed.json").write_text(json.dumps({**court.told, "record": court.told["record"] + " "}))
    assert run("changed.json", *checked).returncode == 1
    assert run(court.file, "--vkey", demonstration / "log.vkey").returncode == 2
    for arguments in (("nowhere.json", *checked), (court.file, "--vkey", "a+b+c"), (program, *checked)):
        result = run(*arguments)
        assert (result.returncode, result.stdout, "Traceback" in result.stderr) == (2, "", False)
