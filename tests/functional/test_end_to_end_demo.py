"""What `natsuin demo` left, judged by programs that nobody here wrote, and by Natsuin's own commands."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import cms

from conformance.log.go_checker import GoRefused, check_log_with_go
from rigs import outside_judges
from rigs.invariants import entries_of
from rigs.outside_judges import SignatureInFile, count_of, signatures_in


@pytest.fixture(scope="module")
def pdf(demonstration: Path) -> bytes:
    return (demonstration / "signed.pdf").read_bytes()


@pytest.fixture(scope="module")
def root(demonstration: Path) -> bytes:
    return (demonstration / "ca.pem").read_bytes()


@pytest.fixture(scope="module")
def vkey(demonstration: Path) -> str:
    return (demonstration / "log.vkey").read_text().strip()


@pytest.fixture(scope="module")
def signature(pdf: bytes) -> SignatureInFile:
    (found,) = signatures_in(pdf)
    return found


def natsuin(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "natsuin.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_everything_that_others_rely_on_is_there(demonstration: Path) -> None:
    expected = {"signed.pdf", "signed.pdf.tlog-proof", "evidence.json", "statement.json", "ca.pem", "log.vkey", "log"}
    expected.add("config.toml")
    assert expected <= {path.name for path in demonstration.iterdir()}
    assert (demonstration / "log" / "checkpoint").is_file()
    assert (demonstration / "log" / "tile").is_dir()


def test_pdfsig_finds_it_valid_and_trusted(pdf: bytes, root: bytes, tmp_path: Path) -> None:
    said = outside_judges.pdfsig(pdf, tmp_path, "-no-ocsp", root=root)
    assert count_of("Signature is Valid", said) == 1
    assert "Certificate is Trusted" in said
    assert "Total document signed" in said
    assert "山田 太郎" in said


def test_pdfsig_trusts_nobody_without_the_root(pdf: bytes, tmp_path: Path) -> None:
    said = outside_judges.pdfsig(pdf, tmp_path, "-no-ocsp", root=None)
    assert "Signature is Valid" in said
    assert "Certificate is Trusted" not in said


def test_pdfsig_sees_a_changed_byte(pdf: bytes, root: bytes, tmp_path: Path) -> None:
    said = outside_judges.pdfsig(flipped(pdf), tmp_path, "-no-ocsp", root=root)
    assert "Digest Mismatch" in said
    assert "Signature is Valid" not in said


def test_openssl_verifies_the_cms(signature: SignatureInFile, root: bytes, tmp_path: Path) -> None:
    done = outside_judges.openssl_cms(signature, tmp_path / "good", root)
    assert done.returncode == 0, done.stderr
    changed = SignatureInFile(flipped(signature.content), signature.cms)
    assert outside_judges.openssl_cms(changed, tmp_path / "bad", root).returncode != 0


def test_openssl_verifies_the_time_stamp(signature: SignatureInFile, root: bytes, tmp_path: Path) -> None:
    done = outside_judges.openssl_time_stamp(signature, tmp_path / "good", root)
    assert done.returncode == 0, done.stderr
    token = cms.ContentInfo.load(signature.time_stamp_token)["content"]["encap_content_info"]["content"].parsed
    assert token["message_imprint"]["hashed_message"].native == hashlib.sha256(signature.value).digest()
    other = replace(signature, cms=signature.cms.replace(signature.value, flipped(signature.value)))
    assert outside_judges.openssl_time_stamp(other, tmp_path / "bad", root).returncode != 0


def test_pyhanko_finds_signature_and_time_in_order(pdf: bytes, root: bytes) -> None:
    (status,) = outside_judges.pyhanko(pdf, root)
    assert status.bottom_line, status.pretty_print_details()
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.trusted
    assert status.coverage.name == "ENTIRE_FILE"


def test_qpdf_finds_no_fault(pdf: bytes, tmp_path: Path) -> None:
    done = outside_judges.qpdf_check(pdf, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_go_accepts_log_and_receipt(demonstration: Path, vkey: str) -> None:
    receipt = (demonstration / "signed.pdf.tlog-proof").read_text()
    report = check_log_with_go(demonstration / "log", vkey, receipt=receipt)
    entries = entries_of(demonstration / "log")
    assert report.size == len(entries)
    assert [entry["type"] for entry in entries].count("outcome") == 1
    with pytest.raises(GoRefused):
        check_log_with_go(demonstration / "log", vkey, receipt=receipt.replace("index ", "index 1"))


def test_verify_says_valid_with_every_line_good(demonstration: Path, vkey: str) -> None:
    receipt = demonstration / "signed.pdf.tlog-proof"
    about = ("--trust", demonstration / "ca.pem", "--receipt", receipt, "--log-vkey", vkey)
    done = natsuin("verify", demonstration / "signed.pdf", *about, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    (verdict,) = report["signatures"]
    statuses = {aspect: verdict[aspect]["status"] for aspect in ("integrity", "coverage", "trust", "time", "log")}
    assert set(statuses.values()) == {"good"}, statuses


def test_verify_says_not_valid_of_a_changed_byte(demonstration: Path, pdf: bytes, tmp_path: Path) -> None:
    (tmp_path / "changed.pdf").write_bytes(flipped(pdf))
    done = natsuin("verify", tmp_path / "changed.pdf", "--trust", demonstration / "ca.pem")
    assert done.returncode == 1, done.stdout + done.stderr


def test_verify_cannot_tell_without_trust(demonstration: Path) -> None:
    done = natsuin("verify", demonstration / "signed.pdf")
    assert done.returncode == 2, done.stdout + done.stderr


def test_verify_says_not_valid_with_the_receipt_of_something_else(
    demonstration: Path, vkey: str, tmp_path: Path
) -> None:
    intent = json.loads((demonstration / "evidence.json").read_text())["uses"][0]["intent"]
    (tmp_path / "other.tlog-proof").write_text(intent)
    about = ("--trust", demonstration / "ca.pem", "--receipt", tmp_path / "other.tlog-proof", "--log-vkey", vkey)
    done = natsuin("verify", demonstration / "signed.pdf", *about)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "✗" in done.stdout


def test_the_statement_of_the_key_shows_its_one_use_and_nothing_can_be_hidden(
    demonstration: Path, vkey: str, tmp_path: Path
) -> None:
    file = demonstration / "statement.json"
    about = ("--vkey", vkey, "--log", demonstration / "log")
    done = natsuin("evidence", "check", file, *about)
    assert done.returncode == 0, done.stdout + done.stderr
    assert count_of("signed  1/1", done.stdout) == 1
    told = json.loads(file.read_text())
    for hidden in range(len(told["entries"])):
        entries = [*told["entries"][:hidden], *told["entries"][hidden + 1 :]]
        (tmp_path / "less.json").write_text(json.dumps({**told, "entries": entries}))
        assert natsuin("evidence", "check", tmp_path / "less.json", *about).returncode == 1
    made = tmp_path / "made.json"
    log = ("log", "statement", demonstration / "log", "--vkey", vkey, "--key")
    assert natsuin(*log, told["key"], "--out", made).returncode == 0
    assert [one["entry"] for one in json.loads(made.read_text())["entries"]] == [
        one["entry"] for one in told["entries"]
    ]
    unknown = natsuin(*log, "0" * 32, "--out", tmp_path / "none.json")
    assert unknown.returncode == 2
    assert "no entry about this key" in unknown.stderr


def test_log_verify(demonstration: Path, vkey: str, tmp_path: Path) -> None:
    done = natsuin("log", "verify", demonstration / "log", "--vkey", demonstration / "log.vkey")
    assert done.returncode == 0, done.stdout + done.stderr
    other = vkey[:-6] + ("AAAAA=" if not vkey.endswith("AAAAA=") else "BBBBB=")
    assert natsuin("log", "verify", demonstration / "log", "--vkey", other).returncode == 2


def flipped(content: bytes) -> bytes:
    """One bit of a byte that lies in the part that is signed, in the middle of the document."""
    changed = bytearray(content)
    changed[len(changed) // 3] ^= 1
    return bytes(changed)
