"""The log line: a receipt proves that the log holds this very signature, and nothing else does."""

import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils.reader import PdfFileReader

from natsuin.clock import FixedClock
from natsuin.signing_log import LogKey, Shard, create_log
from natsuin.validation import Overall, validate_pdf
from natsuin.validation.receipts import signature_hash
from rigs.document_workshop import NOW

ORIGIN = "log.example/natsuin"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    private = Ed25519PrivateKey.generate()
    key = LogKey(private.public_key().public_bytes_raw(), private.sign)
    (folder / "state").mkdir(mode=0o700)
    create_log(folder / "log", folder / "state" / "state.sqlite", origin=ORIGIN, key=key)
    opened = Shard.open(
        folder / "log", folder / "state" / "state.sqlite", origin=ORIGIN, key=key, clock=FixedClock(NOW)
    )
    yield opened
    opened.close()


def values_of(pdf):
    return [s.signer_info["signature"].native for s in PdfFileReader(io.BytesIO(pdf)).embedded_signatures]


def receipt_for(log, *values, **changes):
    entry = {"type": "outcome", "result": "signed", "signatures": [signature_hash(v) for v in values]} | changes
    return log.add(entry).tlog_proof()


def check(workshop, log, pdf, receipt):
    report = validate_pdf(pdf, trust=[workshop.root.der], receipt=receipt, log_vkey=log.vkey)
    return report.overall, [v.log.code for v in report.signatures]


def test_a_receipt_of_this_signature_is_good(workshop, log, signed_pdf):
    receipt = receipt_for(log, b"another", *values_of(signed_pdf))
    assert check(workshop, log, signed_pdf, receipt) == (Overall.VALID, ["logged"])
    report = validate_pdf(signed_pdf, trust=[workshop.root.der], receipt=receipt, log_vkey=log.vkey)
    assert ORIGIN in report.signatures[0].log.text_en


def test_a_receipt_of_another_signature_is_bad(workshop, log, signed_pdf):
    receipt = receipt_for(log, b"another")
    assert check(workshop, log, signed_pdf, receipt) == (Overall.NOT_VALID, ["other_receipt"])


@pytest.mark.parametrize(
    "changes", [{"type": "intent"}, {"result": "failed"}, {"signatures": "x"}, {"signatures": [1]}]
)
def test_a_receipt_of_something_else_is_bad(workshop, log, signed_pdf, changes):
    receipt = receipt_for(log, *values_of(signed_pdf), **changes)
    assert check(workshop, log, signed_pdf, receipt) == (Overall.NOT_VALID, ["other_receipt"])


def test_a_receipt_of_one_of_two_signatures(workshop, log, signed_pdf):
    twice = workshop.signed(signed_pdf)
    receipt = receipt_for(log, values_of(twice)[1])
    assert check(workshop, log, twice, receipt) == (Overall.VALID, ["receipt_of_other_field", "logged"])


def test_a_changed_receipt_is_bad(workshop, log, signed_pdf):
    receipt = receipt_for(log, *values_of(signed_pdf))
    for wrong in (receipt.replace("index ", "index 1"), receipt[:-20], "", "hello\n", receipt.swapcase()):
        assert check(workshop, log, signed_pdf, wrong) == (Overall.NOT_VALID, ["bad_receipt"])


def test_a_receipt_under_another_key_is_bad(workshop, log, signed_pdf):
    receipt = receipt_for(log, *values_of(signed_pdf))
    name, number, key = log.vkey.split("+", 2)
    for wrong in ("", "x", f"{name}+{number}+{key[::-1]}", f"other+{number}+{key}"):
        report = validate_pdf(signed_pdf, trust=[workshop.root.der], receipt=receipt, log_vkey=wrong)
        assert report.signatures[0].log.code == "bad_receipt"
        assert report.overall is Overall.NOT_VALID


def test_a_receipt_without_key_cannot_be_told(workshop, log, signed_pdf):
    report = validate_pdf(signed_pdf, trust=[workshop.root.der], receipt=receipt_for(log, b"x"))
    assert (report.overall, report.signatures[0].log.code) == (Overall.CANNOT_TELL, "no_log_key")


def test_the_leaf_is_plain_json(log, signed_pdf):
    receipt = log.add({"type": "outcome", "result": "signed", "signatures": [signature_hash(values_of(signed_pdf)[0])]})
    assert json.loads(receipt.leaf)["signatures"] == [signature_hash(values_of(signed_pdf)[0])]
