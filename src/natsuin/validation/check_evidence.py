"""Judges one signature's evidence without Natsuin: this one file, Python 3.11 and the package `cryptography` suffice.

    python check_evidence.py evidence.json --vkey log.vkey --trust ca.pem [--document signed.pdf] [--lang ja] [--json]

It asks nobody and reads no clock. What it believes is only what is given beside the evidence: the log's verifier key,
the trusted root certificates, and the keys of witnesses. Each statement has a line of its own, so that none hides
behind another: good, bad, unknown, or absent where nothing is claimed. Exit status: 0 all claims hold, 1 one does not,
2 that cannot be told. docs/evidence.md explains the format, and which of its fields nothing proves.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

FORMAT = "natsuin-evidence/v1"
LARGEST = 16 * 1024 * 1024
"""Bytes of evidence."""
_LARGEST_DOCUMENT = 512 * 1024 * 1024
_CLOCK_MILLISECONDS = 60_000
_ANCHOR_CLOCK_MILLISECONDS = 300_000
"""How far the clocks of the log and of a time-stamp authority may be apart."""
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_HASH_OIDS = {
    "608648016503040201": "sha256",
    "608648016503040202": "sha384",
    "608648016503040203": "sha512",
}
"""Object identifiers here and below are their DER contents in hexadecimal."""


# --- How a check ends -------------------------------------------------------------------------------------------------


class Verdict(Exception):
    """What a check says: its status, a code of `TEXTS`, and what the text is about."""

    def __init__(self, status: str, code: str, **told: object) -> None:
        super().__init__(code)
        self.status, self.code, self.told = status, code, told


def wrong(code: str, **told: object) -> Verdict:
    """The evidence contradicts itself or what is trusted."""
    return Verdict("bad", code, **told)


def unknown(code: str, **told: object) -> Verdict:
    """Neither proved nor refuted with what is at hand."""
    return Verdict("unknown", code, **told)


def require(condition: object, code: str) -> None:
    """Raise `wrong(code)` unless `condition` holds."""
    if not condition:
        raise wrong(code)


@dataclass(frozen=True)
class Line:
    """One statement: `status` is good, bad, unknown or absent; `text_en` and `text_ja` are for people."""

    name: str
    status: str
    code: str
    text_en: str
    text_ja: str


@dataclass(frozen=True)
class EvidenceReport:
    """The verdict: `overall` is valid, not_valid or cannot_tell; `about` says in short what the evidence is of."""

    overall: str
    lines: tuple[Line, ...]
    about: dict[str, str] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0 valid, 1 not valid, 2 cannot tell."""
        return {"valid": 0, "not_valid": 1}.get(self.overall, 2)

    def as_json(self) -> str:
        """The report as a JSON object."""
        lines = [vars(line) for line in self.lines]
        told = {"overall": self.overall, "about": self.about, "lines": lines}
        return json.dumps(told, ensure_ascii=False, indent=1)

    def as_text(self, language: str) -> str:
        """The report for people, in `en` or `ja`."""
        place = 1 if language == "ja" else 0
        rows = [_WORDS["title"][place]]
        rows += [
            "  " + _WORDS[name][place] + (": ", "：")[place] + value for name, value in self.about.items() if value
        ]
        for line in self.lines:
            rows.append(f"{MARKS[line.status]} {NAMES[line.name][place]}")
            rows.append(f"    {line.text_ja if place else line.text_en}")
        return "\n".join([*rows, f"=> {_WORDS[self.overall][place]}"]) + "\n"


MARKS = {"good": "[ok]", "bad": "[NG]", "unknown": "[??]", "absent": "[--]"}


# --- Strict reading ---------------------------------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def raw(text: str) -> bytes:
    """base64url without padding (RFC 4648, 5), in its one canonical form."""
    decoded = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    require(base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == text, "malformed")
    return decoded


def padded(text: str) -> bytes:
    """Padded base64 of the standard alphabet, in its one canonical form."""
    decoded = base64.b64decode(text.encode("ascii"), validate=True)
    require(base64.b64encode(decoded).decode() == text, "malformed")
    return decoded


def decimal(text: str) -> int:
    """A number from 0 to 2^63-1 in ASCII digits without sign or leading zero."""
    require(re.fullmatch("0|[1-9][0-9]{0,18}", text, re.ASCII) and int(text) < 2**63, "malformed")
    return int(text)


def parse_json(content: str | bytes) -> dict[str, Any]:
    """A JSON object without repeated names and without numbers that are not whole."""

    def no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        told = dict(pairs)
        require(len(told) == len(pairs), "malformed")
        return told

    def no_float(_: str) -> Any:
        raise wrong("malformed")

    told = json.loads(content, object_pairs_hook=no_twice, parse_float=no_float, parse_constant=no_float)
    require(isinstance(told, dict), "malformed")
    return dict(told)


def member(told: Any, name: str, kind: type | tuple[type, ...] = str) -> Any:
    """`told[name]`, which must be of `kind`; true and false are no numbers."""
    require(isinstance(told, dict) and name in told, "malformed")
    value = told[name]
    require(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), "malformed")
    return value


# --- DER and CMS ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """One element of DER: `tag` is its first byte, `raw` all of it, `body` its contents."""

    tag: int
    raw: bytes
    body: bytes

    def children(self) -> list[Node]:
        """The elements inside."""
        return list(elements(self.body))

    @property
    def hex(self) -> str:
        """The contents in hexadecimal: how object identifiers are compared here."""
        return self.body.hex()


def elements(data: bytes) -> Iterator[Node]:
    """The elements of `data`, one after the other; lengths must be definite and as short as can be (X.690, 10.1)."""
    start = 0
    while start < len(data):
        tag, head, size = data[start], start + 2, data[start + 1]
        require(tag & 0x1F != 0x1F, "malformed")
        if size >= 0x80:
            require(0x81 <= size <= 0x84, "malformed")
            head += size - 0x80
            size = int.from_bytes(data[start + 2 : head], "big")
            require(size >= 0x80 and size >> 8 * (head - start - 3), "malformed")
        require(head + size <= len(data), "malformed")
        yield Node(tag, data[start : head + size], data[head : head + size])
        start = head + size


def only(data: bytes) -> Node:
    """The one element that `data` is."""
    found = list(elements(data))
    require(len(found) == 1, "malformed")
    return found[0]


@dataclass(frozen=True)
class SignedData:
    """The parts of a CMS SignedData (RFC 5652) with one signer. `attributes` and `unsigned` are values by type."""

    content_type: str
    content: bytes
    certificates: tuple[bytes, ...]
    serial: bytes
    digest: str
    signed: bytes
    """The signed attributes as they are hashed."""
    attributes: dict[str, Node]
    unsigned: dict[str, Node]
    algorithm: str
    signature: bytes


def _attributes(node: Node) -> dict[str, Node]:
    found = {}
    for attribute in node.children():
        kind, values = attribute.children()
        require(kind.hex not in found, "malformed")
        found[kind.hex] = values.children()[0]
    return found


