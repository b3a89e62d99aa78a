"""`natsuin verify` as a person or a script meets it."""

import json
import re

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from natsuin.cli.verify import verify
from rigs.document_workshop import NOW, PLACE, SEAL, Workshop, sample_pdf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workshop, folder = Workshop(), tmp_path_factory.mktemp("verify")
    signed = workshop.signed(sample_pdf(), placement=PLACE, appearance=SEAL)
    (folder / "signed.pdf").write_bytes(signed)
    (folder / "changed.pdf").write_bytes(signed.replace(b"(Contract text 1)", b"(Contract text 2)"))
    (folder / "plain.pdf").write_bytes(sample_pdf())
    (folder / "ca.pem").write_bytes(workshop.root.pem)
    (folder / "ca.der").write_bytes(workshop.root.der)
    (folder / "note.txt").write_text("hello")
    return folder


def run(folder, *arguments):
    words = [
        str(folder / one) if "." in one and not one.startswith("-") and "T" not in one else one for one in arguments
    ]
    return CliRunner().invoke(verify, words)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["signed.pdf", "--trust", "ca.pem"], 0, "The document is validly signed, provided"),
        (["signed.pdf", "--trust", "ca.der"], 0, "The document is validly signed, provided"),
        (["signed.pdf"], 2, "It cannot be told"),
        (["changed.pdf", "--trust", "ca.pem"], 1, "The document is NOT validly signed."),
        (["plain.pdf", "--trust", "ca.pem"], 1, "carries no signature"),
        (["note.txt"], 2, "cannot tell: The file is not a PDF."),
        (["signed.pdf", "--trust", "note.txt"], 2, "cannot tell: a file given cannot be read"),
        (["signed.pdf", "--trust", "ca.pem", "--lang", "ja"], 0, "この文書の署名は有効です。"),
        (["signed.pdf", "--trust", "ca.pem", "--receipt", "note.txt", "--log-vkey", "a+b+c"], 1, "receipt does not"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_verdict_and_exit_status(folder, arguments, code, told):
    result = run(folder, *arguments)
    assert (result.exit_code, told in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_the_lines_are_apart_and_name_the_next_step(folder):
    lines = run(folder, "signed.pdf").output.splitlines()
    assert [line.split()[0] for line in lines[1:] if line.startswith("  ") and "→" not in line] == [
        "integrity",
        "coverage",
        "trust",
        "revocation",
        "time",
        "log",
    ]
    assert any("→ Give the root with --trust." in line for line in lines)


LATIN_THAT_IS_SAID_IN_BOTH = {"PDF", "UTC", "log", "tlog", "proof", "trust", "vkey", "DER", "PEM", "PAdES", "X"}
"""Abbreviations, and options and file names that are typed as they are."""


@pytest.mark.parametrize(
    "arguments",
    [
        ["signed.pdf", "--trust", "ca.pem"],
        ["signed.pdf"],
        ["signed.pdf", "--receipt", "note.txt", "--log-vkey", "a+b+c"],
        ["changed.pdf", "--trust", "ca.pem"],
        ["plain.pdf"],
        ["note.txt"],
        ["torn.pdf", "--trust", "ca.pem"],
        ["two.pdf", "--trust", "ca.pem"],
        ["signed.pdf", "--trust", "note.txt"],
    ],
    ids=" ".join,
)
def test_no_english_is_left_in_japanese(folder, arguments):
    signed = (folder / "signed.pdf").read_bytes()
    start = signed.index(b"/ByteRange")
    (folder / "torn.pdf").write_bytes(signed[:start] + signed[start:].replace(b"[0 ", b"[1 ", 1))
    (folder / "two.pdf").write_bytes(signed[: len(signed) // 2])
    output = run(folder, *arguments, "--lang", "ja").output
    # What the document itself says: the names of the field, of the signer and of the certificate's issuer.
    told = re.sub(r"^\S+: B-[BT], .*$|（発行者：.*?）|山田 太郎|試験 \w+", "", output, flags=re.MULTILINE)
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", told), output
    assert set(re.findall(r"[A-Za-z]{2,}", told)) - LATIN_THAT_IS_SAID_IN_BOTH == set(), output


def test_japanese_labels_stand_in_one_column(folder):
    lines = run(folder, "signed.pdf", "--lang", "ja").output.splitlines()
    assert "署名者" not in lines[0]
    assert "（発行者：" in lines[0]
    labelled = [line for line in lines[1:] if line.startswith("  ") and "→" not in line]
    assert [line.split()[0] for line in labelled] == ["完全性", "範囲", "信頼", "失効", "時刻", "ログ"]
    assert {cell_len(re.split("[✓✗?]", line)[0]) for line in labelled} == {13}


def test_the_report_as_json(folder):
    result = run(folder, "signed.pdf", "--trust", "ca.pem", "--json")
    report = json.loads(result.output)
    assert report["overall"] == "valid"
    assert report["signatures"][0]["signer"] == "山田 太郎"
    assert report["signatures"][0]["trust"]["status"] == "good"


def test_as_at_another_time(folder):
    when = f"{NOW.year + 20}-01-01T00:00:00+0000"
    result = run(folder, "signed.pdf", "--trust", "ca.pem", "--at", when)
    assert result.exit_code == 2
