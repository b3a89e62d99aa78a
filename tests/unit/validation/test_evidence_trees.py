"""Evidence records of unusual shape: trees with many hashes in a list, or with lists that are odd, empty or repeated;
BER; renewals out of order. What is accepted and what is refused, and that a second reader says the same."""

import hashlib
import subprocess
from itertools import permutations

import pytest

from natsuin.signing_log import (
    AnchorRefused,
    ArchiveTimeStamp,
    BadRecord,
    EvidenceRecord,
    first_record,
    parse_record,
    renew_hash,
    renew_time_stamp,
    renewal_subject,
    walk_hash_tree,
)
from unit.validation.test_evidence_records import DATA, Record, read_by_another, token, verdict


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


OWN = sha(DATA)
A, B, C, D = (sha(name) for name in (b"a", b"b", b"c", b"d"))


def node(*hashes: bytes) -> bytes:
    """RFC 4998, 4.3: sorted, joined; what is hashed or stamped."""
    return b"".join(sorted(hashes))


GOOD = {
    "one list of three": (((OWN, A, B),), node(OWN, A, B)),
    "one list of five": (((D, A, OWN, B, C),), node(OWN, A, B, C, D)),
    "lists of unlike lengths": (((A, OWN), (B, C, D)), node(sha(node(A, OWN)), B, C, D)),
    "three levels": (((A, OWN), (B,), (D, C)), node(sha(node(sha(node(A, OWN)), B)), C, D)),
}
BAD = {
    "nothing but the own hash": (((OWN,),), OWN),
    "nothing but the own hash, hashed": (((OWN,),), sha(OWN)),
    "the own hash is not in the first list": (((A, B),), node(A, B)),
    "the own hash only above": (((A, B), (OWN,)), node(sha(node(A, B)), OWN)),
    "the own hash twice": (((OWN, OWN),), node(OWN, OWN)),
    "another hash twice": (((OWN, A, A),), node(OWN, A, A)),
    "above, the hash that is computed anyway": (
        ((OWN, A), (sha(node(OWN, A)), B)),
        node(sha(node(OWN, A)), B),
    ),
    "a short hash": (((OWN, A[:31]),), node(OWN, A[:31])),
    "a long hash": (((OWN, A + b"x"),), node(OWN, A + b"x")),
    "an empty hash": (((OWN, b""),), OWN),
    "the hashes unsorted": (((OWN, A),), max(OWN, A) + min(OWN, A)),
    "a list left out": (((OWN, A),), node(sha(node(OWN, A)), B)),
    "a list too many": (((OWN, A), (B,)), node(OWN, A)),
    "lists exchanged": (((OWN, A), (C,), (B,)), node(sha(node(sha(node(OWN, A)), B)), C)),
}


@pytest.mark.parametrize(("lists", "covered"), GOOD.values(), ids=GOOD)
def test_trees_that_lead_to_the_time_stamp(lists, covered):
    record = first_record(token(covered, 1), "sha256", lists)
    assert verdict(record, 2).time_stamps == 1
    ((_, found),) = read_by_another(record.encoded(), DATA)
    assert found == covered == walk_hash_tree(DATA, lists, "sha256")
    # Of a list the order does not count: it is sorted before it is hashed.
    for order in list(permutations(lists[0]))[:6]:
        assert verdict(first_record(token(covered, 1), "sha256", (order, *lists[1:])), 2).time_stamps == 1


@pytest.mark.parametrize(("lists", "covered"), BAD.values(), ids=BAD)
def test_trees_that_prove_nothing(lists, covered):
    """Each stamped over what a careless reader would compute."""
    with pytest.raises((BadRecord, AnchorRefused)):
        verdict(first_record(token(covered, 1), "sha256", lists), 2)


@pytest.mark.parametrize("lists", [(), ((),), ((OWN, A), ())], ids=["no list", "an empty one", "an empty one above"])
def test_empty_trees_are_refused(lists):
    with pytest.raises(BadRecord):
        verdict(first_record(token(DATA, 1), "sha256", lists), 2)


def indefinite(encoded: bytes) -> bytes:
    """The outermost SEQUENCE with indefinite length (BER, X.690 8.1.3.6)."""
    head = 2 + (encoded[1] & 0x7F if encoded[1] & 0x80 else 0)
    return encoded[:1] + b"\x80" + encoded[head:] + b"\x00\x00"