def parse_cms(der: bytes) -> SignedData:
    """Take a signature apart without believing it. Raises `Verdict`, `ValueError`, `IndexError`."""
    kind, wrapped = only(der).children()
    require(kind.hex == "2a864886f70d010702", "malformed")
    _, _, encapsulated, *rest = only(wrapped.body).children()
    content_type, *content = encapsulated.children()
    signers = rest[-1].children()
    require(len(signers) == 1, "malformed")
    _, who, digest, attributes, algorithm, signature, *more = signers[0].children()
    require(attributes.tag == 0xA0 and who.tag == 0x30, "malformed")
    return SignedData(
        content_type.hex,
        only(content[0].body).body if content else b"",
        tuple(node.raw for part in rest if part.tag == 0xA0 for node in part.children()),
        who.children()[1].body,
        _HASH_OIDS[digest.children()[0].hex],
        b"\x31" + attributes.raw[1:],
        _attributes(attributes),
        _attributes(more[0]) if more else {},
        algorithm.children()[0].hex,
        signature.body,
    )


# --- Signatures and certificates --------------------------------------------------------------------------------------


def verify_digest(key: Any, signature: bytes, digest: bytes, scheme: str) -> None:
    """Return if `signature` is `key`'s over `digest` under a scheme of the record. Raises `Verdict`."""
    name = _HASHES.get(scheme.rsplit("-", 1)[-1])
    if name is None:
        raise unknown("scheme_unknown", scheme=scheme)
    hashed = utils.Prehashed(name)
    try:
        if scheme.startswith("rsa-pkcs1-") and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), hashed)
        elif scheme.startswith("rsa-pss-") and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PSS(padding.MGF1(name), padding.PSS.AUTO), hashed)
        elif scheme.startswith("rsa-any-") and isinstance(key, rsa.RSAPublicKey):
            # The approval left the padding to the application; the log says in each intent which it was.
            try:
                key.verify(signature, digest, padding.PKCS1v15(), hashed)
            except InvalidSignature:
                key.verify(signature, digest, padding.PSS(padding.MGF1(name), padding.PSS.AUTO), hashed)
        elif scheme.startswith("ecdsa-") and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        else:
            raise wrong("signature_other_key")
    except InvalidSignature:
        raise wrong("signature_wrong") from None


def verify_message(key: Any, signature: bytes, message: bytes, digest: str) -> None:
    """Return if `signature` is `key`'s over `message`, hashed with `digest` where the key wants a hash."""
    name = _HASHES[digest]
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), name)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(name))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        raise unknown("scheme_unknown", scheme=type(key).__name__)


_UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def build_path(
    leaf: x509.Certificate, pool: Sequence[x509.Certificate], trust: Sequence[x509.Certificate], moment: datetime
) -> list[x509.Certificate]:
    """The certificates from `leaf` to one of `trust` (RFC 5280, 6.1), all of them valid at `moment`.

    Revocation, policies and name constraints are not looked at; a critical extension that is not understood is refused.
    Raises `Verdict`.
    """
    path = [leaf]
    for _ in range(8):
        last = path[-1]
        require(last.not_valid_before_utc <= moment <= last.not_valid_after_utc, "certificate_time")
        unknown_ones = [e for e in last.extensions if e.critical and e.oid not in _UNDERSTOOD]
        require(not unknown_ones, "certificate_extension")
        if last in trust:
            return path
        issuer = next((each for each in (*trust, *pool) if _issued(last, each, len(path) - 1)), None)
        if issuer is None:
            raise wrong("certificate_untrusted")
        path.append(issuer)
    raise wrong("certificate_untrusted")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    if certificate.issuer != issuer.subject or certificate == issuer:
        return False
    basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if basic is None or not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    if usage is not None and not usage.key_cert_sign:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def stamped_time(
    token: bytes, signature: bytes, pool: Sequence[x509.Certificate], trust: Sequence[x509.Certificate]
) -> datetime:
    """When the time-stamp `token` (RFC 3161) says that `signature` existed. Raises `Verdict` unless it is trusted."""
    cms = parse_cms(token)
    require(cms.content_type == "2a864886f70d0109100104", "malformed")
    _, _, imprint, _, generated, *_ = only(cms.content).children()
    algorithm, digest = imprint.children()
    name = _HASH_OIDS[algorithm.children()[0].hex]
    require(hashlib.new(name, signature).digest() == digest.body, "time_stamp_other")
    moment = datetime.strptime(generated.body.decode("ascii")[:14] + "Z", "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    carried = [x509.load_der_x509_certificate(der) for der in cms.certificates]
    authority = stamp_certificate(cms, carried)
    hashed = cms.attributes["2a864886f70d010904"].body
    require(hashlib.new(cms.digest, cms.content).digest() == hashed, "time_stamp_wrong")
    require(cms.attributes["2a864886f70d010903"].hex == cms.content_type, "time_stamp_wrong")
    try:
        verify_message(authority.public_key(), cms.signature, cms.signed, cms.digest)
    except InvalidSignature:
        raise wrong("time_stamp_wrong") from None
    usage = _extension(authority, x509.ExtendedKeyUsage)
    require(usage is not None and list(usage) == [ExtendedKeyUsageOID.TIME_STAMPING], "time_stamp_wrong")
    build_path(authority, [*carried, *pool], trust, moment)
    return moment


def stamp_certificate(cms: SignedData, carried: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signed attribute names by its hash (RFC 5035; RFC 2634 with SHA-1)."""
    second = cms.attributes.get("2a864886f70d010910022f")
    named = (second or cms.attributes["2a864886f70d010910020c"]).children()[0].children()[0].children()
    name = "sha256" if second else "sha1"
    if named[0].tag == 0x30:
        name = _HASH_OIDS[named.pop(0).children()[0].hex]
    for certificate in carried:
        der = certificate.public_bytes(Encoding.DER)
        if hashlib.new(name, der, usedforsecurity=False).digest() == named[0].body:
            require(certificate.serial_number == int.from_bytes(cms.serial, "big"), "time_stamp_wrong")
            return certificate
    raise wrong("time_stamp_wrong")


# --- Evidence records -------------------------------------------------------------------------------------------------


def anchored_time(record: bytes, data: bytes, trust: Sequence[x509.Certificate]) -> tuple[datetime, str]:
    """When `data` existed at the latest, and by whose clock, as an evidence record proves (RFC 4998, 4.3 and 5.3; DER).

    Each time-stamp but the newest must have been renewed while its certificates were valid; the newest is judged at its
    own time, since no clock is read here. Raises `Verdict`, or whatever foreign bytes make a parser raise.
    """
    version, _, sequence = only(record).children()
    require(version.raw == b"\2\1\1" and sequence.tag == 0x30, "malformed")
    stamps: list[tuple[datetime, bytes]] = []
    before = b""
    for chain in sequence.children():
        members = [_archive_time_stamp(each) for each in chain.children()]
        require(members and len({name for name, _, _ in members}) == 1 and len(stamps) < 200, "malformed")
        subject, algorithm = data, members[0][0]
        if stamps:
            head = _sequence_head(len(before))
            subject = hashlib.new(algorithm, data).digest() + hashlib.new(algorithm, head + before).digest()
        for _, lists, token in members:
            imprint = only(parse_cms(token).content).children()[2].children()[0].children()[0].hex
            require(_HASH_OIDS[imprint] == algorithm, "anchor_wrong")
            stamps.append((stamped_time(token, _walked(subject, lists, algorithm), [], trust), token))
            subject = token
        before += chain.raw
    for (earlier, token), (later, _) in pairwise(stamps):
        require(earlier <= later, "anchor_wrong")
        build_path(*_stamp_path(token), trust, later)
    return stamps[0][0], _name(_stamp_path(stamps[0][1])[0])


def _stamp_path(token: bytes) -> tuple[x509.Certificate, list[x509.Certificate]]:
    cms = parse_cms(token)
    carried = [x509.load_der_x509_certificate(der) for der in cms.certificates]
    return stamp_certificate(cms, carried), carried


def _archive_time_stamp(node: Node) -> tuple[str, list[list[bytes]], bytes]:
    algorithm, *lists, token = node.children()
    require(algorithm.tag == 0xA0 and token.tag == 0x30 and [each.tag for each in lists] in ([], [0xA2]), "malformed")
    trees = [[each.body for each in part.children()] for tree in lists for part in tree.children()]
    require(all(trees) and bool(trees) == bool(lists), "malformed")
    return _HASH_OIDS[algorithm.children()[0].hex], trees, token.raw


def _walked(subject: bytes, lists: list[list[bytes]], algorithm: str) -> bytes:
    """The bytes whose hash a token holds: the subject, or what its reduced hash tree comes to."""
    own, covered = hashlib.new(algorithm, subject).digest(), subject
    for number, listed in enumerate(lists):
        require(number or (own in listed and len(listed) > 1), "anchor_wrong")
        members = [*listed, own] if number else listed
        require(len(set(members)) == len(members) and {len(each) for each in members} == {len(own)}, "anchor_wrong")
        covered = b"".join(sorted(members))
        own = hashlib.new(algorithm, covered).digest()
    return covered


def _sequence_head(size: int) -> bytes:
    """Tag and length of a DER sequence."""
    if size < 0x80:
        return bytes([0x30, size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(length)]) + length


# --- The log ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoteKey:
    """A verifier key (C2SP signed-note): of a log (type 1) or of a witness (type 4), Ed25519 both."""

    name: str
    identity: bytes
    kind: int
    public: ed25519.Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read `name+id+base64`. Raises `ValueError` for anything else, also for an id that does not fit."""
        name, identity, key = text.split("+", 2)
        material = base64.b64decode(key, validate=True)
        expected = sha256(name.encode() + b"\n" + material)[:4]
        canonical = base64.b64encode(material).decode() == key
        if not name or not canonical or len(material) != 33 or material[0] not in (1, 4) or expected.hex() != identity:
            raise ValueError("this is not a verifier key")
        return cls(name, expected, material[0], ed25519.Ed25519PublicKey.from_public_bytes(material[1:]))

    def verify(self, text: str, signature: bytes) -> None:
        """Return if `signature` is this key's over the note's `text`; raises `InvalidSignature`."""
        message = text.encode()
        if self.kind == 4:
            message = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[:8], "big") + message
            signature = signature[8:]
        self.public.verify(signature, message)


def open_checkpoint(
    note: str,
    key: NoteKey,
    witnesses: Sequence[NoteKey],
    quorum: int | None = None,
    times: dict[str, int] | None = None,
) -> tuple[int, bytes]:
    """Size and root of a checkpoint that `key` signed, and `quorum` of the `witnesses`, or all (C2SP tlog-checkpoint).
    Who did is put into `times`, with the time in seconds since 1970. Raises `Verdict`.
    """
    require(len(note) < 1_000_000 and not re.search(r"[\x00-\x09\x0b-\x1f]", note), "malformed")
    split = note.rfind("\n\n")
    require(split > 0 and note.endswith("\n"), "malformed")
    text, lines = note[: split + 1], note[split + 2 : -1].split("\n")
    require(len(lines) <= 100, "malformed")
    signed = set()
    wanted = {(each.name, each.identity): each for each in (key, *witnesses)}
    for line in lines:
        dash, name, encoded = line.split(" ")
        signature = padded(encoded)
        require(dash == "\u2014" and name and len(signature) > 4, "malformed")
        known = wanted.get((name, signature[:4]))
        if known is not None:
            try:
                known.verify(text, signature[4:])
            except InvalidSignature:
                raise wrong("checkpoint_wrong") from None
            signed.add((name, known.identity))
            if times is not None and known.kind == 4:
                times[name] = int.from_bytes(signature[4:12], "big")
    require((key.name, key.identity) in signed, "checkpoint_unsigned")
    if len(signed) - 1 < (len(witnesses) if quorum is None else quorum):
        raise unknown("checkpoint_unwitnessed")
    origin, size, root, *extension = text[:-1].split("\n")
    require(origin == key.name, "checkpoint_other")
    require(all(extension) and len(padded(root)) == 32, "malformed")
    return decimal(size), padded(root)


def _canonical(told: Any) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Logged:
    """An entry, its place, and the checkpoint that its receipt carries. The proof is checked by `prove`."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def parse(cls, receipt: str) -> Logged:
        """Take a `.tlog-proof` apart (C2SP tlog-proof)."""
        head, separator, checkpoint = receipt.partition("\n\n")
        header, extra, index, *path = head.split("\n")
        require(separator and header == "c2sp.org/tlog-proof@v1", "malformed")
        require(extra.startswith("extra ") and index.startswith("index ") and len(path) <= 63, "malformed")
        hashed = tuple(map(padded, path))
        require(all(len(each) == 32 for each in hashed), "malformed")
        return cls(decimal(index[6:]), padded(extra[6:]), hashed, checkpoint)

    @cached_property
    def entry(self) -> dict[str, Any]:
        """What the entry says of its key: canonical, so that whoever finds a key's entries by their bytes finds it."""
        told = parse_json(self.leaf)
        require(_canonical(told).encode() == self.leaf, "malformed")
        require(member(told, "key_number", int) >= 0, "malformed")
        member(told, "key_previous", (str, type(None)))
        return told

    def prove(self, size: int, root: bytes) -> None:
        """Return if the path leads to `root` of a tree of `size` (RFC 9162, 2.1.3.2). Raises `Verdict`."""
        node, last, value = self.index, size - 1, sha256(b"\0" + self.leaf)
        require(0 <= node <= last, "inclusion_wrong")
        for sibling in self.path:
            require(last > 0, "inclusion_wrong")
            if node & 1 or node == last:
                value = sha256(b"\1" + sibling + value)
                while node and not node & 1:
                    node, last = node >> 1, last >> 1
            else:
                value = sha256(b"\1" + value + sibling)
            node, last = node >> 1, last >> 1
        require(last == 0 and value == root, "inclusion_wrong")

    def opened(self, opening: Any) -> Opened:
        """The fields that the entry commits to. Raises `Verdict` when `opening` is missing or another's."""
        if opening is None:
            raise unknown("opening_missing")
        tx, parts = member(opening, "tx"), member(opening, "fields", dict)
        require(tx == member(self.entry, "tx") and re.fullmatch("[0-9a-f]{32}", tx, re.ASCII), "opening_wrong")
        hashed, told = b"", {}
        for name, part in sorted(parts.items()):
            require(re.fullmatch("[a-z][a-z0-9_]{0,63}", name, re.ASCII), "opening_wrong")
            if set(part) == {"hash"}:
                digest, told[name] = raw(member(part, "hash")), WITHHELD
            else:
                require(set(part) == {"salt", "value"}, "opening_wrong")
                salt, value = raw(member(part, "salt")), member(part, "value")
                require(len(salt) == 32, "opening_wrong")
                tagged = b"natsuin/commitment/field/v1\0" + name.encode() + b"\0" + value.encode()
                digest = hmac.digest(salt, tagged, "sha256")
                told[name] = parse_json(f'{{"value":{value}}}').get("value")
                # What two readers could read in two ways would be opened in two ways.
                require(_canonical(told[name]) == value, "opening_wrong")
            require(len(digest) == 32, "opening_wrong")
            hashed += name.encode() + b"\0" + digest
        expected = sha256(b"natsuin/commitment/entry/v1\0" + tx.encode() + hashed)
        require(hmac.compare_digest(raw(member(self.entry, "commitment")), expected), "opening_wrong")
        return Opened(told)


WITHHELD = object()


class Opened(dict[str, Any]):
    """Disclosed fields. To ask for one that was withheld raises `Verdict`: it is there, and nobody said what it is."""

    def get(self, name: str, default: Any = None) -> Any:
        """The field's value, or `default` for a field that the entry does not commit to."""
        value = super().get(name, default)
        if value is WITHHELD:
            raise unknown("field_withheld", name=name)
        return value


# --- The passkey ------------------------------------------------------------------------------------------------------


def _cbor(data: bytes, start: int) -> tuple[int | bytes, int]:
    """A number or byte string of CBOR (RFC 8949) and where it ends; nothing else occurs in these keys."""
    major, size = data[start] >> 5, data[start] & 31
    start += 1
    if size >= 24:
        require(size <= 27, "malformed")
        length = 1 << size - 24
        size = int.from_bytes(data[start : start + length], "big")
        start += length
    if major == 2:
        require(start + size <= len(data), "malformed")
        return data[start : start + size], start + size
    require(major in (0, 1), "malformed")
    return (size if major == 0 else -1 - size), start


def verify_passkey(cose: bytes, signature: bytes, message: bytes) -> None:
    """Return if the passkey with this COSE_Key (RFC 9052, 7) signed `message`. Raises `Verdict`."""
    key: dict[Any, Any] = {}
    count, position = cose[0] & 31, 1
    require(cose[0] >> 5 == 5 and count < 24, "malformed")
    for _ in range(count):
        name, position = _cbor(cose, position)
        key[name], position = _cbor(cose, position)
    require(position == len(cose) and len(key) == count, "malformed")
    curves: dict[tuple[Any, Any], tuple[ec.EllipticCurve, str]] = {
        (-7, 1): (ec.SECP256R1(), "sha256"),
        (-35, 2): (ec.SECP384R1(), "sha384"),
        (-36, 3): (ec.SECP521R1(), "sha512"),
    }
    public: Any
    digest = "sha256"
    if (key.get(3), key.get(-1)) in curves and key.get(1) == 2:
        curve, digest = curves[key[3], key[-1]]
        x, y = (int.from_bytes(key[part], "big") for part in (-2, -3))
        public = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    elif (key.get(1), key.get(3), key.get(-1)) == (1, -8, 6):
        public = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
    elif (key.get(1), key.get(3)) == (3, -257):
        exponent, modulus = (int.from_bytes(key[part], "big") for part in (-2, -1))
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    else:
        raise unknown("passkey_unknown")
    try:
        verify_message(public, signature, message, digest)
    except InvalidSignature:
        raise wrong("approval_wrong") from None


# --- The document -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignatureInPDF:
    """A signature found in a PDF: it covers all of `document` up to `end` but for the bytes from `hole` to `after`."""

    cms: SignedData
    document: bytes
    hole: int
    after: int
    end: int

    @property
    def digest(self) -> bytes:
        """The hash of what the key signed: of the signed attributes."""
        return hashlib.new(self.cms.digest, self.cms.signed).digest()

    @property
    def intact(self) -> bool:
        """Whether the covered bytes are those that were signed."""
        hashed = hashlib.new(self.cms.digest, self.document[: self.hole])
        hashed.update(self.document[self.after : self.end])
        return hmac.compare_digest(hashed.digest(), self.cms.attributes["2a864886f70d010904"].body)


_BYTE_RANGE = re.compile(
    rb"/ByteRange\s{0,9}\[\s{0,9}(\d{1,12})\s{1,9}(\d{1,12})\s{1,9}(\d{1,12})\s{1,9}(\d{1,12})\s{0,9}\]"
)


def signatures_in(document: bytes) -> Iterator[SignatureInPDF]:
    """The signatures of a PDF that are in the form that Natsuin makes; others are left out."""
    for number, match in enumerate(_BYTE_RANGE.finditer(document)):
        first, size, second, rest = map(int, match.groups())
        if first or number > 99 or second - size > LARGEST or not size < second <= second + rest <= len(document):
            continue
        hole = document[size:second]
        try:
            require(hole[:1] == b"<" and hole[-1:] == b">", "malformed")
            node = next(elements(bytes.fromhex(hole[1:-1].decode("ascii"))))
            yield SignatureInPDF(parse_cms(node.raw), document, size, second, second + rest)
        except Exception:  # noqa: S112  # whatever is wrong with it, it is not the one that is looked for
            continue


# --- The case ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """One request to sign under the approval: which digests, and what the log and the file say came of it."""

    first: int
    count: int
    state: str
    intent: Logged | None
    outcome: Logged | None
    opening: Any
    signatures: tuple[bytes, ...]
    anchor: Any = None
    """A time anchor over the outcome, unread."""

    @classmethod
    def parse(cls, told: Any) -> Use:
        """Read one of `uses`."""
        intent, outcome = (Logged.parse(member(told, name)) if name in told else None for name in ("intent", "outcome"))
        signatures = tuple(raw(each) for each in member(told, "signatures", list)) if "signatures" in told else ()
        first, count = member(told, "first", int), member(told, "count", int)
        state, opening, anchor = member(told, "state"), told.get("opening"), told.get("anchor")
        return cls(first, count, state, intent, outcome, opening, signatures, anchor)


@dataclass
class Case:
    """The evidence with all that is believed besides. What is cached raises at each reading what it raised first."""

    told: dict[str, Any]
    key: NoteKey
    trust: Sequence[x509.Certificate]
    witnesses: Sequence[NoteKey] = ()
    document: bytes | None = None
    quorum: int | None = None
    """How many of the witnesses must have cosigned; None for all."""

    @cached_property
    def record(self) -> dict[str, Any]:
        """The canonical record, read."""
        return parse_json(member(self.told, "record"))

    @cached_property
    def digests(self) -> list[bytes]:
        """What was approved, in order."""
        return [raw(each) for each in member(self.record, "digests", list)]

    @cached_property
    def uses(self) -> list[Use]:
        """The uses, read."""
        return [Use.parse(each) for each in member(self.told, "uses", list)]

    @cached_property
    def approved(self) -> Logged | None:
        """The entry about the approval."""
        told = self.told.get("approved_entry")
        return None if told is None else Logged.parse(member(told, "receipt"))

    @cached_property
    def logged(self) -> list[Logged]:
        """Every entry."""
        found = [self.approved, *(each for use in self.uses for each in (use.intent, use.outcome))]
        return [each for each in found if each is not None]

    @cached_property
    def certificates(self) -> list[x509.Certificate]:
        """The signer's, and those above it."""
        listed = member(self.told, "certificates", list)
        require(1 <= len(set(listed)) == len(listed) <= 9, "malformed")
        return [x509.load_der_x509_certificate(padded(each)) for each in listed]

    @cached_property
    def signatures(self) -> list[tuple[bytes, bytes]]:
        """Digest and signature of everything that was released."""
        return [pair for use in self.uses for pair in zip(self.digests[use.first :], use.signatures, strict=False)]

    @cached_property
    def in_document(self) -> SignatureInPDF | None:
        """The signature in the document that was approved; None without a document."""
        if self.document is None:
            return None
        for found in signatures_in(self.document):
            digest = found.digest
            if _signs_messages(self.record):
                digest = hashlib.sha512(found.cms.signed).digest()
            if digest in self.digests:
                return found
        raise wrong("document_other")

    @cached_property
    def tokens(self) -> list[bytes]:
        """The time-stamps in the evidence and in the document, DER, unverified."""
        tokens = [padded(each) for each in member(self.told, "time_stamps", list)] if "time_stamps" in self.told else []
        if self.in_document is not None:
            attribute = self.in_document.cms.unsigned.get("2a864886f70d010910020e")
            tokens += [] if attribute is None or attribute.raw in tokens else [attribute.raw]
        require(len(set(tokens)) == len(tokens) <= 1000, "malformed")
        return tokens

    @cached_property
    def stamps(self) -> list[datetime]:
        """The times of all time-stamps, every one verified."""
        moments = []
        for token in self.tokens:
            digest = only(parse_cms(token).content).children()[2].children()
            name = _HASH_OIDS[digest[0].children()[0].hex]
            own = (each for _, each in self.signatures if hashlib.new(name, each).digest() == digest[1].body)
            moments.append(stamped_time(token, next(own, b""), self.certificates, self.trust))
        return moments

    @property
    def moment(self) -> tuple[datetime, bool]:
        """When it was signed, and whether a time-stamp proves it; otherwise it is what the log's server said."""
        try:
            if self.stamps:
                return min(self.stamps), True
        except Exception:
            # The line about time-stamps says what is wrong with them.
            return self._logged_moment, False
        return self._logged_moment, False

    @property
    def _logged_moment(self) -> datetime:
        times = [member(each.entry, "time", int) for each in self.logged]
        if not times:
            raise unknown("not_used")
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=max(times))


