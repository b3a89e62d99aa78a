"""The stand-alone checker reads notes, checkpoints and receipts as strictly as the published vectors ask."""

import base64
from pathlib import Path

import pytest

from natsuin.validation.check_evidence import Logged, NoteKey, Verdict, open_checkpoint

VKEY = "sign.example.jp/log/2026+5a8dbd72+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
WITNESS = "witness.example.jp/w1+66d92504+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
PUBLISHED = (Path(__file__).parents[2] / "vectors/log/own_70000.tlog-proof").read_text("utf-8")
RECEIPT = PUBLISHED.replace("index", f"extra {base64.b64encode(b'entry-69999').decode()}\nindex", 1)
NOTE = RECEIPT.partition("\n\n")[2]
KEY, COSIGNER = NoteKey.parse(VKEY), NoteKey.parse(WITNESS)
REFUSALS = (Verdict, ValueError, IndexError)


def test_the_published_receipt_is_proved_and_cosigned():
    logged = Logged.parse(RECEIPT)
    assert (logged.index, logged.leaf, logged.checkpoint) == (69_999, b"entry-69999", NOTE)
    logged.prove(*open_checkpoint(NOTE, KEY, [COSIGNER]))


LAST = NOTE[:-1].rpartition(" ")[2]

NOTES = {
    "no empty line": NOTE.replace("\n\n", "\n"),
    "no last line feed": NOTE[:-1],
    "CRLF": NOTE.replace("\n", "\r\n"),
    "a control character": NOTE.replace("70000", "70000\x01"),
    "a hyphen for the dash": NOTE.replace("\u2014", "-"),
    "two blanks after the dash": NOTE.replace("\u2014 ", "\u2014  "),
    "junk after the signatures": NOTE + "junk\n",
    "stray bits in base64": NOTE.replace("1huIgQ8=", "1huIgQ9="),
    "only unknown keys": NOTE.replace("\u2014 sign.example.jp", "\u2014 other.example.jp"),
    "a bit of the signature": NOTE.replace("s2bpoKj", "s2bpoKk"),
    "a bit of the cosignature": NOTE.replace(LAST, LAST[:40] + ("A" if LAST[40] != "A" else "B") + LAST[41:]),
    "nothing": "",
    "a million signatures": NOTE + NOTE.split("\n")[-2].join(["", "\n"]) * 200,
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_other_notes_are_refused(note):
    with pytest.raises(REFUSALS):
        open_checkpoint(note, KEY, [COSIGNER])


@pytest.mark.parametrize("size", ["01", "+1", "1_0", " 1", "１", str(2**63), "-1", "", "1.0"])
@pytest.mark.parametrize("root", ["pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg="])
def test_other_sizes_are_refused_even_when_signed(size, root):
    with pytest.raises(REFUSALS):
        open_checkpoint(*signed(f"sign.example.jp/log/2026\n{size}\n{root}\n"))


@pytest.mark.parametrize(
    "text",
    [
        f"sign.example.jp/log/2026\n1\n{base64.b64encode(bytes(31)).decode()}\n",
        f"sign.example.jp/log/2026\n1\n{base64.b64encode(bytes(33)).decode()}\n",
        "sign.example.jp/log/2026\n1\n",
        f"other.example.jp/log\n1\n{base64.b64encode(bytes(32)).decode()}\n",
    ],
)
def test_other_checkpoints_are_refused_even_when_signed(text):
    with pytest.raises(REFUSALS):
        open_checkpoint(*signed(text))


def signed(text: str) -> tuple[str, NoteKey, list[NoteKey]]:
    """`text` as a note under the published key, whose seed is known."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signature = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(text.encode())
    line = base64.b64encode(KEY.identity + signature).decode()
    return f"{text}\n\u2014 {KEY.name} {line}\n", KEY, []


def test_the_signing_of_these_tests_is_right():
    root = base64.b64encode(bytes(32)).decode()
    assert open_checkpoint(*signed(f"{KEY.name}\n5\n{root}\n")) == (5, bytes(32))


RECEIPTS = {
    "another header": RECEIPT.replace("@v1", "@v2"),
    "bad extra": RECEIPT.replace("extra ", "extra !"),
    "no extra": PUBLISHED,
    "no index": RECEIPT.replace("index 69999\n", ""),
    "a negative index": RECEIPT.replace("index 69999", "index -1"),
    "a padded index": RECEIPT.replace("index 69999", "index 069999"),
    "another index": RECEIPT.replace("index 69999", "index 69998"),
    "an index beyond the end": RECEIPT.replace("index 69999", "index 70000"),
    "a bad hash": RECEIPT.replace("gBhEQF", "!BhEQF"),
    "a short hash": RECEIPT.replace("gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM4=", "AAAA"),
    "a hash less": RECEIPT.replace("gBhEQFdcTh1jofNSAz0hna0t5V+knYIz5leKDeO4CM4=\n", ""),
    "too many hashes": RECEIPT.replace("\n\n", "\n" + "A" * 43 + "=" + ("\n" + "A" * 43 + "=") * 64 + "\n\n", 1),
    "no checkpoint": RECEIPT.partition("\n\n")[0] + "\n\n",
    "another entry": RECEIPT.replace("ZW50cnktNjk5OTk=", base64.b64encode(b"entry-69998").decode()),
}


@pytest.mark.parametrize("receipt", RECEIPTS.values(), ids=RECEIPTS)
def test_other_receipts_are_refused(receipt):
    assert receipt != RECEIPT
    with pytest.raises(REFUSALS):
        prove(receipt)


def prove(receipt: str) -> None:
    logged = Logged.parse(receipt)
    logged.prove(*open_checkpoint(logged.checkpoint, KEY, []))


@pytest.mark.parametrize(
    "vkey",
    [VKEY.replace("5a8dbd72", "5a8dbd73"), VKEY.replace("+AQ", "+Ag"), VKEY[:-4], "", "a+b", "+" + VKEY, VKEY + "=="],
)
def test_other_verifier_keys_are_refused(vkey):
    with pytest.raises(ValueError):  # noqa: PT011  # any kind of it is told in the same words
        NoteKey.parse(vkey)


def test_a_log_does_not_count_as_a_witness_with_its_key_id():
    note, key, _ = signed(f"{KEY.name}\n5\n{base64.b64encode(bytes(32)).decode()}\n")
    with pytest.raises(Verdict, match="checkpoint_unwitnessed"):
        open_checkpoint(note, key, [NoteKey(COSIGNER.name, KEY.identity, 4, COSIGNER.public)])


ENTRY = b'{"key":"a","key_number":0,"key_previous":null}'


def test_a_canonical_entry_is_read():
    assert Logged(0, ENTRY, (), "").entry["key"] == "a"


@pytest.mark.parametrize(
    "leaf",
    [
        ENTRY.replace(b'"key":', b'"key" :'),
        ENTRY.replace(b'"a"', b'"\\u0061"'),
        b'{"key":"a"}',
        ENTRY.replace(b":0", b":-1"),
        ENTRY.replace(b":0", b":true"),
        ENTRY.replace(b"null", b"1"),
    ],
)
def test_an_entry_that_readers_overlook_is_refused(leaf):
    with pytest.raises(Verdict, match="malformed"):
        _ = Logged(0, leaf, (), "").entry
