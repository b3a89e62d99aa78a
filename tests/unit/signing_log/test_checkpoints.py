"""Checkpoints: published ones, and every form that must be refused."""

import pytest

from natsuin.signing_log import UntrustedNote, make_verifier_key, open_checkpoint, parse_verifier_key
from natsuin.signing_log.checkpoints import Checkpoint, parse_checkpoint, sign_checkpoint
from natsuin.signing_log.encoding import decode_base64, encode_base64
from natsuin.signing_log.refusals import BadCheckpoint, BadEncoding, BadNote

ROOT = "pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg="
GOOD = f"sign.example.jp/log/2026\n70000\n{ROOT}\n"


def test_own_checkpoints_open_and_are_made_again(vectors, new_place):
    own = vectors("own_70000")
    key = parse_verifier_key(own["vkey"])
    for size, note in own["checkpoints"].items():
        checkpoint = open_checkpoint(note, key)
        assert checkpoint.size == int(size)
        assert encode_base64(checkpoint.root) == own["roots"][size]
        assert note.startswith(sign_checkpoint(checkpoint, new_place.key))


def test_extension_lines_are_allowed():
    assert parse_checkpoint(GOOD + "something more\n") == parse_checkpoint(GOOD)


@pytest.mark.parametrize("size", ["01", "+1", "1_0", " 1", "1 ", "１", "-1", "", "1.0", "0x1", str(2**63), "1" * 30])
def test_sizes_have_one_form(size):
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(GOOD.replace("70000", size))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(ROOT, encode_base64(b"x" * 31)),
        GOOD.replace(ROOT, encode_base64(b"x" * 33)),
        GOOD.replace(ROOT, ROOT.rstrip("=")),
        GOOD.replace("FRg=", "FRh="),
        GOOD.replace(ROOT, ROOT + "\u2028"),
        f"sign.example.jp/log/2026\n{ROOT}\n",
        "sign.example.jp/log/2026\n70000\n",
        f"\n70000\n{ROOT}\n",
        GOOD + "\n",
        GOOD[:-1],
        "",
        f"sign.example.jp/log/2026\n0\n{ROOT}\n",
    ],
)
def test_other_forms_are_refused(text):
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(text)


def test_the_largest_size_is_accepted():
    assert parse_checkpoint(GOOD.replace("70000", str(2**63 - 1))).size == 2**63 - 1


def test_a_checkpoint_of_another_log_is_refused(new_place):
    other = Checkpoint("other.example.jp/log", 1, b"\0" * 32)
    note = sign_checkpoint(other, new_place.key)
    renamed = note.replace("other.example.jp/log\n", "sign.example.jp/log/2026\n", 1)
    key = make_verifier_key("other.example.jp/log", new_place.key.public)
    assert open_checkpoint(note, key) == other
    with pytest.raises(UntrustedNote):
        open_checkpoint(renamed, key)


def test_a_valid_signature_over_another_origin_is_refused(new_place):
    from natsuin.signing_log.notes import sign_note

    note = sign_note(GOOD, "other.example.jp/log", new_place.key)
    with pytest.raises(UntrustedNote):
        open_checkpoint(note, make_verifier_key("other.example.jp/log", new_place.key.public))


def test_text_that_is_no_unicode_is_refused(vectors):
    with pytest.raises(BadNote):
        open_checkpoint("\ud800\n", parse_verifier_key(vectors("own_70000")["vkey"]))


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "Q Q=", "QQ==\n", "QQ==QQ==", "Q-_=", "あ"])
def test_base64_has_one_form(text):
    with pytest.raises(BadEncoding):
        decode_base64(text)
