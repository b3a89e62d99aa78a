"""Receipts: the published one, what the log gives, and every form that must be refused."""

import base64
from dataclasses import replace

import pytest

from natsuin.errors import Refused
from natsuin.signing_log import BadKey, BadReceipt, ProofRefused, UntrustedNote, parse_receipt, verify_receipt
from natsuin.signing_log.receipts import MAX_RECEIPT, encode_receipt


@pytest.fixture(scope="module")
def vkey(vectors):
    return vectors("own_70000")["vkey"]


def test_the_published_receipt(vector_receipt, vkey):
    proved = verify_receipt(vector_receipt, vkey, leaf=b"entry-69999")
    assert (proved.index, proved.leaf, proved.size) == (69_999, b"entry-69999", 70_000)
    assert proved.origin == "sign.example.jp/log/2026"
    parsed = parse_receipt(vector_receipt)
    assert encode_receipt(parsed.index, parsed.proof, parsed.checkpoint) == vector_receipt


def test_a_receipt_without_its_entry_needs_it_from_elsewhere(vector_receipt, vkey):
    with pytest.raises(BadReceipt):
        verify_receipt(vector_receipt, vkey)
    with pytest.raises(ProofRefused):
        verify_receipt(vector_receipt, vkey, leaf=b"entry-69998")


def test_a_receipt_that_carries_its_entry(vector_receipt, vkey):
    extra = base64.b64encode(b"entry-69999").decode()
    carrying = vector_receipt.replace("index 69999", f"extra {extra}\nindex 69999")
    assert verify_receipt(carrying, vkey).leaf == b"entry-69999"
    with pytest.raises(BadReceipt):
        verify_receipt(carrying, vkey, leaf=b"entry-1")
    with pytest.raises(ProofRefused):
        verify_receipt(carrying.replace(extra, base64.b64encode(b"entry-1").decode()), vkey)


BAD_FORMS = {
    "another header": ("tlog-proof@v1", "tlog-proof@v2"),
    "no header": ("c2sp.org/tlog-proof@v1\n", ""),
    "bad extra": ("index 69999", "extra !!!\nindex 69999"),
    "unpadded extra": ("index 69999", "extra QQ\nindex 69999"),
    "extra twice": ("index 69999", "extra QQ==\nextra QQ==\nindex 69999"),
    "no index": ("index 69999\n", ""),
    "negative index": ("index 69999", "index -1"),
    "zero-padded index": ("index 69999", "index 069999"),
    "index beyond 63 bits": ("index 69999", f"index {2**63}"),
    "empty index": ("index 69999", "index "),
    "bad hash": ("gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM4=", "gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM5="),
    "short hash": ("gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM4=", "gBhEQFdcTh1jofNS"),
    "too many hashes": ("index 69999\n", "index 69999\n" + "gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM4=\n" * 60),
    "carriage returns": ("\n", "\r\n"),
    "too long": ("index 69999", "extra " + "A" * MAX_RECEIPT + "\nindex 69999"),
}


@pytest.mark.parametrize(("old", "new"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_other_forms_are_refused(vector_receipt, vkey, old, new):
    changed = vector_receipt.replace(old, new)
    assert changed != vector_receipt
    with pytest.raises(BadReceipt):
        verify_receipt(changed, vkey, leaf=b"entry-69999")


def test_missing_parts_are_refused(vector_receipt, vkey):
    head = vector_receipt.partition("\n\n")[0]
    for text in ("", head, head + "\n\n", head + "\n", vector_receipt.replace("\n\n", "\n")):
        with pytest.raises(Refused):
            verify_receipt(text, vkey, leaf=b"entry-69999")


def test_a_changed_place_or_proof_is_refused(vector_receipt, vkey):
    parsed = parse_receipt(vector_receipt)
    proofs = [parsed.proof[1:], parsed.proof[:-1], tuple(reversed(parsed.proof)), (*parsed.proof, parsed.proof[0]), ()]
    changed = [replace(parsed, proof=proof) for proof in proofs]
    changed += [replace(parsed, index=index) for index in (0, 69_998, 70_000, 2**63 - 1)]
    for other in changed:
        with pytest.raises(ProofRefused):
            verify_receipt(encode_receipt(other.index, other.proof, other.checkpoint), vkey, leaf=b"entry-69999")


def test_a_changed_checkpoint_or_another_log_is_refused(vector_receipt, vkey, vectors):
    for old, new in (("\n70000\n", "\n70001\n"), ("\nsign.example", "\nsigm.example"), ("pipUv", "pipUw")):
        with pytest.raises(UntrustedNote):
            verify_receipt(vector_receipt.replace(old, new), vkey, leaf=b"entry-69999")
    with pytest.raises(UntrustedNote):
        verify_receipt(vector_receipt, vectors("tessera")["vkey"], leaf=b"entry-69999")
    with pytest.raises(BadKey):
        verify_receipt(vector_receipt, "nonsense", leaf=b"entry-69999")


def test_every_receipt_the_log_gives_verifies(place):
    log = place.open()
    for n, receipt in enumerate(log.add_all([{"n": n, "name": "捺印"} for n in range(300)])):
        proved = verify_receipt(receipt.tlog_proof(), log.vkey)
        assert (proved.index, proved.leaf, proved.size) == (n, receipt.leaf, receipt.size)
        assert f'"n":{n},'.encode() in proved.leaf


def test_a_receipt_for_an_earlier_entry(place):
    place.fill(600)
    log = place.open()
    for index in (0, 255, 256, 511, 512, 599):
        proved = verify_receipt(log.receipt(index).tlog_proof(), log.vkey)
        assert (proved.index, proved.leaf, proved.size) == (index, b'{"n":%d}' % index, 600)


def test_the_largest_entry_has_a_receipt(place):
    log = place.open()
    receipt = log.add({"x": "y" * (65_535 - 8)})
    assert len(receipt.leaf) == 65_535
    assert verify_receipt(receipt.tlog_proof(), log.vkey).leaf == receipt.leaf