def _signs_messages(record: dict[str, Any]) -> bool:
    return str(member(record, "scheme")).startswith(("ed25519", "ml-dsa"))


# --- The checks: each returns the code of a good line, with what its text is about, or raises ------------------------


def check_approval(case: Case) -> tuple[str, dict[str, object]]:
    """The passkey signed this record for this service, with the user verified (Web Authentication Level 3, 7.2)."""
    told = case.told
    require(member(told, "format") == FORMAT, "format_unknown")
    if told.get("approval") is None or told.get("passkey") is None:
        raise unknown("approval_missing")
    approval, party = member(told, "approval", dict), member(told, "relying_party", dict)
    challenge = sha256(b"natsuin/approval/v1\0" + member(told, "record").encode())
    require(raw(member(told, "challenge")) == challenge, "challenge_wrong")
    client_data, device = (raw(member(approval, name)) for name in ("client_data_json", "authenticator_data"))
    client = parse_json(client_data)
    require(
        member(client, "type") == "webauthn.get" and raw(member(client, "challenge")) == challenge, "approval_other"
    )
    require(client.get("crossOrigin", False) is False and "topOrigin" not in client, "approval_other")
    require(member(client, "origin") == member(party, "origin"), "approval_site")
    require(len(device) >= 37 and device[:32] == sha256(member(party, "id").encode()), "approval_site")
    require(member(case.record, "service") == party["id"], "approval_site")
    require(device[32] & 0x05 == 0x05, "approval_unverified")
    cose = raw(member(member(told, "passkey", dict), "public_key"))
    verify_passkey(cose, raw(member(approval, "signature")), device + sha256(client_data))
    at = member(told, "approved_at", int)
    require(case.record["not_before"] - _CLOCK_MILLISECONDS <= at <= case.record["expires"], "approval_late")
    return "approval", {"origin": party["origin"]}


