"""Evidence records (RFC 4998): made, read, and renewed. Pure: bytes in, bytes out; tokens are carried, not judged.

A chain holds time-stamps over one another, all with one hash algorithm (renewal of the time-stamp, 5.2); a new chain
begins when the hash algorithm ages (renewal of the hash tree, 5.3). Nothing is ever taken out of a record.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

from natsuin.signing_log.anchors.hash_trees import Lists
from natsuin.signing_log.anchors.refusals import BadRecord, NotRenewable

LARGEST_RECORD: Final = 4 * 1024 * 1024
"""Bytes; a time-stamp with its certificates is about 5 KB, and a record gets one in some years."""
MOST_TIME_STAMPS: Final = 200
HASH_STRENGTHS: Final = {"sha256": 1, "sha384": 2, "sha512": 3}
OBJECT_IDENTIFIERS: Final = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_NAMES: Final = {oid: name for name, oid in OBJECT_IDENTIFIERS.items()}


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _TimeStamp:
    digest_algorithm: Annotated[_Algorithm | None, asn1.Implicit(0)]
    reduced_hashtree: Annotated[list[list[bytes]] | None, asn1.Implicit(2)]
    time_stamp: asn1.TLV


@asn1.sequence
class _Record:
    version: int
    digest_algorithms: list[_Algorithm]
    sequence: list[list[_TimeStamp]]


@asn1.sequence
class _Wrapped:
    """For what the coder takes only as a field: the value's encoding is the contents of this sequence."""

    sequence: list[list[_TimeStamp]]


@dataclass(frozen=True)
class ArchiveTimeStamp:
    """One token (DER), the hash algorithm as `hashlib` calls it, and the object's part of the tree, if it shared it."""

    algorithm: str
    lists: Lists | None
    token: bytes


@dataclass(frozen=True)
class EvidenceRecord:
    """Chains of time-stamps, oldest first. None is empty, and each has one algorithm."""

    chains: tuple[tuple[ArchiveTimeStamp, ...], ...]

    def encoded(self) -> bytes:
        """DER. Raises `BadRecord` when a token is not DER."""
        try:
            return asn1.encode_der(_structure_of_record(self.chains))
        except ValueError as error:
            raise BadRecord("this time-stamp cannot be encoded") from error


def first_record(token: bytes, algorithm: str, lists: Lists | None = None) -> EvidenceRecord:
    """The record of one token over an object, or over a tree with the object in it."""
    return EvidenceRecord(((ArchiveTimeStamp(algorithm, lists, token),),))


def renewal_subject(record: EvidenceRecord, data: bytes, *, hash_renewal: str | None = None) -> bytes:
    """The bytes that the next time-stamp of `record` must cover, by itself or as a leaf of a tree.

    Without `hash_renewal` that is the newest token (RFC 4998, 5.2); with an algorithm it is the hash of `data` followed
    by that of all chains (5.2, "Hash-Tree Renewal"). Raises `NotRenewable` for an algorithm that is no stronger.
    """
    if hash_renewal is None:
        return record.chains[-1][-1].token
    if HASH_STRENGTHS.get(hash_renewal, 0) <= HASH_STRENGTHS[record.chains[-1][0].algorithm]:
        raise NotRenewable("a renewal of the hash needs an algorithm that is stronger than the record's last")
    return chain_subject(record.chains, data, hash_renewal)


def chain_subject(before: Sequence[tuple[ArchiveTimeStamp, ...]], data: bytes, algorithm: str) -> bytes:
    """What the first time-stamp of a chain covers that comes after the chains `before`."""
    if not before:
        return data
    # The sequence as it stands in the record: a wrapper's head of tag and length is taken off.
    wrapped = asn1.encode_der(_Wrapped(sequence=_structure(before)))
    inner = asn1.decode_der(_Opened, wrapped).sequence
    return hashlib.new(algorithm, data).digest() + hashlib.new(algorithm, asn1.encode_der(inner)).digest()


@asn1.sequence
class _Opened:
    sequence: asn1.TLV


def renew_time_stamp(record: EvidenceRecord, token: bytes, lists: Lists | None = None) -> EvidenceRecord:
    """`record` with `token` over `renewal_subject(record, ...)` at the end of its newest chain."""
    *older, newest = record.chains
    return EvidenceRecord((*older, (*newest, ArchiveTimeStamp(newest[0].algorithm, lists, token))))


def renew_hash(record: EvidenceRecord, token: bytes, algorithm: str, lists: Lists | None = None) -> EvidenceRecord:
    """`record` with a new chain of `token` over `renewal_subject(record, data, hash_renewal=algorithm)`."""
    return EvidenceRecord((*record.chains, (ArchiveTimeStamp(algorithm, lists, token),)))


def parse_record(encoded: bytes) -> EvidenceRecord:
    """Read a record. Raises `BadRecord` for anything else.

    Read are version 1, DER, the algorithms above, at most `MOST_TIME_STAMPS` time-stamps, each with its algorithm; the
    optional parts for encryption and attributes are refused, since nothing here would check them.
    """
    if len(encoded) > LARGEST_RECORD:
        raise BadRecord("this evidence record is too large")
    try:
        told = asn1.decode_der(_Record, encoded)
        chains = tuple(tuple(map(_read, chain)) for chain in told.sequence)
        again = EvidenceRecord(chains).encoded() if chains and all(chains) else b""
    except (ValueError, KeyError) as error:
        raise BadRecord("this is not an evidence record") from error
    if told.version != 1 or again != encoded or sum(map(len, chains)) > MOST_TIME_STAMPS:
        raise BadRecord("this evidence record is not in the form that is read here")
    if any(each.algorithm != chain[0].algorithm for chain in chains for each in chain):
        raise BadRecord("a chain of this evidence record mixes hash algorithms")
    return EvidenceRecord(chains)


def _read(told: _TimeStamp) -> ArchiveTimeStamp:
    if told.digest_algorithm is None:
        raise BadRecord("a time-stamp of this evidence record does not name its hash algorithm")
    lists = None if told.reduced_hashtree is None else tuple(map(tuple, told.reduced_hashtree))
    if lists is not None and not (lists and all(lists)):
        raise BadRecord("the hash tree of this evidence record is empty")
    name = _NAMES[told.digest_algorithm.algorithm.dotted_string]
    return ArchiveTimeStamp(name, lists, asn1.encode_der(told.time_stamp))


def _algorithm(name: str) -> _Algorithm:
    return _Algorithm(algorithm=x509.ObjectIdentifier(OBJECT_IDENTIFIERS[name]), parameters=None)


def _structure_of_record(chains: Sequence[tuple[ArchiveTimeStamp, ...]]) -> _Record:
    names = dict.fromkeys(chain[0].algorithm for chain in chains)
    return _Record(version=1, digest_algorithms=[_algorithm(name) for name in names], sequence=_structure(chains))


def _structure(chains: Sequence[tuple[ArchiveTimeStamp, ...]]) -> list[list[_TimeStamp]]:
    return [
        [
            _TimeStamp(
                digest_algorithm=_algorithm(each.algorithm),
                reduced_hashtree=None if each.lists is None else [list(members) for members in each.lists],
                time_stamp=asn1.decode_der(asn1.TLV, each.token),
            )
            for each in chain
        ]
        for chain in chains
    ]
