"""Checks a key's statement without Natsuin: this one file, Python 3.11 and the package `cryptography` suffice.

    python check_statement.py statement.json --vkey log.vkey [--log FOLDER] [--lang ja] [--json]

A statement holds every entry that the signing log has about one key, in order, each with its proof. The entries number
themselves and name each other's hashes, so none can be left out between the first and the last, and the last is one
that says «stated here». After a rotation the log goes on in a new shard with a key of its own: a statement then has a
part for each, and each hands over to the next, so KEY may be the key of any. With `--log`, a copy of the log's public
files, the whole log is read besides, and shows that no entry about this key stands outside that chain. Each finding has
a line of its own: good, bad, unknown, or absent where nothing was asked. Exit status: 0 everything holds, 1 something
does not, 2 that cannot be told.
docs/statement.md explains the format.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

FORMAT = "natsuin-key-statement/v1"
LARGEST = 256 * 1024 * 1024
"""Bytes of a statement."""
_ERRORS = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError)
_TOLERATED = 60_000
"""Milliseconds by which neighbouring entries may stand out of order of time."""
_BUNDLE = 256
"""Entries in a full file of the log (C2SP tlog-tiles)."""
_LARGEST_BUNDLE = _BUNDLE * (2 + 65_535)
_MOST_SHARDS = 1000
Progress = Callable[[int, int], None]
"""Told how many entries of a shard of how many are read."""
MARKS = {"good": "[ok]", "bad": "[NG]", "unknown": "[??]", "absent": "[--]"}


class Verdict(Exception):
    """What a check says: its status, a code of `TEXTS`, and what the text is about."""

    def __init__(self, status: str, code: str, **told: object) -> None:
        super().__init__(code)
        self.status, self.code, self.told = status, code, told


def wrong(code: str, **told: object) -> Verdict:
    """The statement contradicts itself or the log."""
    return Verdict("bad", code, **told)


def require(condition: object, code: str, **told: object) -> None:
    """Raise `wrong(code)` unless `condition` holds."""
    if not condition:
        raise wrong(code, **told)


@dataclass(frozen=True)
class Line:
    """One finding: `status` is good, bad, unknown or absent; `text_en` and `text_ja` are for people."""

    name: str
    status: str
    code: str
    text_en: str
    text_ja: str


@dataclass(frozen=True)
class StatementReport:
    """The verdict: `overall` is valid, not_valid or cannot_tell."""

    overall: str
    lines: tuple[Line, ...]
    about: dict[str, str] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    """One text for each use of the key: when, how many signatures, and what came of it."""

    @property
    def exit_status(self) -> int:
        """0 valid, 1 not valid, 2 cannot tell."""
        return {"valid": 0, "not_valid": 1}.get(self.overall, 2)

    def as_json(self) -> str:
        """The report as a JSON object."""
        lines = [vars(line) for line in self.lines]
        told = {"overall": self.overall, "about": self.about, "lines": lines, "uses": self.uses}
        return json.dumps(told, ensure_ascii=False, indent=1)

    def as_text(self, language: str) -> str:
        """The report for people, in `en` or `ja`."""
        place = 1 if language == "ja" else 0
        rows = [WORDS["title"][place]]
        rows += ["  " + WORDS[name][place] + (": ", "：")[place] + value for name, value in self.about.items() if value]
        for line in self.lines:
            rows.append(f"{MARKS[line.status]} {WORDS[line.name][place]}")
            rows.append(f"    {line.text_ja if place else line.text_en}")
        if self.uses:
            rows.append(WORDS["listed"][place])
            rows += [f"  {use}" for use in self.uses]
        return "\n".join([*rows, f"=> {WORDS[self.overall][place]}"]) + "\n"


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry in the tree (RFC 6962, 2.1)."""
    return sha256(b"\0" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two nodes (RFC 6962, 2.1)."""
    return sha256(b"\1" + left + right)


def padded(text: str) -> bytes:
    """Padded base64 of the standard alphabet, in its one canonical form."""
    decoded = base64.b64decode(text.encode("ascii"), validate=True)
    require(base64.b64encode(decoded).decode() == text, "malformed")
    return decoded


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


def bounded_json(content: bytes) -> dict[str, Any]:
    """The same, unless it has so many values for its size (entries have 23 bytes each) that they would fill memory."""
    values = sum(map(content.count, (b"[", b"{", b",", b":")))
    require(len(content) <= LARGEST and values <= 100_000 + len(content) // 14, "malformed")
    return parse_json(content)


def canonical(content: bytes) -> dict[str, Any]:
    """The one JSON object that `content` is the canonical form of. Raises `Verdict` for any other bytes."""
    told = parse_json(content)
    again = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    require(again.encode() == content, "malformed")
    return told


def plain(text: str) -> str:
    """`text` as one line that a terminal shows and does not obey."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def text_of(told: Any, name: str) -> str:
    """The text `told[name]`."""
    value = told[name]
    require(isinstance(value, str), "malformed")
    return str(value)


def number_of(told: Any, name: str) -> int:
    """The whole number `told[name]`, from 0 to 2^53-1; true and false are none."""
    value = told[name]
    require(type(value) is int and 0 <= value < 2**53, "malformed")
    return int(value)


@dataclass(frozen=True)
class LogKey:
    """The verifier key (C2SP signed-note, Ed25519) of a log, kind 1, or of a witness, kind 4."""

    name: str
    identity: bytes
    public: ed25519.Ed25519PublicKey

    @property
    def spelt(self) -> str:
        """The key in its one spelling."""
        material = b"\1" + self.public.public_bytes_raw()
        return f"{self.name}+{self.identity.hex()}+{base64.b64encode(material).decode()}"

    @classmethod
    def parse(cls, text: str, kind: int = 1) -> LogKey:
        """Read `name+id+base64`. Raises `ValueError` for anything else, also for an id that does not fit."""
        name, identity, key = [*text.strip().split("+", 2), "", "", ""][:3]
        material = base64.b64decode(key, validate=True)
        expected = sha256(name.encode() + b"\n" + material)[:4]
        if not name or material[:1] != bytes([kind]) or len(material) != 33 or expected.hex() != identity:
            raise ValueError(f"this is not the verifier key of a {'log' if kind == 1 else 'witness'}")
        return cls(name, expected, ed25519.Ed25519PublicKey.from_public_bytes(material[1:]))

    def cosigned(self, note: str) -> int | None:
        """When this witness cosigned the checkpoint `note`, whose form `open` has checked: seconds since 1970."""
        text, _, lines = note.rpartition("\n\n")
        for _, name, encoded in (line.split(" ") for line in lines[:-1].split("\n")):
            signature = padded(encoded)
            if (name, signature[:4]) == (self.name, self.identity):
                seconds = int.from_bytes(signature[4:12], "big")
                try:
                    self.public.verify(signature[12:], f"cosignature/v1\ntime {seconds}\n{text}\n".encode())
                except InvalidSignature:
                    raise wrong("checkpoint_wrong") from None
                return seconds
        return None

    def open(self, note: str) -> tuple[int, bytes]:
        """Size and root of a checkpoint that this key signed (C2SP tlog-checkpoint). Raises `Verdict`."""
        require(len(note) < 1_000_000 and not re.search(r"[\x00-\x09\x0b-\x1f]", note), "malformed")
        split = note.rfind("\n\n")
        require(split > 0 and note.endswith("\n"), "malformed")
        text, lines = note[: split + 1], note[split + 2 : -1].split("\n")
        signed = False
        for line in lines[:100]:
            dash, name, encoded = line.split(" ")
            signature = padded(encoded)
            require(dash == "\u2014" and name and len(signature) > 4, "malformed")
            if (name, signature[:4]) == (self.name, self.identity):
                try:
                    self.public.verify(signature[4:], text.encode())
                except InvalidSignature:
                    raise wrong("checkpoint_wrong") from None
                signed = True
        require(signed, "checkpoint_unsigned")
        origin, size, root, *extension = text[:-1].split("\n")
        require(origin == self.name, "checkpoint_unsigned")
        require(all(extension) and re.fullmatch("0|[1-9][0-9]{0,15}", size, re.ASCII), "malformed")
        require(len(padded(root)) == 32, "malformed")
        return int(size), padded(root)


@dataclass(frozen=True)
class Entry:
    """An entry about the key: its place in the log, its bytes, and its proof."""

    index: int
    content: bytes
    proof: tuple[bytes, ...]

    @classmethod
    def parse(cls, told: Any) -> Entry:
        """Read one of the statement's entries. Raises `Verdict` and the errors of wrong types."""
        require(isinstance(told["proof"], list) and len(told["proof"]) <= 63, "malformed")
        proof = tuple(map(padded, told["proof"]))
        require(all(len(each) == 32 for each in proof), "malformed")
        return cls(number_of(told, "index"), text_of(told, "entry").encode(), proof)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the entry says. Raises `Verdict` unless its bytes are canonical JSON (RFC 8785, whole numbers only)."""
        return canonical(self.content)

    def prove(self, size: int, root: bytes) -> None:
        """Return if the proof leads to `root` of a tree of `size` (RFC 9162, 2.1.3.2). Raises `Verdict`."""
        require(self.index < size, "inclusion_wrong", index=self.index)
        place, last, found = self.index, size - 1, leaf_hash(self.content)
        for each in self.proof:
            require(last, "inclusion_wrong", index=self.index)
            if place & 1 or place == last:
                found = node_hash(each, found)
                while not place & 1 and place:
                    place, last = place >> 1, last >> 1
            else:
                found = node_hash(found, each)
            place, last = place >> 1, last >> 1
        require(last == 0 and found == root, "inclusion_wrong", index=self.index)


@dataclass(frozen=True)
class Part:
    """What a statement has of one shard: a checkpoint, entries, and in a closed one where it meets the next."""

    checkpoint: str
    entries: tuple[Entry, ...]
    vkey: str = ""
    last: Entry | None = None
    next: Entry | None = None

    @classmethod
    def parse(cls, told: Any, *, closed: bool) -> Part:
        """Read one. Raises `Verdict` and the errors of wrong types."""
        require(isinstance(told["entries"], list), "malformed")
        checkpoint, entries = text_of(told, "checkpoint"), tuple(map(Entry.parse, told["entries"]))
        if not closed:
            return cls(checkpoint, entries)
        return cls(checkpoint, entries, text_of(told, "vkey"), Entry.parse(told["last"]), Entry.parse(told["next"]))


@dataclass(frozen=True)
class Statement:
    """A statement, taken apart. Nothing in it has been checked. The newest shard's part is the last."""

    key: str
    parts: tuple[Part, ...]

    @property
    def entries(self) -> list[tuple[int, Entry]]:
        """All entries, each with the number of its part."""
        return [(number, entry) for number, part in enumerate(self.parts) for entry in part.entries]

    @classmethod
    def parse(cls, content: bytes) -> Statement:
        """Read a statement file. Raises `ValueError` for anything that is none."""
        try:
            told = bounded_json(content)
            require(told.get("format") == FORMAT, "format_unknown")
            earlier = told.get("earlier", [])
            require(isinstance(earlier, list) and len(earlier) <= _MOST_SHARDS, "malformed")
            parts = [Part.parse(each, closed=True) for each in earlier]
            return cls(text_of(told, "key"), (*parts, Part.parse(told, closed=False)))
        except Verdict as verdict:
            raise ValueError(TEXTS[verdict.code][0]) from verdict
        except _ERRORS as error:
            raise ValueError(TEXTS["malformed"][0]) from error


class Checking:
    """The checks of one statement, each by itself. They read no clock and ask nobody."""

    def __init__(
        self,
        statement: Statement,
        key: LogKey,
        log: Path | None,
        witnesses: Sequence[LogKey],
        quorum: int,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._statement, self._key, self._log = statement, key, log
        self._progress = progress or (lambda _done, _total: None)
        self._witnesses, self._quorum = witnesses, quorum
        self._uses: list[str] = []

    def report(self) -> StatementReport:
        """Make every check."""
        several = len(self._statement.parts) > 1
        checks = (
            ("checkpoint", self._check_checkpoint),
            *((("hand_over", self._check_hand_overs),) if several else ()),
            *((("witnesses", self._check_witnesses),) if self._witnesses else ()),
            ("inclusion", self._check_inclusion),
            ("chain", self._check_chain),
            ("end", self._check_end),
            ("uses", self._check_uses),
            ("log", self._check_log),
        )
        lines = tuple(_line(name, check) for name, check in checks)
        states = {line.status for line in lines}
        overall = "not_valid" if "bad" in states else "cannot_tell" if "unknown" in states else "valid"
        about = {
            "of": plain(self._statement.key),
            "origin": plain(_origin(self._statement.parts[-1])),
            "entries": str(len(self._statement.entries)),
        }
        return StatementReport(overall, lines, about, tuple(self._uses))

    @cached_property
    def _opened(self) -> list[tuple[LogKey, int, bytes]]:
        """Key, size and root of each part. One of the keys is the trusted one; the others are led back to it by
        `_check_hand_overs`. Raises `Verdict`."""
        parts = self._statement.parts
        if len(parts) == 1:
            return [(self._key, *self._key.open(parts[0].checkpoint))]
        told = [*(part.vkey for part in parts[:-1]), text_of(parts[-2].last and parts[-2].last.told, "vkey")]
        keys = [LogKey.parse(each) for each in told]
        require(any(key.spelt == self._key.spelt for key in keys), "checkpoint_unsigned")
        return [(key, *key.open(part.checkpoint)) for key, part in zip(keys, parts, strict=True)]

    def _check_checkpoint(self) -> Verdict:
        key, size, _ = self._opened[-1]
        return Verdict("good", "checkpoint", origin=plain(key.name), size=size)

    def _check_hand_overs(self) -> Verdict:
        for number, part in enumerate(self._statement.parts[:-1]):
            (key, size, root), (newer, newer_size, newer_root) = self._opened[number : number + 2]
            last, first = part.last, part.next
            if last is None or first is None or (last.index, first.index) != (size - 1, 0):
                raise wrong("hand_over_wrong", origin=plain(key.name))
            last.prove(size, root)
            first.prove(newer_size, newer_root)
            said = [last.told.get(name) for name in ("type", "origin", "vkey")]
            require(said == ["rotated", newer.name, newer.spelt], "hand_over_wrong", origin=plain(key.name))
            before = first.told["previous"]
            said = [first.told.get("type"), *(before[name] for name in ("origin", "vkey", "size", "root"))]
            named = base64.urlsafe_b64encode(root).rstrip(b"=").decode()
            require(said == ["genesis", key.name, key.spelt, size, named], "hand_over_wrong", origin=plain(key.name))
        return Verdict("good", "hand_over", count=len(self._statement.parts))

    def _check_witnesses(self) -> Verdict:
        newest = self._statement.parts[-1].checkpoint
        self._opened[-1][0].open(newest)
        times = [(each.name, each.cosigned(newest)) for each in self._witnesses]
        found = [f"{plain(name)} ({_moment(seconds)})" for name, seconds in times if seconds is not None]
        state = "good" if len(found) >= self._quorum else "unknown"
        by = "; ".join(found) or "-"
        return Verdict(state, "witnesses" if state == "good" else "witnesses_few", by=by, quorum=self._quorum)

    def _check_inclusion(self) -> Verdict:
        for number, entry in self._statement.entries:
            _, size, root = self._opened[number]
            entry.prove(size, root)
        return Verdict("good", "inclusion", count=len(self._statement.entries))

    def _check_chain(self) -> Verdict:
        entries = self._statement.entries
        require(entries, "chain_empty")
        previous, place, time, earlier = None, (0, -1), 0, False
        for number, (part, entry) in enumerate(entries):
            require(entry.told.get("key") == self._statement.key, "chain_other", number=number)
            at = entry.told.get("key_number")
            require(type(at) is int and at == number, "chain_gap", number=number)
            require(entry.told.get("key_previous") == previous, "chain_previous", number=number)
            require((part, entry.index) > place, "chain_order", number=number)
            earlier = earlier or number_of(entry.told, "time") < time - _TOLERATED
            require(re.fullmatch("[a-z][a-z-]*", text_of(entry.told, "type"), re.ASCII), "malformed")
            previous, place, time = _named(entry), (part, entry.index), max(time, entry.told["time"])
        if earlier:
            raise Verdict("unknown", "chain_time")
        return Verdict("good", "chain", last=len(entries) - 1)

    def _check_end(self) -> Verdict:
        _, newest = self._statement.entries[-1]
        last = newest.told
        if last.get("type") != "key-stated":
            raise Verdict("unknown", "end_open")
        return Verdict("good", "end", time=_time(last))

    def _check_uses(self) -> Verdict:
        announced: dict[str, tuple[int, Entry]] = {}
        signatures = 0
        for part, entry in self._statement.entries:
            told = entry.told
            if told.get("type") == "intent":
                require(text_of(told, "tx") not in announced, "use_twice", index=entry.index)
                announced[told["tx"]] = part, entry
            elif told.get("type") == "outcome":
                where, intent = announced.pop(text_of(told, "tx"), (part, None))
                if intent is None or (where, number_of(told, "intent")) != (part, intent.index):
                    raise wrong("use_unannounced", index=entry.index)
                count = number_of(intent.told, "count")
                signed = told.get("result") == "signed"
                require(not signed or len(told["signatures"]) == count, "use_count", index=entry.index)
                signatures += count if signed else 0
                self._uses.append(f"{_time(told)}  {plain(text_of(told, 'result'))}  {count if signed else 0}/{count}")
        if announced:
            raise Verdict("unknown", "use_open", count=len(announced))
        return Verdict("good", "uses", count=len(self._uses), signatures=signatures)

    def _check_log(self) -> Verdict:
        if self._log is None:
            return Verdict("absent", "log_absent")
        read = later = 0
        folder, parts = self._log, self._statement.parts
        for number, part in enumerate(parts):
            newest, more = self._check_shard(folder, number)
            require(not more or number == len(parts) - 1, "log_other")
            read, later = read + newest, later + more
            if part.last is not None:
                name = text_of(part.last.told, "shard")
                require(re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", name, re.ASCII), "malformed")
                folder = self._log / "shards" / name
        if later:
            raise Verdict("unknown", "log_later", count=later)
        return Verdict("good", "log", size=read)

    def _check_shard(self, folder: Path, number: int) -> tuple[int, int]:
        """Read one shard whole: how many entries it has, and how many about the key follow its part."""
        key, size, root = self._opened[number]
        part = self._statement.parts[number]
        newest, newest_root = key.open(_read_checkpoint(folder))
        require(newest <= size or part.last is None, "log_other")
        older = newest < size
        mine = {entry.index: entry.content for entry in part.entries}
        found = later = 0
        tree = Tree()
        for index, content in enumerate(read_entries(folder, newest)):
            if index % _BUNDLE == 0:
                self._progress(index, newest)
            require(index != size or tree.root() == root, "log_other")
            tree.append(leaf_hash(content))
            if index in mine:
                require(mine[index] == content, "log_differs", index=index)
                found += 1
            elif self._is_about_key(content):
                require(index >= size, "log_more", index=index)
                later += 1
        require(tree.root() == newest_root and (newest != size or newest_root == root), "log_other")
        if older:
            # What there is agrees, to its end. What it does not reach cannot be told from it.
            raise Verdict("unknown", "log_older", read=newest, size=size)
        require(found == len(mine), "log_other")
        return newest, later

    def _is_about_key(self, content: bytes) -> bool:
        # What is not canonical counts for nothing: no evidence is good with it. But it may not speak of this key.
        try:
            return parse_json(content).get("key") == self._statement.key
        except (Verdict, *_ERRORS):
            return self._statement.key.encode() in content


class Tree:
    """The root of a growing tree, from the leaves' hashes alone (RFC 6962, 2.1)."""

    def __init__(self) -> None:
        self._full: list[tuple[int, bytes]] = []

    def append(self, digest: bytes) -> None:
        """Add a leaf hash."""
        level = 0
        while self._full and self._full[-1][0] == level:
            digest = node_hash(self._full.pop()[1], digest)
            level += 1
        self._full.append((level, digest))

    def root(self) -> bytes:
        """The root of what was added."""
        if not self._full:
            return sha256(b"")
        digest = self._full[-1][1]
        for _, left in reversed(self._full[:-1]):
            digest = node_hash(left, digest)
        return digest


def read_entries(folder: Path, size: int) -> Iterator[bytes]:
    """The first `size` entries of a log's public files (C2SP tlog-tiles, "Log entries"). Raises `Verdict`."""
    for bundle in range(-(-size // _BUNDLE)):
        wanted = min(_BUNDLE, size - bundle * _BUNDLE)
        content = _read_bundle(folder / "tile" / "entries", bundle, wanted)
        start = 0
        for _ in range(wanted):
            length = int.from_bytes(content[start : start + 2], "big")
            require(len(content) >= start + 2 + length, "log_damaged", bundle=bundle)
            yield content[start + 2 : start + 2 + length]
            start += 2 + length


def _read_bundle(folder: Path, bundle: int, wanted: int) -> bytes:
    """The full file, or the shortest partial one that has as many entries as are wanted."""
    groups = f"{bundle % 1000:03d}"
    while bundle >= 1000:
        bundle //= 1000
        groups = f"x{bundle % 1000:03d}/{groups}"
    full = folder / groups
    partial = full.with_name(full.name + ".p")
    widths = sorted(int(path.name) for path in partial.glob("*") if path.name.isdigit()) if partial.is_dir() else []
    candidates = [full, *(partial / str(width) for width in widths if width >= wanted)]
    for path in candidates:
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(_LARGEST_BUNDLE + 1)
            require(len(content) <= _LARGEST_BUNDLE, "log_damaged", bundle=bundle)
            return content
    raise Verdict("unknown", "log_missing", file=groups)


def _read_checkpoint(log: Path) -> str:
    if not (log / "checkpoint").is_file():  # Nor is it a pipe, which would be waited for.
        raise Verdict("unknown", "log_missing", file="checkpoint")
    with (log / "checkpoint").open("rb") as file:
        return file.read(1_000_000).decode()


def _origin(part: Part) -> str:
    """The name that a checkpoint says it is of, before anything is checked."""
    return part.checkpoint.partition("\n")[0]


def _named(entry: Entry) -> str:
    """An entry's hash as the next entry names it: base64url without padding."""
    return base64.urlsafe_b64encode(leaf_hash(entry.content)).rstrip(b"=").decode()


def _time(told: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(number_of(told, "time") // 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(seconds: int) -> str:
    """A time that a witness told, which may be any number."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"


def _line(name: str, check: Callable[[], Verdict]) -> Line:
    try:
        verdict = check()
    except Verdict as raised:
        verdict = raised
    except OSError:
        verdict = Verdict("unknown", "log_unreadable")
    except _ERRORS:
        verdict = wrong("malformed")
    english, japanese = TEXTS[verdict.code]
    told = {key: str(value) for key, value in verdict.told.items()}
    return Line(name, verdict.status, verdict.code, english.format(**told), japanese.format(**told))


def is_statement(content: bytes) -> bool:
    """Whether a file says that it is a key's statement, of whatever version; nothing else of it is looked at."""
    try:
        return str(bounded_json(content).get("format", "")).startswith(FORMAT.partition("/")[0])
    except (Verdict, ValueError, RecursionError):
        return False


def judge_statement(
    content: bytes,
    vkey: str,
    *,
    log: Path | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    progress: Progress | None = None,
) -> StatementReport:
    """Judge the statement in `content` with the log's verifier key; `log` is a folder with the log's public files.
    Of `witnesses`, verifier keys too, `quorum` must have cosigned its checkpoint, or all. `progress` is told how many
    entries of a shard of how many are read.

    Raises `ValueError` when `content` is no statement or `vkey` no verifier key.
    """
    keys = [LogKey.parse(each, 4) for each in witnesses]
    wanted = len(keys) if quorum is None else quorum
    if wanted > len(keys) or len({each.public.public_bytes_raw() for each in keys}) != len(keys):
        raise ValueError("the quorum is larger than the number of witnesses, or two of them have one key")
    statement = Statement.parse(content)
    return Checking(statement, LogKey.parse(vkey), log, keys, wanted, progress=progress).report()


def _named_key(value: str) -> str:
    return value if "+" in value else Path(value).read_text("utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description="Checks the statement of one key of Natsuin.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--vkey", required=True, help="the log's verifier key, or a file that holds it")
    parser.add_argument("--witness", action="append", default=[], help="a witness that should cosign; repeatable")
    parser.add_argument("--quorum", type=int, help="how many of them must have; all otherwise")
    parser.add_argument("--log", type=Path, help="a folder with the log's public files, read whole")
    parser.add_argument("--lang", choices=["en", "ja"], default="en")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        witnesses = [_named_key(each) for each in given.witness]
        with given.file.open("rb") as file:
            content = file.read(LARGEST + 1)
        vkey = _named_key(given.vkey)
        report = judge_statement(content, vkey, log=given.log, witnesses=witnesses, quorum=given.quorum)
    except (OSError, ValueError) as error:
        print(f"cannot tell: {ascii(str(error))[1:-1]}", file=sys.stderr)
        return 2
    print(report.as_json() if given.json else report.as_text(given.lang), end="\n" if given.json else "")
    return report.exit_status


WORDS: dict[str, tuple[str, str]] = {
    "title": ("Statement of everything one key did", "鍵の使用明細（一つの鍵のすべての記録）"),
    "of": ("key", "鍵"),
    "origin": ("log", "ログ"),
    "entries": ("entries", "記録の数"),
    "checkpoint": ("The log's signature", "ログの署名"),
    "hand_over": ("The log's shards follow each other", "ログの区切りのつながり"),
    "witnesses": ("Witnesses of the log", "ログの立会人"),
    "inclusion": ("Every entry is in the log", "すべての記録がログにある"),
    "chain": ("No entry is missing", "記録に欠落がない"),
    "end": ("Where the statement ends", "明細の終わり"),
    "uses": ("Uses of the key", "鍵の使用"),
    "log": ("The whole log", "ログ全体"),
    "listed": (
        "Uses (time, result, signatures released / asked for):",
        "使用（時刻、結果、渡された署名数／求められた数）：",
    ),
    "valid": (
        "VALID: this is everything that the key did up to that moment.",
        "有効：その時点までのこの鍵のすべてです。",
    ),
    "not_valid": ("NOT VALID", "無効"),
    "cannot_tell": ("CANNOT TELL", "判定できません"),
}

TEXTS: dict[str, tuple[str, str]] = {
    "malformed": ("This has not the form of a statement.", "使用明細の形式が正しくありません。"),
    "format_unknown": ("This is no statement of a key.", "鍵の使用明細ではありません。"),
    "checkpoint": ("{origin} signed its state of {size} entries.", "{origin} が {size} 件の状態に署名しています。"),
    "checkpoint_wrong": ("The signature of the checkpoint is wrong.", "チェックポイントの署名が正しくありません。"),
    "checkpoint_unsigned": (
        "The checkpoint is not signed by this log.",
        "チェックポイントにこのログの署名がありません。",
    ),
    "hand_over": (
        "{count} shards: each was closed in favour of the next, which names its key and its end.",
        "ログは {count} 個に区切られ、それぞれが次を指して終わり、次は前の鍵と終わりを指して始まっています。",
    ),
    "hand_over_wrong": (
        "The shard {origin} and the next do not follow each other.",
        "{origin} とその次の区切りがつながっていません。",
    ),
    "witnesses": ("Cosigned by {by}; required: {quorum}.", "{by} が連署しています（必要数：{quorum}）。"),
    "witnesses_few": (
        "Too few witnesses cosigned the checkpoint: {by}; required: {quorum}.",
        "チェックポイントに連署した立会人が足りません：{by}（必要数：{quorum}）。",
    ),
    "inclusion": ("All {count} entries are in the log.", "{count} 件の記録はすべてログに含まれています。"),
    "inclusion_wrong": ("Entry {index} is not in the log.", "{index} 番の記録はログに含まれていません。"),
    "chain": (
        "The entries number themselves from 0 to {last} without a gap, and each names the one before.",
        "記録は 0 番から {last} 番まで途切れなく続き、それぞれが直前の記録を指しています。",
    ),
    "chain_empty": ("The statement holds no entry.", "記録が一つもありません。"),
    "chain_other": ("Entry no. {number} is about another key.", "{number} 番の記録は別の鍵のものです。"),
    "chain_gap": ("Entry no. {number} of the key is missing.", "この鍵の {number} 番の記録がありません。"),
    "chain_previous": (
        "Entry no. {number} does not follow the one before: one was hidden or exchanged.",
        "{number} 番の記録が直前の記録に続いていません。隠されたか、差し替えられた記録があります。",
    ),
    "chain_order": ("Entry no. {number} stands too early in the log.", "{number} 番の記録の順序が正しくありません。"),
    "chain_time": (
        "None is missing, but times fall: the server's clock was wrong for a while, so no time here is sure.",
        "欠落はありませんが、時刻が逆転しています。サーバーの時計が一時くるっていたため、時刻は確かではありません。",
    ),
    "end": (
        "The last entry says that the statement was made at {time}: nothing before that is left out.",
        "最後の記録は {time} にこの明細が作られたことを示します。それまでの記録に漏れはありません。",
    ),
    "end_open": (
        "The last entry does not close the statement: entries after it may exist.",
        "最後の記録が明細の終わりを示していません。後に続く記録があるかもしれません。",
    ),
    "uses": (
        "Uses of the key, each announced before and reported after: {count}. Signatures released: {signatures}.",
        "鍵は {count} 回使用され、すべて事前と事後に記録されています。渡された署名は {signatures} 件です。",
    ),
    "use_open": (
        "{count} uses were announced and not reported yet.",
        "予告されたまま結果の記録がない使用が {count} 件あります。",
    ),
    "use_twice": ("Entry {index} announces a use twice.", "{index} 番の記録が使用を二重に予告しています。"),
    "use_unannounced": ("Entry {index} reports an unannounced use.", "{index} 番は予告のない使用の結果です。"),
    "use_count": (
        "Entry {index} reports another number of signatures than was announced.",
        "{index} 番の記録の署名数が、予告と一致しません。",
    ),
    "log": (
        "All {size} entries of the log were read: none about this key stands outside the statement.",
        "ログの {size} 件すべてを読みました。この鍵の記録はこの明細にあるものだけです。",
    ),
    "log_absent": (
        "Not read. Give a copy of the log (--log) to see that no second chain of this key exists.",
        "ログ全体は読んでいません。--log でログの写しを指定すると、別の記録の列がないことも確かめられます。",
    ),
    "log_differs": ("Entry {index} of the log differs.", "ログの {index} 番の記録が一致しません。"),
    "log_more": (
        "Entry {index} of the log is about this key and is not in the statement.",
        "ログの {index} 番の記録はこの鍵のものですが、明細に含まれていません。",
    ),
    "log_later": (
        "After the statement {count} more entries about this key follow in this copy of the log: ask for a newer one.",
        "このログの写しには、明細の後にこの鍵の記録が {count} 件続いています。新しい明細を取得してください。",
    ),
    "log_older": (
        "The log's copy is older than the statement: it has {read} of {size} entries. Take a newer copy.",
        "ログの写しは明細より古く、{size} 件中 {read} 件しかありません。新しい写しを取得してください。",
    ),
    "log_other": ("The copy is not the log that was signed.", "ログの写しが、署名されたものと一致しません。"),
    "log_damaged": ("File {bundle} of the log's copy is damaged.", "ログの写しのファイル {bundle} が壊れています。"),
    "log_missing": ("The log's copy ends before file {file}.", "ログの写しにファイル {file} がありません。"),
    "log_unreadable": ("The log's copy cannot be read.", "ログの写しを読み取れません。"),
}

if __name__ == "__main__":
    sys.exit(main())