def check_approval_logged(case: Case) -> tuple[str, dict[str, object]]:
    """The log holds this very approval, from before the key was used."""
    if case.approved is None:
        raise unknown("approval_not_logged")
    entry, told = case.approved.entry, case.told
    fields = case.approved.opened(told["approved_entry"].get("opening"))
    require(entry.get("type") == "approved" and entry.get("key") == case.record["key"], "approval_entry")
    require(entry.get("count") == case.record["count"], "approval_entry")
    require(fields.get("record_sha256") == sha256(told["record"].encode()).hex(), "approval_entry")
    require(
        (fields.get("instruction"), fields.get("user")) == (case.record["id"], case.record["user"]), "approval_entry"
    )
    approval, names = member(told, "approval", dict), ("client_data_json", "authenticator_data", "signature")
    handle = approval.get("user_handle")
    assertion = {"credential_id": told["passkey"]["credential_id"], **{name: approval[name] for name in names}}
    standard: dict[str, Any] = {name: base64.b64encode(raw(value)).decode() for name, value in assertion.items()}
    standard["user_handle"] = None if handle is None else base64.b64encode(raw(handle)).decode()
    spelt = json.dumps(standard, separators=(",", ":")).encode()
    require(fields.get("assertion_sha256") == sha256(spelt).hex(), "approval_entry")
    at = member(entry, "time", int)
    require(abs(at - member(told, "approved_at", int)) <= _CLOCK_MILLISECONDS, "approval_late")
    later = [use.intent.index for use in case.uses if use.intent is not None]
    require(all(case.approved.index < index for index in later), "log_order")
    return "approval_logged", {"index": case.approved.index, "level": str(entry.get("level"))}


def check_checkpoint(case: Case) -> tuple[str, dict[str, object]]:
    """Every checkpoint is signed by the log's key, and by the witnesses."""
    require(member(case.told, "log_vkey") == _spelt(case.key), "log_other")
    if not case.logged:
        raise unknown("not_used")
    newest: tuple[int, dict[str, int]] = (-1, {})
    for each in case.logged:
        times: dict[str, int] = {}
        size = open_checkpoint(each.checkpoint, case.key, case.witnesses, case.quorum, times)[0]
        newest = max(newest, (size, times), key=lambda one: one[0])
    wanted = len(case.witnesses) if case.quorum is None else case.quorum
    by = "; ".join(f"{_plain(name)} ({_told_time(seconds)})" for name, seconds in newest[1].items()) or "-"
    return "checkpoint", {"origin": case.key.name, "size": newest[0], "witnesses": wanted, "by": by}