def test_a_record_in_ber_is_refused(tmp_path):
    """It says the same to those who read BER, and has another hash: what is renewed must be the same for everybody."""
    record = first_record(token(DATA, 1), "sha256")
    loose = indefinite(record.encoded())
    (tmp_path / "record").write_bytes(loose)
    subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", tmp_path / "record"], check=True, capture_output=True
    )
    assert Record.load(loose)["version"].native == 1
    with pytest.raises(BadRecord):
        parse_record(loose)
    long = record.encoded()[:1] + b"\x83\x00" + record.encoded()[2:4] + record.encoded()[4:]
    assert long[3:5] == record.encoded()[2:4]
    with pytest.raises(BadRecord):
        parse_record(long)


def test_a_token_in_ber_is_refused():
    stamp = token(DATA, 1)
    outer = first_record(stamp, "sha256").encoded()
    loose = indefinite(stamp)
    inside = outer.replace(stamp, loose)
    assert inside != outer
    for encoded in (inside, _with_lengths(outer, len(loose) - len(stamp)).replace(stamp, loose)):
        with pytest.raises((BadRecord, AnchorRefused)):
            verdict(encoded, 2)
    with pytest.raises(BadRecord):
        first_record(loose, "sha256").encoded()


def _with_lengths(record: bytes, more: int) -> bytes:
    """The same bytes, the four lengths around the token enlarged, as they must be when it grows."""
    changed, place = bytearray(record), 0
    for inner in (12 + 3 + 1, 0, 0, None):
        length = int.from_bytes(changed[place + 2 : place + 4], "big") + more
        changed[place + 2 : place + 4] = length.to_bytes(2, "big")
        if inner is None:
            break
        place += 4
        if inner:
            while changed[place : place + 2] != b"\x30\x82":
                place += 1
    return bytes(changed)


def test_renewals_out_of_order():
    """Of three time-stamps over one another, and a hash renewal, every other order than the right one is refused."""
    record = first_record(token(DATA, 1), "sha256")
    for year in (2, 3):
        record = renew_time_stamp(record, token(renewal_subject(record, DATA), year))
    assert verdict(record, 4).time_stamps == 3
    (chain,) = record.chains
    for order in permutations(chain):
        if order != chain:
            with pytest.raises(AnchorRefused):
                verdict(EvidenceRecord((order,)), 4)


def test_a_renewal_that_was_stamped_before_what_it_renews():
    """Each is over what it must be over; only the times are the wrong way round."""
    record = first_record(token(DATA, 4), "sha256")
    early = renew_time_stamp(record, token(renewal_subject(record, DATA), 3))
    with pytest.raises(AnchorRefused, match="order of time"):
        verdict(early, 5)
    stronger = renewal_subject(record, DATA, hash_renewal="sha512")
    with pytest.raises(AnchorRefused, match="order of time"):
        verdict(renew_hash(record, token(stronger, 3, "sha512"), "sha512"), 5)
    assert verdict(renew_hash(record, token(stronger, 5, "sha512"), "sha512"), 5.5).time_stamps == 2


def test_a_hash_renewal_over_less_than_all_chains():
    first = first_record(token(DATA, 1), "sha256")
    renewed = renew_time_stamp(first, token(renewal_subject(first, DATA), 2))
    short = renewal_subject(first, DATA, hash_renewal="sha512")
    with pytest.raises(AnchorRefused):
        verdict(renew_hash(renewed, token(short, 3, "sha512"), "sha512"), 4)
    forgot_data = hashlib.sha512(b"").digest() + short[64:]
    with pytest.raises(AnchorRefused):
        verdict(renew_hash(first, token(forgot_data, 3, "sha512"), "sha512"), 4)


def test_a_chain_that_goes_back_to_a_weaker_hash():
    """The writer refuses to make it; a reader that believed it would believe the weaker hash for ever."""
    record = first_record(token(DATA, 1, "sha512"), "sha512")
    subject = renewal_subject(record, DATA)
    mixed = EvidenceRecord(((*record.chains[0], ArchiveTimeStamp("sha256", None, token(subject, 2))),))
    with pytest.raises(BadRecord, match="mixes"):
        parse_record(mixed.encoded())
