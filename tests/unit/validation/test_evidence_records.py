"""Evidence records: the published rules recomputed with hashlib alone, every tampering, and OpenSSL over the tokens."""

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import ClassVar

import pytest
from asn1crypto import algos, cms, core
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from natsuin.algorithm_policy import Act, table
from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import TimeStampAuthority, answer_time_stamp
from natsuin.certification.structures import AlgorithmIdentifier, MessageImprint, TimeStampReq
from natsuin.errors import NatsuinError
from natsuin.signing_log import (
    AnchorRefused,
    BadRecord,
    EvidenceRecord,
    NotRenewable,
    first_record,
    parse_record,
    reduced_trees,
    renew_hash,
    renew_time_stamp,
    renewal_subject,
    walk_hash_tree,
)
from natsuin.validation.check_evidence import anchored_time
from natsuin.validation.evidence_records import verify_record

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
DATA = b"log.example\n5\nroot\n\n\xe2\x80\x94 log.example signature\n"
OID = {"sha256": "2.16.840.1.101.3.4.2.1", "sha512": "2.16.840.1.101.3.4.2.3"}


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(name, key, years, *, issuer=None, issuer_key=None):
    built = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer.subject if issuer else named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN + years[0] * YEAR)
        .not_valid_after(BEGIN + years[1] * YEAR)
    )
    if issuer is None:
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        built = built.add_extension(purpose, critical=True)
    return built.sign(issuer_key or key, SHA256())


@cache
def root(name):
    key = ec.generate_private_key(ec.SECP256R1())
    return certificate(name, key, (0, 30)), key


@cache
def authority(first, last, name="Root"):
    key = ec.generate_private_key(ec.SECP256R1())
    above, above_key = root(name)
    own = certificate("TSA", key, (first, last), issuer=above, issuer_key=above_key)
    return TimeStampAuthority(own, key, "1.2.3.4")