def _told_time(seconds: int) -> str:
    """A time that a witness told, which may be any number."""
    try:
        return _shown(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"


def _spelt(key: NoteKey) -> str:
    material = bytes([key.kind]) + key.public.public_bytes_raw()
    return f"{key.name}+{key.identity.hex()}+{base64.b64encode(material).decode()}"


def check_inclusion(case: Case) -> tuple[str, dict[str, object]]:
    """Every entry is in the tree of its checkpoint."""
    if not case.logged:
        raise unknown("not_used")
    for each in case.logged:
        each.prove(*open_checkpoint(each.checkpoint, case.key, ()))
    return "inclusion", {"count": len(case.logged)}


def check_uses(case: Case) -> tuple[str, dict[str, object]]:
    """What the log says of each use agrees with the record, and with the file."""
    if not case.uses:
        raise unknown("not_used")
    for use in case.uses:
        require(use.state in ("released", "consumed", "reserved"), "malformed")
        if use.intent is None or use.state == "reserved":
            raise unknown("use_open")
        _check_intent(case, use, use.intent)
        require(use.state == "released" or not use.signatures, "use_wrong")
        if use.outcome is not None:
            entry = use.outcome.entry
            require(entry.get("type") == "outcome" and entry.get("tx") == use.intent.entry.get("tx"), "use_wrong")
            require(entry.get("intent") == use.intent.index < use.outcome.index, "log_order")
            require(entry.get("key") == case.record["key"], "use_wrong")
        if use.state == "released":
            require(use.outcome is not None and use.outcome.entry.get("result") == "signed", "use_wrong")
    released = sum(use.count for use in case.uses if use.state == "released")
    if not released:
        raise unknown("not_used")
    return "uses", {"count": released}


def _check_intent(case: Case, use: Use, intent: Logged) -> None:
    entry, fields = intent.entry, intent.opened(use.opening)
    record = case.record
    require(entry.get("type") == "intent" and entry.get("key") == record["key"], "use_wrong")
    family = record["scheme"].replace("-any-", "-pkcs1-"), record["scheme"].replace("-any-", "-pss-")
    require(entry.get("scheme") in family and entry.get("algorithm") == record["algorithm"], "use_wrong")
    require(entry.get("count") == fields.get("count") == use.count and fields.get("first") == use.first, "use_wrong")
    require(fields.get("record_sha256") == sha256(case.told["record"].encode()).hex(), "use_wrong")
    require((fields.get("instruction"), fields.get("user")) == (record["id"], record["user"]), "use_wrong")


def check_digests(case: Case) -> tuple[str, dict[str, object]]:
    """Each digest that was signed is one of those approved, and none is used twice."""
    record, key = case.record, member(case.told, "key", dict)
    require(member(record, "act") == "sign" and member(record, "v", int) == 1, "record_other")
    require(member(record, "count", int) == len(case.digests), "record_other")
    require((key.get("id"), key.get("algorithm")) == (record["key"], record["algorithm"]), "record_other")
    taken: set[int] = set()
    for use in case.uses:
        places = set(range(use.first, use.first + use.count)) if 0 <= use.count <= len(case.digests) else {-1}
        require(places and not places & taken and places <= set(range(len(case.digests))), "digests_wrong")
        taken |= places
        require(use.state != "released" or len(use.signatures) == use.count, "signatures_missing")
    for use in case.uses:
        logged = use.outcome.entry.get("signatures") if use.outcome is not None and use.state == "released" else []
        require(logged == [_url(sha256(each)) for each in use.signatures], "signatures_logged")
    return "digests", {"count": len(taken)}


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def check_signature(case: Case) -> tuple[str, dict[str, object]]:
    """Each signature is the certified key's over the approved digest."""
    if not case.signatures:
        raise unknown("not_used")
    certified = case.certificates[0]
    require(raw(case.record["certificate_sha256"]) == certified.fingerprint(hashes.SHA256()), "certificate_other")
    key = certified.public_key()
    for digest, signature in case.signatures:
        if not _signs_messages(case.record):
            verify_digest(key, signature, digest, case.record["scheme"])
            continue
        if case.in_document is None or len(case.signatures) > 1:
            raise unknown("message_missing")
        require(case.in_document.cms.signature == signature, "document_other")
        verify_message(key, signature, case.in_document.cms.signed, "sha512")
    return "signature", {"count": len(case.signatures), "scheme": case.record["scheme"]}


def check_certificate(case: Case) -> tuple[str, dict[str, object]]:
    """The certificate leads to a trusted root, all valid when it was signed; revocation is not looked at."""
    if not case.trust:
        raise unknown("trust_missing")
    moment, proved = case.moment
    leaf, *above = case.certificates
    path = build_path(leaf, above, case.trust, moment)
    require(all(each in path for each in case.certificates), "certificate_stray")
    usage = _extension(leaf, x509.KeyUsage)
    require(usage is not None and (usage.digital_signature or usage.content_commitment), "certificate_usage")
    code = "certificate" if proved else "certificate_log_time"
    return code, {"name": _name(leaf), "issuer": _name(path[-1]), "time": _shown(moment)}


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _name(certificate: x509.Certificate) -> str:
    named = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _plain(str(named[0].value) if named else "?")


def check_time_stamp(case: Case) -> tuple[str, dict[str, object]]:
    """Trusted time-stamps over the signatures."""
    if not case.trust:
        raise unknown("trust_missing")
    if not case.stamps:
        raise Verdict("absent", "time_stamp_absent")
    return "time_stamp", {"count": len(case.stamps), "time": _shown(min(case.stamps))}


def check_anchor(case: Case) -> tuple[str, dict[str, object]]:
    """Evidence records over checkpoints of the log that hold the outcomes, hence the hashes of the signatures."""
    anchored = [use for use in case.uses if use.anchor is not None]
    if not anchored:
        raise Verdict("absent", "anchor_absent")
    if not case.trust:
        raise unknown("trust_missing")
    found = [_anchored(case, use) for use in anchored]
    moment, by = max(found)
    return "anchor", {"count": len(found), "uses": len(case.uses), "time": _shown(moment), "by": by}


def _anchored(case: Case, use: Use) -> tuple[datetime, str]:
    held = Logged.parse(member(use.anchor, "receipt"))
    require(use.outcome is not None, "anchor_other")
    require(
        use.outcome is not None and (held.index, held.leaf) == (use.outcome.index, use.outcome.leaf), "anchor_other"
    )
    held.prove(*open_checkpoint(held.checkpoint, case.key, ()))
    try:
        moment, by = anchored_time(padded(member(use.anchor, "record")), held.checkpoint.encode(), case.trust)
    except Verdict as ended:
        if ended.code == "certificate_untrusted":
            raise unknown("anchor_untrusted") from None
        raise wrong("anchor_other" if ended.code == "time_stamp_other" else "anchor_wrong") from None
    told = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=member(held.entry, "time", int))
    # What the log says was written later cannot have been in a checkpoint by then.
    require(moment >= told - timedelta(milliseconds=_ANCHOR_CLOCK_MILLISECONDS), "anchor_early")
    return moment, by


def check_document(case: Case) -> tuple[str, dict[str, object]]:
    """The PDF at hand is the one that was approved, and the signature in it the one that is logged."""
    if case.document is None:
        raise Verdict("absent", "document_absent")
    found = case.in_document
    if found is None or found.cms.signature not in [signature for _, signature in case.signatures]:
        raise wrong("document_other")
    require(found.intact, "document_changed")
    shown = case.record.get("documents")
    if shown:
        begins = [sha256(case.document[: member(each, "size", int)]) for each in shown[:100]]
        require(any(raw(each["sha256"]) == begin for each, begin in zip(shown, begins, strict=False)), "document_shown")
    if found.end != len(case.document):
        raise unknown("document_longer", count=len(case.document) - found.end)
    return "document", {"size": found.end}


CHECKS: dict[str, Callable[[Case], tuple[str, dict[str, object]]]] = {
    "approval": check_approval,
    "approval_logged": check_approval_logged,
    "checkpoint": check_checkpoint,
    "inclusion": check_inclusion,
    "uses": check_uses,
    "digests": check_digests,
    "signature": check_signature,
    "certificate": check_certificate,
    "time_stamp": check_time_stamp,
    "anchor": check_anchor,
    "document": check_document,
}


# --- The verdict ------------------------------------------------------------------------------------------------------


