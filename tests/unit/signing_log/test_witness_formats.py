"""Cosignatures, requests to witnesses, and policies: the published vectors, and what every reader must refuse."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.signing_log import (
    AddCheckpoint,
    BadKey,
    BadNote,
    BadPolicy,
    BadWitnessRequest,
    KeyKind,
    LogKey,
    UntrustedNote,
    Unwitnessed,
    WitnessFailed,
    WitnessPolicy,
    cosign,
    make_verifier_key,
    parse_note,
    parse_policy,
    parse_request,
    parse_verifier_key,
    verify_consistency,
    with_cosignatures,
)
from natsuin.signing_log.encoding import decode_base64, encode_base64
from natsuin.signing_log.witnesses.cosignatures import cosignatures_of
from natsuin.signing_log.witnesses.requests import MAX_REQUEST, encode_request, parse_lines, parse_size

TIME = 1767225600
SEED = bytes(range(0x20, 0x40))


def key_of(seed: bytes) -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


@pytest.fixture
def own(vectors):
    return vectors("own_70000")


@pytest.fixture
def note(own):
    return own["checkpoints"]["70000"]


@pytest.fixture
def witness(own):
    return parse_verifier_key(own["witness_vkey"])


def other_witness(number: int = 1) -> tuple[str, LogKey]:
    key = key_of(bytes([number]) * 32)
    return f"w{number}.example", key


class TestCosignatures:
    def test_the_published_one_is_made_again(self, own, note):
        made = cosign(parse_note(note.encode()).text, "witness.example.jp/w1", key_of(SEED), seconds=TIME)
        assert str(made.witness) == own["witness_vkey"]
        assert note.endswith(made.line)

    def test_who_cosigned_and_when_is_read(self, note, witness):
        (found,) = cosignatures_of(parse_note(note.encode()), [witness])
        assert (found.witness, found.time) == (witness, TIME)

    def test_lines_are_added_once_and_replace_older_ones(self, note, witness):
        text = parse_note(note.encode()).text
        later = cosign(text, witness.name, key_of(SEED), seconds=TIME + 60)
        twice = with_cosignatures(with_cosignatures(note, [later]), [later])
        assert twice.count("— witness.example.jp/w1 ") == 1
        (found,) = cosignatures_of(parse_note(twice.encode()), [witness])
        assert found.time == TIME + 60

    @pytest.mark.parametrize("change", [0, 4, 11, 12, 40, 75])
    def test_no_bit_of_a_line_may_differ(self, note, witness, change):
        head, _, line = note[:-1].rpartition(" ")
        raw = bytearray(decode_base64(line))
        raw[change] ^= 1
        changed = f"{head} {encode_base64(bytes(raw))}\n"
        if change < 4:
            assert cosignatures_of(parse_note(changed.encode()), [witness]) == ()
        else:
            with pytest.raises((UntrustedNote, BadNote)):
                cosignatures_of(parse_note(changed.encode()), [witness])

    @pytest.mark.parametrize("raw", [b"", bytes(63), bytes(64), bytes(71), bytes(73), b"\xff" * 72])
    def test_only_a_time_and_a_signature_are_one(self, note, witness, raw):
        line = f"— {witness.name} {encode_base64(witness.key_id + raw)}\n"
        with pytest.raises(BadNote):
            cosignatures_of(parse_note((note + line).replace(note.split("\n")[-2] + "\n", "").encode()), [witness])

    def test_one_witness_named_twice_in_a_note_counts_once(self, note, witness):
        text = parse_note(note.encode()).text
        again = cosign(text, witness.name, key_of(SEED), seconds=TIME + 1)
        name, key = other_witness()
        policy = WitnessPolicy((witness, make_verifier_key(name, key.public, kind=KeyKind.COSIGNATURE)), 2)
        with pytest.raises(Unwitnessed, match="1 of 2"):
            policy.require(note + again.line)


class TestRequests:
    @pytest.fixture
    def body(self, own):
        return own["add_checkpoint"].encode()

    def test_the_published_request_is_read_and_made_again(self, own, body):
        request = parse_request(body)
        assert (request.old, len(request.proof)) == (65537, 15)
        assert encode_request(request) == body
        roots = {int(size): decode_base64(root) for size, root in own["roots"].items()}
        verify_consistency(65537, 70000, roots[65537], new_root=roots[70000], proof=request.proof)

    def test_a_first_request_has_no_proof(self, note):
        request = AddCheckpoint(0, (), note)
        assert parse_request(encode_request(request)) == request

    @pytest.mark.parametrize(
        ("find", "put"),
        [
            (b"old 65537", b"old 065537"),
            (b"old 65537", b"old +65537"),
            (b"old 65537", b"old 6_5"),
            (b"old 65537", b"old 9223372036854775808"),
            (b"old 65537", "old １".encode()),
            (b"old 65537", b"Old 65537"),
            (b"old 65537\n", b""),
            (b"old 65537\n", b"old 65537\nAAAA\n"),
            (b"old 65537\n", b"old 65537\n" + b"A" * 43 + b"=\n" * 1 + b"!\n"),
            (b"old 65537\n", b"old 65537\r\n"),
            (b"\n\n", b"\n"),
            (b"sign.example.jp", b"\xff\xfe"),
        ],
    )
    def test_what_is_no_request_is_refused(self, body, find, put):
        assert find in body
        with pytest.raises(BadWitnessRequest):
            parse_request(body.replace(find, put))

    def test_too_many_hashes_and_too_many_bytes_are_refused(self, note):
        line = encode_base64(bytes(32)).encode() + b"\n"
        with pytest.raises(BadWitnessRequest):
            parse_request(b"old 1\n" + line * 64 + b"\n" + note.encode())
        with pytest.raises(BadWitnessRequest):
            parse_request(b"old 1\n" + line + b"\n" + b"x" * MAX_REQUEST)

    @pytest.mark.parametrize("body", [b"", b"7", b"07\n", b"7\n\n", b" 7\n", b"-1\n", b"9223372036854775808\n", b"x\n"])
    def test_a_size_that_is_none_is_refused(self, body):
        with pytest.raises(WitnessFailed):
            parse_size(body)

    @pytest.mark.parametrize("body", [b"", b"\n", b"junk\n", b"\xff\n", "— a b".encode(), b"- a QUJDREVG\n"])
    def test_lines_that_are_none_are_refused(self, body):
        with pytest.raises(WitnessFailed):
            parse_lines(body)


class TestPolicies:
    def test_all_are_asked_for_unless_a_number_is_given(self, own, note):
        assert [each.time for each in WitnessPolicy.of([own["witness_vkey"]]).require(note)] == [TIME]
        assert WitnessPolicy.of([own["witness_vkey"]], 0).require(own["checkpoints"]["1"]) == ()
        with pytest.raises(Unwitnessed):
            WitnessPolicy.of([own["witness_vkey"]]).require(own["checkpoints"]["1"])

    def test_what_can_never_be_met_or_counts_one_twice_is_refused(self, own):
        key = parse_verifier_key(own["witness_vkey"])
        alias = make_verifier_key("other.example", key.public, kind=KeyKind.COSIGNATURE)
        for keys, quorum in [((key,), 2), ((key, alias), 2), ((parse_verifier_key(own["vkey"]),), 1), ((key,), -1)]:
            with pytest.raises(BadPolicy):
                WitnessPolicy(keys, quorum)
        with pytest.raises(BadKey):
            WitnessPolicy.of([own["witness_vkey"].replace("+66", "+67")])

    def test_a_file_is_read(self, own):
        name, key = other_witness()
        vkey = str(make_verifier_key(name, key.public, kind=KeyKind.COSIGNATURE))
        text = (
            f"# who we trust\n\nlog {own['vkey']} https://sign.example.jp/log\n"
            f"witness a\t{own['witness_vkey']} https://a.example\nwitness b {vkey}\ngroup both 2 a b\nquorum both\n"
        )
        read = parse_policy(text)
        assert [str(log) for log, _ in read.logs] == [own["vkey"]]
        assert read.urls == {own["witness_vkey"]: "https://a.example", vkey: ""}
        assert (len(read.policy.witnesses), read.policy.quorum) == (2, 2)
        assert parse_policy(text.replace("group both 2", "group both any")).policy.quorum == 1
        assert parse_policy(text.replace("quorum both", "quorum a")).policy.quorum == 1
        assert parse_policy(text.replace("quorum both", "quorum none")).policy.quorum == 0

    @pytest.mark.parametrize(
        "lines",
        [
            "",
            "quorum a",
            "witness a {w}",
            "witness a {w}\nquorum a\nquorum a",
            "witness a {w}\nwitness a {w}\nquorum a",
            "witness a {w}\nwitness b {w}\nquorum a",
            "witness a {w}\ngroup g all a a\nquorum g",
            "witness a {w}\ngroup g 2 a\nquorum g",
            "witness a {w}\ngroup g 0 a\nquorum g",
            "group g all a\nwitness a {w}\nquorum g",
            "witness none {w}\nquorum none",
            "witness a {log}\nquorum a",
            "witness a junk\nquorum a",
            "witness a {w}\nquorum a b",
            "mirror a {w}\nquorum none",
        ],
    )
    def test_a_file_that_is_none_is_refused(self, own, lines):
        with pytest.raises(BadPolicy):
            parse_policy(lines.format(w=own["witness_vkey"], log=own["vkey"]))
