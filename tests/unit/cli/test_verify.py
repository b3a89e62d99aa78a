"""`natsuin verify` as a person or a script meets it."""

import json

import pytest
from click.testing import CliRunner

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
        (["signed.pdf", "--trust", "ca.pem"], 0, "The document is validly signed."),
        (["signed.pdf", "--trust", "ca.der"], 0, "The document is validly signed."),
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
        "time",
        "log",
    ]
    assert any("→ Give the root with --trust." in line for line in lines)


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