def judge_evidence(case: Case) -> EvidenceReport:
    """Every check by itself. Whatever the evidence holds, this answers; it raises nothing."""
    lines = []
    for name, check in CHECKS.items():
        try:
            code, told = check(case)
            verdict = Verdict("good", code, **told)
        except Verdict as ended:
            verdict = ended
        except Exception:
            # Hostile bytes go through the parsers of several libraries, each with errors of its own: not proven.
            verdict = wrong("malformed")
        told = {key: _plain(str(value)) for key, value in verdict.told.items()}
        english, japanese = (text.format(**told) for text in TEXTS[verdict.code])
        lines.append(Line(name, verdict.status, verdict.code, english, japanese))
    found = {line.status for line in lines}
    overall = "not_valid" if "bad" in found else "cannot_tell" if "unknown" in found else "valid"
    return EvidenceReport(overall, tuple(lines), _about(case) if overall == "valid" else {})


def _about(case: Case) -> dict[str, str]:
    """What the evidence is of; only said of what holds."""
    documents = case.record.get("documents") or []
    return {
        "signer": _name(case.certificates[0]),
        "documents": _plain(", ".join(str(each.get("name")) for each in documents[:20])),
        "purpose": _plain(str(case.record.get("purpose"))),
        "key": _plain(str(case.record["key"])),
        "time": _shown(case.moment[0]),
    }


def _plain(text: str) -> str:
    """`text` without what could change the look of the text around it."""
    return "".join(each if unicodedata.category(each)[0] not in "CZ" else " " for each in text)[:300]


def read_evidence(
    evidence: bytes,
    vkey: str,
    trust: Sequence[bytes],
    *,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    document: bytes | None = None,
) -> Case:
    """The case of evidence as JSON. `trust` are PEM files. Raises `ValueError` when there is nothing to judge."""
    if len(evidence) > LARGEST or len(document or b"") > _LARGEST_DOCUMENT:
        raise ValueError("a file given is too large")
    try:
        told = parse_json(evidence)
    except (Verdict, RecursionError) as error:
        raise ValueError("this is not a JSON object, or one that can be read in two ways") from error
    roots = [each for pem in trust for each in x509.load_pem_x509_certificates(pem)]
    keys = [NoteKey.parse(each.strip()) for each in witnesses]
    if any(each.kind != 4 for each in keys) or len({each.public.public_bytes_raw() for each in keys}) != len(keys):
        raise ValueError("a witness is named by a key of its own, and not by the key of a log")
    if quorum is not None and not 0 < quorum <= len(keys):
        raise ValueError("the quorum is larger than the number of witnesses")
    return Case(told, NoteKey.parse(vkey.strip()), roots, keys, document, quorum)


def time_stamps_of(case: Case) -> list[bytes]:
    """The time-stamps of a case, DER, unverified. Raises `ValueError` when the document is of another case."""
    try:
        return case.tokens
    except Exception as error:
        raise ValueError("the document does not hold the signature of this evidence") from error


def _read(path: str, limit: int) -> bytes:
    with Path(path).open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} is too large")
    return content