def token(covered, year, algorithm="sha256", by=None):
    imprint = MessageImprint(
        hash_algorithm=AlgorithmIdentifier(algorithm=x509.ObjectIdentifier(OID[algorithm]), parameters=None),
        hashed_message=hashlib.new(algorithm, covered).digest(),
    )
    request = TimeStampReq(version=1, message_imprint=imprint, req_policy=None, nonce=7, cert_req=True, extensions=None)
    tsa = by or authority(year // 3 * 3, year // 3 * 3 + 4)
    answer = answer_time_stamp(asn1.encode_der(request), tsa, at=BEGIN + year * YEAR + timedelta(days=1))
    return asn1.encode_der(asn1.decode_der(Response, answer).token)


@asn1.sequence
class Response:
    status: asn1.TLV
    token: asn1.TLV


def verdict(record, year, data=DATA, name="Root"):
    encoded = record if isinstance(record, bytes) else record.encoded()
    return verify_record(encoded, data, [root(name)[0]], now=BEGIN + year * YEAR)


@cache
def renewed():
    """Stamped in year 1, renewed in years 3 and 6, hash renewed in year 9."""
    record = first_record(token(DATA, 1), "sha256")
    for year in (3, 6):
        record = renew_time_stamp(record, token(renewal_subject(record, DATA), year))
    covered = renewal_subject(record, DATA, hash_renewal="sha512")
    return renew_hash(record, token(covered, 9, "sha512"), "sha512")


def test_the_record_outlives_the_certificates_of_its_authorities():
    told = verdict(renewed(), 10)
    assert (told.existed_at, told.time_stamps) == (BEGIN + YEAR + timedelta(days=1), 4)
    assert told.renew_before == BEGIN + 13 * YEAR


def test_a_certificate_that_ended_before_the_renewal():
    record = first_record(token(DATA, 1), "sha256")
    verdict(record, 2)
    with pytest.raises(AnchorRefused):
        verdict(record, 5)
    late = renew_time_stamp(record, token(renewal_subject(record, DATA), 6))
    with pytest.raises(AnchorRefused):
        verdict(late, 7)


def test_a_clock_before_the_newest_time_stamp():
    with pytest.raises(AnchorRefused):
        verdict(renewed(), 8)


def test_other_data_and_other_roots():
    with pytest.raises(AnchorRefused):
        verdict(renewed(), 10, DATA + b"x")
    with pytest.raises(AnchorRefused):
        verdict(renewed(), 10, name="Stranger")


def test_missing_and_reordered_time_stamps():
    first, second = renewed().chains
    for chains in [
        (first,),
        (first[:2], second),
        (first[1:], second),
        ((first[0], first[2], first[1]), second),
        ((first[0], first[2]), second),
        (second,),
        (second, first),
        (first, second, second),
    ]:
        record = EvidenceRecord(chains)
        if chains == (first,):
            # Cut off at its end it is an older record, whose last certificate has ended.
            assert verdict(record, 9).time_stamps == 3
        with pytest.raises(AnchorRefused):
            verdict(record, 11)


def test_the_hash_of_a_renewal_is_stronger():
    for algorithm in ("sha512", "sha256", "sha1", "md5"):
        with pytest.raises(NotRenewable):
            renewal_subject(renewed(), DATA, hash_renewal=algorithm)


def test_a_token_with_another_hash_than_its_chain():
    with pytest.raises(AnchorRefused):
        verdict(first_record(token(DATA, 1, "sha512"), "sha256"), 2)


def test_every_flipped_bit_is_refused_or_changes_nothing():
    """Not every byte of a CMS is signed, such as the version; none of them may change what is said."""
    encoded, expected = renewed().encoded(), verdict(renewed(), 10)
    refused = 0
    for place in range(0, len(encoded), 3):
        damaged = bytearray(encoded)
        damaged[place] ^= 1 << place % 8
        try:
            assert verdict(bytes(damaged), 10) == expected
        except (AnchorRefused, BadRecord):
            refused += 1
    assert refused > 0.9 * len(encoded) / 3


def test_the_tree_of_the_rules():
    """Four documents whose hashes and root were computed with other programs."""
    leaves = [hashlib.sha256(b"doc%d" % number).digest() for number in (1, 2, 3, 4)]
    covered, trees = reduced_trees(leaves, "sha256")
    assert hashlib.sha256(covered).hexdigest() == "b731869208d8aceeb450905b5ed60fc09d1f411b12e562f8bdc337c5218fdd81"
    assert trees[0] == (
        (leaves[1], leaves[0]),
        (bytes.fromhex("ab38d0fa3bd985a4fd626eafae469126b8ec25573af0ecd758a43c2e954d038a"),),
    )


@given(st.integers(2, 40))
def test_every_leaf_leads_to_the_root(count):
    objects = [b"%d" % number for number in range(count)]
    covered, trees = reduced_trees([hashlib.sha512(each).digest() for each in objects], "sha512")
    assert {walk_hash_tree(each, tree, "sha512") for each, tree in zip(objects, trees, strict=True)} == {covered}
    with pytest.raises(BadRecord):
        walk_hash_tree(b"another", trees[0], "sha512")


def test_one_token_renews_many_records():
    records = [first_record(token(b"%d" % number, 1), "sha256") for number in range(5)]
    leaves = [hashlib.sha256(renewal_subject(each, b"%d" % number)).digest() for number, each in enumerate(records)]
    covered, trees = reduced_trees(leaves, "sha256")
    stamp = token(covered, 3)
    for number, (record, tree) in enumerate(zip(records, trees, strict=True)):
        assert verdict(renew_time_stamp(record, stamp, tree), 5, b"%d" % number).existed_at.year == 2027
    with pytest.raises(BadRecord):
        verdict(renew_time_stamp(records[0], stamp, trees[3]), 5, b"0")


def test_the_renewal_of_the_hash_recomputed():
    """RFC 4998, 5.2: H(H(data) + H(sequence of chains)), the sequence cut from the record's own bytes."""
    older = EvidenceRecord(renewed().chains[:1])
    encoded = older.encoded()
    sequence = encoded[encoded.index(bytes.fromhex("300b0609608648016503040201")) + 13 :]
    expected = hashlib.sha512(DATA).digest() + hashlib.sha512(sequence).digest()
    assert renewal_subject(older, DATA, hash_renewal="sha512") == expected


def test_openssl_accepts_the_tokens(tmp_path):
    """The first token by itself: OpenSSL has no evidence records."""
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "token").write_bytes(parse_record(renewed().encoded()).chains[0][0].token)
    (tmp_path / "root").write_bytes(root("Root")[0].public_bytes(Encoding.PEM))
    at = str(int((BEGIN + 2 * YEAR).timestamp()))
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root"]
    done = subprocess.run([*command, "-attime", at], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout, done.stderr


@given(st.binary(max_size=300))
def test_hostile_bytes(junk):
    with pytest.raises(BadRecord):
        parse_record(junk)


@given(st.data())
def test_hostile_changes(data):
    encoded = renewed().encoded()
    start = data.draw(st.integers(0, len(encoded)))
    size = data.draw(st.integers(0, 40))
    changed = encoded[:start] + data.draw(st.binary(max_size=40)) + encoded[start + size :]
    try:
        verdict(changed, 10)
    except NatsuinError:
        return


class Tree(core.SequenceOf):
    """PartialHashtree."""

    _child_spec = core.OctetString


class Trees(core.SequenceOf):
    _child_spec = Tree


class Stamp(core.Sequence):
    """ArchiveTimeStamp of RFC 4998, 4.1, as asn1crypto reads it."""

    _fields: ClassVar = [
        ("algorithm", algos.DigestAlgorithm, {"implicit": 0, "optional": True}),
        ("attributes", cms.CMSAttributes, {"implicit": 1, "optional": True}),
        ("trees", Trees, {"implicit": 2, "optional": True}),
        ("token", cms.ContentInfo),
    ]


class Chain(core.SequenceOf):
    _child_spec = Stamp


class Chains(core.SequenceOf):
    _child_spec = Chain


class Algorithms(core.SequenceOf):
    _child_spec = algos.DigestAlgorithm


class Record(core.Sequence):
    _fields: ClassVar = [("version", core.Integer), ("algorithms", Algorithms), ("chains", Chains)]


def read_by_another(encoded, data):
    """A second reading of RFC 4998 that shares no code with the first: each token (DER), and what it must be over."""
    chains = Record.load(encoded, strict=True)["chains"]
    for number, chain in enumerate(chains):
        name = chain[0]["algorithm"]["algorithm"].native
        subject = data
        if number:
            before = Chains([Chain.load(each.dump()) for each in list(chains)[:number]]).dump(force=True)
            subject = hashlib.new(name, data).digest() + hashlib.new(name, before).digest()
        for stamp in chain:
            for place, tree in enumerate(stamp["trees"].native or []):
                hashed = hashlib.new(name, subject).digest()
                assert place or hashed in tree
                subject = b"".join(sorted({*tree, hashed}))
            imprint = stamp["token"]["content"]["encap_content_info"]["content"].parsed["message_imprint"]
            assert imprint["hashed_message"].native == hashlib.new(name, subject).digest()
            yield stamp["token"].dump(), subject
            subject = stamp["token"].dump()


def shared():
    """Four records that were renewed under one token, the hash of the first of them then renewed."""
    records = [first_record(token(b"%d" % number, 1), "sha256") for number in range(4)]
    leaves = [hashlib.sha256(renewal_subject(each, b"")).digest() for each in records]
    covered, trees = reduced_trees(leaves, "sha256")
    record = renew_time_stamp(records[0], token(covered, 3), trees[0])
    return renew_hash(record, token(renewal_subject(record, b"0", hash_renewal="sha512"), 5, "sha512"), "sha512")


@pytest.mark.parametrize(("made", "data", "count"), [(renewed, DATA, 4), (shared, b"0", 3)])
def test_a_second_reader_and_openssl_agree(made, data, count, tmp_path):
    """Renewal of the time-stamp and of the hash tree: every token is over what another reader computes."""
    (tmp_path / "root").write_bytes(root("Root")[0].public_bytes(Encoding.PEM))
    found = list(read_by_another(made().encoded(), data))
    assert len(found) == count
    for stamp, covered in found:
        (tmp_path / "token").write_bytes(stamp)
        (tmp_path / "data").write_bytes(covered)
        at = cms.ContentInfo.load(stamp)["content"]["encap_content_info"]["content"].parsed["gen_time"].native
        command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root"]
        command += ["-attime", str(int(at.timestamp()))]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "Verification: OK" in done.stdout, done.stderr
    assert anchored_time(made().encoded(), data, [root("Root")[0]])[0] == BEGIN + YEAR + timedelta(days=1)


def test_the_end_of_an_algorithm():
    """By the table of years RSA with 2,048 bits ends with 2030, while the certificate goes on."""
    key = rsa.generate_private_key(65537, 2048)
    above, above_key = root("Root")
    old = TimeStampAuthority(certificate("Old", key, (0, 30), issuer=above, issuer_key=above_key), key, "1.2.3.4")
    last = table().last_day(Act.SIGN, KeyAlgorithm.RSA_2048)
    assert last is not None
    ends = last.year - BEGIN.year
    record = first_record(token(DATA, 1, by=old), "sha256")
    assert verdict(record, ends).renew_before.date() == last
    with pytest.raises(AnchorRefused, match="before its algorithm ended"):
        verdict(record, ends + 2)
    by = authority(0, 30)
    in_time = renew_time_stamp(record, token(renewal_subject(record, DATA), ends, by=by))
    assert verdict(in_time, ends + 2).existed_at == BEGIN + YEAR + timedelta(days=1)
    late = renew_time_stamp(record, token(renewal_subject(record, DATA), ends + 2, by=by))
    with pytest.raises(AnchorRefused, match="before its algorithm ended"):
        verdict(late, ends + 3)
