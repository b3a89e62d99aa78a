"""Signed notes and verifier keys: published notes, the log's own, and everything that must be refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.signing_log import BadKey, LogKey, UntrustedNote, make_verifier_key, parse_verifier_key
from natsuin.signing_log.notes import MAX_SIGNATURES, KeyKind, open_note, parse_note, sign_note
from natsuin.signing_log.refusals import BadNote


def key_from_go(text: str) -> tuple[str, LogKey]:
    """The name and key in a signer key of golang.org/x/mod/sumdb/note."""
    name, _, encoded = text.removeprefix("PRIVATE+KEY+").split("+", 2)
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(encoded)[1:])
    return name, LogKey(private.public_key().public_bytes_raw(), private.sign)


@pytest.fixture(scope="module")
def published(vectors):
    return vectors("notes")["notes"]


@pytest.fixture
def note(published) -> bytes:
    return f"{published[0]['text']}\n{published[0]['line']}\n".encode()


@pytest.fixture
def key(published):
    return parse_verifier_key(published[0]["vkey"])


def test_published_notes_open(published):
    for case in published:
        key = parse_verifier_key(case["vkey"])
        assert str(key) == case["vkey"]
        assert open_note(f"{case['text']}\n{case['line']}\n".encode(), [key]) == (case["text"], (key,))


def test_a_note_is_signed_byte_for_byte_as_go_does(published):
    name, key = key_from_go(published[0]["seed"])
    assert sign_note(published[0]["text"], name, key) == f"{published[0]['text']}\n{published[0]['line']}\n"
    assert str(make_verifier_key(name, key.public)) == published[0]["vkey"]


def test_a_key_that_signs_wrongly_publishes_nothing(published):
    name, key = key_from_go(published[0]["seed"])
    with pytest.raises(UntrustedNote):
        sign_note("text\n", name, LogKey(key.public, lambda message: key.sign(message + b" ")))


def test_a_witness_cosignature_verifies(vectors):
    own = vectors("own_70000")
    keys = [parse_verifier_key(own[name]) for name in ("vkey", "witness_vkey")]
    assert keys[1].kind is KeyKind.COSIGNATURE
    _, signers = open_note(own["checkpoints"]["70000"].encode(), keys)
    assert signers == tuple(keys)
    later = own["checkpoints"]["70000"].replace("ZtklBAAAAABp", "ZtklBAAAAABq")
    with pytest.raises(UntrustedNote):
        open_note(later.encode(), keys)


NOT_NOTES = {
    "no empty line": lambda n: n.replace(b"\n\n", b"\n"),
    "no last line feed": lambda n: n[:-1],
    "carriage returns": lambda n: n.replace(b"\n", b"\r\n"),
    "a control character": lambda n: b"\x01" + n,
    "a tab": lambda n: b"\t" + n,
    "a hyphen for the dash": lambda n: n.replace("—".encode(), b"-"),
    "two blanks after the dash": lambda n: n.replace("— ".encode(), "—  ".encode()),
    "something after the signatures": lambda n: n + b"junk\n",
    "an empty line after the signatures": lambda n: n + b"\n",
    "stray bits at the end of base64": lambda n: n.replace(b"JnAM=", b"JnAN="),
    "no padding": lambda n: n.replace(b"JnAM=", b"JnAM"),
    "no signature in the line": lambda n: n[: n.rindex(b" ")] + b" x08goA==\n",
    "a name with a plus sign": lambda n: n.replace("— Peter".encode(), "— Pe+er".encode()),
    "no name": lambda n: n.replace("— PeterNeumann".encode(), "— ".encode()),
    "not UTF-8": lambda n: b"\xff" + n,
    "nothing": lambda n: b"",
    "too long": lambda n: b"a" * 1_000_000 + n,
    "too many signatures": lambda n: n + n[n.rindex("—".encode()) :] * MAX_SIGNATURES,
}


@pytest.mark.parametrize("damage", NOT_NOTES.values(), ids=NOT_NOTES)
def test_what_is_not_a_note_is_refused(note, key, damage):
    changed = damage(note)
    assert changed != note
    with pytest.raises(BadNote):
        parse_note(changed)
    with pytest.raises(BadNote):
        open_note(changed, [key])


def test_other_separators_do_not_end_a_line(note, key):
    text = note.split(b"\n\n")[0].decode()
    for separator in ("\u2028", "\x85"):
        assert parse_note(f"{separator}{text}\n\n".encode() + note.split(b"\n\n")[1]).text.startswith(separator)


def test_a_changed_signature_or_text_is_refused(note, key):
    changed = bytearray(note)
    changed[-20] ^= 0x01
    with pytest.raises(UntrustedNote):
        open_note(bytes(changed), [key])
    with pytest.raises(UntrustedNote):
        open_note(note.replace(b"your problem", b"our problem"), [key])


def test_unknown_keys_are_ignored_and_are_not_enough(note, key, published):
    other = parse_verifier_key(published[1]["vkey"])
    with pytest.raises(UntrustedNote):
        open_note(note, [other])
    with pytest.raises(UntrustedNote):
        open_note(note, [])
    both = note + f"{published[1]['line']}\n".encode()
    assert open_note(both, [key])[1] == (key,)
    with pytest.raises(UntrustedNote):
        open_note(both, [key, other])


@pytest.mark.parametrize(
    "damage",
    [
        lambda v: v.replace("+c74f20a3+", "+c74f20a4+"),
        lambda v: v.replace("+c74f20a3+", "+C74F20A3+"),
        lambda v: v.replace("+c74f20a3+", "+c74f20a+"),
        lambda v: v.replace("Peter", "Peter "),
        lambda v: v.replace("Peter", "Pete\n"),
        lambda v: v.replace("PeterNeumann", ""),
        lambda v: v.replace("PeterNeumann", "\ud800"),
        lambda v: v.replace("+ARpc", "+AhPc"),
        lambda v: v[:-4],
        lambda v: v + "\n",
        lambda v: v.rsplit("+", 1)[0] + "+",
        lambda v: "",
        lambda v: "a+b",
    ],
)
def test_wrong_verifier_keys_are_refused(published, damage):
    with pytest.raises(BadKey):
        parse_verifier_key(damage(published[0]["vkey"]))


def test_a_base64_key_may_hold_plus_signs():
    for number in range(200):
        key = make_verifier_key("example.com/log", number.to_bytes(2, "big") + b"\xfb\xef\xbe" * 10)
        assert "+" in str(key).split("+", 2)[2]
        assert parse_verifier_key(str(key)) == key