def _key(value: str) -> str:
    return value if value.count("+") >= 2 and not Path(value).is_file() else _read(value, 10_000).decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; answers with the exit status."""
    parser = argparse.ArgumentParser(description="Check the evidence of a signature. 署名の証拠を検証します。")
    parser.add_argument("evidence", help="evidence.json")
    parser.add_argument("--vkey", required=True, help="the log's verifier key, or a file that holds it")
    parser.add_argument("--trust", action="append", default=[], help="trusted root certificates (PEM); may be repeated")
    parser.add_argument("--witness", action="append", default=[], help="a witness that must have cosigned; repeatable")
    parser.add_argument("--quorum", type=int, help="how many of the witnesses must have; all otherwise")
    parser.add_argument("--document", help="the signed PDF")
    parser.add_argument("--lang", choices=("en", "ja"), default="en", help="language of the report")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    given = parser.parse_args(arguments)
    try:
        document = None if given.document is None else _read(given.document, _LARGEST_DOCUMENT)
        trust = [_read(path, LARGEST) for path in given.trust]
        witnesses = [_key(each) for each in given.witness]
        evidence = _read(given.evidence, LARGEST)
        options: dict[str, Any] = {"witnesses": witnesses, "quorum": given.quorum, "document": document}
        case = read_evidence(evidence, _key(given.vkey), trust, **options)
    except (OSError, ValueError) as error:
        print(f"{_WORDS['cannot_tell'][given.lang == 'ja']}: {_plain(str(error))}", file=sys.stderr)
        return 2
    report = judge_evidence(case)
    print(report.as_json() if given.json else report.as_text(given.lang), end="\n" if given.json else "")
    return report.exit_status


# --- Words: English, Japanese -----------------------------------------------------------------------------------------

NAMES = {
    "approval": ("Approval by passkey", "パスキーによる承認"),
    "approval_logged": ("Approval in the log", "承認のログ記録"),
    "checkpoint": ("Signature of the log", "ログの署名"),
    "inclusion": ("Entries in the log", "ログへの記録"),
    "uses": ("Use of the key", "鍵の使用"),
    "digests": ("Approved is what was signed", "承認内容と署名対象の一致"),
    "signature": ("Signature", "署名"),
    "certificate": ("Certificate", "証明書"),
    "time_stamp": ("Time-stamp", "タイムスタンプ"),
    "anchor": ("Time anchor", "時刻アンカー"),
    "document": ("Document", "文書"),
}

_WORDS = {
    "title": ("Evidence of a signature", "署名の証拠の検証結果"),
    "signer": ("Signer", "署名者"),
    "documents": ("Documents", "文書"),
    "purpose": ("Purpose", "目的"),
    "key": ("Key", "鍵"),
    "time": ("Time", "日時"),
    "valid": ("valid: every claim holds", "有効：すべての主張が確認されました"),
    "not_valid": ("NOT VALID: a claim does not hold", "無効：成り立たない主張があります"),
    "cannot_tell": ("cannot tell", "判定できません"),
}

TEXTS: dict[str, tuple[str, str]] = {
    "malformed": (
        "This part of the evidence is not of the form that it must have.",
        "証拠のこの部分は、定められた形式ではありません。",
    ),
    "format_unknown": ("This is evidence of another format.", "この証拠は別の形式です。"),
    "approval": (
        "The passkey in the evidence signed exactly this record at {origin}, and verified its user.",
        "証拠のパスキーが、利用者を確認したうえで、{origin} でこの記録そのものに署名しました。",
    ),
    "approval_missing": ("The evidence holds no approval.", "証拠に承認が含まれていません。"),
    "challenge_wrong": ("The challenge is not that of the record.", "チャレンジが記録と一致しません。"),
    "approval_other": ("The passkey approved something else.", "パスキーが承認したのは別の内容です。"),
    "approval_site": ("The passkey approved at another site.", "パスキーの承認は別のサイトで行われました。"),
    "approval_unverified": ("The passkey did not verify its user.", "パスキーは利用者を確認していません。"),
    "approval_wrong": ("The passkey's signature is wrong.", "パスキーの署名が正しくありません。"),
    "approval_late": ("The approval was not made within its time.", "承認が有効な時間内に行われていません。"),
    "passkey_unknown": ("The passkey is of a kind not known here.", "このプログラムが扱えない種類のパスキーです。"),
    "approval_logged": (
        "The log holds this approval as entry {index}, before the key was used (level: {level}).",
        "この承認は、鍵の使用より前に、ログの {index} 番に記録されています（水準：{level}）。",
    ),
    "approval_not_logged": (
        "The evidence does not hold the log's entry about the approval.",
        "承認についてのログの記録が証拠に含まれていません。",
    ),
    "approval_entry": ("The log's entry is about another approval.", "ログの記録は別の承認のものです。"),
    "opening_missing": (
        "An entry commits to fields that the evidence keeps closed.",
        "ログの記録が約束している項目が、証拠では開示されていません。",
    ),
    "field_withheld": (
        "An entry commits to the field {name}, which the evidence keeps closed.",
        "ログの記録が約束している項目 {name} が、証拠では開示されていません。",
    ),
    "opening_wrong": (
        "What was opened is not what the entry commits to.",
        "開示された項目が、ログの記録と一致しません。",
    ),
    "log_order": ("The entries stand in the log in a wrong order.", "ログの記録の順序が正しくありません。"),
    "checkpoint": (
        "{origin} signed its state of {size} entries; witnesses required: {witnesses}, found: {by}.",
        "{origin} が {size} 件の状態に署名しています。立会人の必要数：{witnesses}、連署：{by}。",
    ),
    "log_other": (
        "The evidence names another log than the key given.",
        "証拠のログは、指定された検証鍵のログではありません。",
    ),
    "checkpoint_other": ("A checkpoint is of another log.", "チェックポイントが別のログのものです。"),
    "checkpoint_unsigned": ("A checkpoint is not signed by the log.", "チェックポイントにログの署名がありません。"),
    "checkpoint_wrong": ("A signature of a checkpoint is wrong.", "チェックポイントの署名が正しくありません。"),
    "checkpoint_unwitnessed": (
        "Of the witnesses that were asked for, too few signed a checkpoint.",
        "指定された立会人の連署が足りないチェックポイントがあります。",
    ),
    "inclusion": ("Every entry is in the log (entries: {count}).", "{count} 件の記録はすべてログに含まれています。"),
    "inclusion_wrong": ("An entry is not in the log.", "ログに含まれていない記録があります。"),
    "uses": (
        "The log announced and confirmed what was signed under this approval (signatures: {count}).",
        "この承認による {count} 件の署名が、予告と結果の両方でログに記録されています。",
    ),
    "not_used": ("The evidence holds no signature under this approval.", "この承認による署名が証拠にありません。"),
    "use_open": ("A use of the key is not finished.", "鍵の使用が完了していません。"),
    "use_wrong": (
        "Log and evidence contradict each other about a use of the key.",
        "鍵の使用について、ログと証拠が矛盾しています。",
    ),
    "digests": (
        "Every digest that was used was approved, and none was used twice (digests: {count}).",
        "{count} 件のダイジェストはすべて承認されたもので、重複はありません。",
    ),
    "record_other": (
        "The record is not about this key, or no record of signing.",
        "記録がこの鍵のものでないか、署名の記録ではありません。",
    ),
    "digests_wrong": (
        "The uses name digests that were not approved, or one twice.",
        "承認されていないか、重複するダイジェストが使われています。",
    ),
    "signatures_missing": ("A signature is missing from the evidence.", "証拠に含まれていない署名があります。"),
    "signatures_logged": ("A signature is not the one in the log.", "ログに記録されたものではない署名があります。"),
    "signature": (
        "The certified key signed what was approved (signatures: {count}, {scheme}).",
        "証明書の鍵が、承認された内容に {count} 件の署名をしています（{scheme}）。",
    ),
    "signature_wrong": ("A signature does not verify.", "検証できない署名があります。"),
    "signature_other_key": ("The certified key is of another kind.", "証明書の鍵の種類が異なります。"),
    "scheme_unknown": ("The scheme {scheme} is not known here.", "このプログラムが扱えない方式です：{scheme}。"),
    "message_missing": (
        "Such keys sign the message itself: give the one document that was signed.",
        "この種類の鍵は本文そのものに署名します。署名された文書（1件）を指定してください。",
    ),
    "certificate_other": ("The record names another certificate.", "記録が示す証明書ではありません。"),
    "certificate": (
        "{name}'s certificate leads to the trusted {issuer}; all were valid at {time}, which a time-stamp proves.",
        "{name} の証明書は、信頼された {issuer} に至り、タイムスタンプが証明する {time} にすべて有効でした。",
    ),
    "certificate_log_time": (
        "{name}'s certificate leads to the trusted {issuer}; all were valid at {time}, the time that the log gives.",
        "{name} の証明書は、信頼された {issuer} に至り、ログの時刻 {time} にすべて有効でした。",
    ),
    "trust_missing": ("No trusted root was given (--trust).", "信頼する証明書が指定されていません（--trust）。"),
    "certificate_untrusted": (
        "A certificate does not lead to a trusted root.",
        "信頼する証明書に至らない証明書があります。",
    ),
    "certificate_time": ("A certificate was not valid at the time.", "その時点で有効でない証明書があります。"),
    "certificate_extension": (
        "A certificate holds a critical extension not known here.",
        "扱えない重要な拡張をもつ証明書があります。",
    ),
    "certificate_stray": ("A certificate in the evidence belongs to no path.", "証拠に無関係な証明書があります。"),
    "certificate_usage": ("The certificate is not for signing.", "署名用の証明書ではありません。"),
    "time_stamp": (
        "Trusted time-stamps prove it existed at {time} (time-stamps: {count}).",
        "タイムスタンプ {count} 件。{time} より前に署名されました。",
    ),
    "time_stamp_absent": ("No time-stamp is in the evidence.", "証拠にタイムスタンプはありません。"),
    "time_stamp_other": ("A time-stamp is over something else.", "別のものに対するタイムスタンプがあります。"),
    "time_stamp_wrong": ("A time-stamp does not verify.", "検証できないタイムスタンプがあります。"),
    "anchor": (
        "The log's record of {count} of {uses} uses of the key existed no later than {time}, by the clock of {by}.",
        "署名のログ記録（使用 {uses} 件中 {count} 件）は、{by} の時計で {time} までに存在していました。",
    ),
    "anchor_absent": ("No time anchor is in the evidence.", "証拠に時刻アンカーはありません。"),
    "anchor_other": ("A time anchor is over something else.", "別のものに対する時刻アンカーがあります。"),
    "anchor_wrong": ("A time anchor does not verify.", "検証できない時刻アンカーがあります。"),
    "anchor_untrusted": (
        "The authority of a time anchor leads to none of the roots given (--trust).",
        "指定された証明書（--trust）に至らない時刻アンカーがあります。",
    ),
    "anchor_early": (
        "A time anchor claims a time before the entry that it is over.",
        "対象の記録より前の時刻を主張する時刻アンカーがあります。",
    ),
    "document": (
        "The document is the one approved, unchanged, and signed as a whole ({size} bytes).",
        "文書は承認されたもので、変更されておらず、全体が署名されています（{size} バイト）。",
    ),
    "document_absent": ("No document was given (--document).", "文書は指定されていません（--document）。"),
    "document_other": ("The document does not hold this signature.", "文書にこの署名が含まれていません。"),
    "document_changed": ("The document was changed after signing.", "文書は署名の後に変更されています。"),
    "document_shown": (
        "The document does not begin with what the record says was shown to the signer.",
        "文書の先頭が、署名者に示されたと記録された内容と一致しません。",
    ),
    "document_longer": (
        "The signed document is unchanged, but {count} bytes follow it: see what `natsuin verify` says of them.",
        "署名された範囲は変更されていませんが、その後に {count} バイトあります。`natsuin verify` で確認してください。",
    ),
}

if __name__ == "__main__":
    sys.exit(main())
