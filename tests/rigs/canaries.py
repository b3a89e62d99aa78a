"""Looks for secrets where they must not be: every spelling of a known secret, in files, processes and memory."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_PIECE = 16
"""Bytes of a long secret that are looked for: three pieces of it, because pages of a database cut it anywhere."""
_BLOCK = 1 << 24


def spellings(secret: bytes) -> frozenset[bytes]:
    """How `secret` may be written down: as it is, backwards (little-endian numbers), hexadecimal, base64, base64url.

    DER and PEM need no spelling of their own: DER holds numbers as they are, PEM is base64 in lines, and `found_in`
    reads text without its line ends too.
    """
    found: set[bytes] = set()
    for piece in _pieces(secret):
        found |= {piece, piece[::-1], piece.hex().encode(), piece.hex().upper().encode()}
        found |= {base for base in _base64_of(piece) if len(base) >= 8}
        if piece.isascii():
            found |= {piece.decode().encode("utf-16-le"), piece.decode().encode("utf-16-be")}
    return frozenset(found)


def _pieces(secret: bytes) -> Iterator[bytes]:
    if len(secret) <= 2 * _PIECE:
        yield secret
    else:
        middle = len(secret) // 2
        yield from (secret[:_PIECE], secret[middle : middle + _PIECE], secret[-_PIECE:])


def _base64_of(piece: bytes) -> Iterator[bytes]:
    """The characters that depend on `piece` alone, wherever in a longer text it begins."""
    for before in range(3):
        padded = bytes(before) + piece
        text = base64.b64encode(padded)
        inner = text[-(-before * 8 // 6) : len(padded) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


@dataclass
class Canaries:
    """Known secrets by the name of their kind."""

    _by_name: dict[str, set[bytes]] = field(default_factory=dict)
    secrets: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, name: str, secret: bytes | str) -> None:
        """Look for `secret` from now on."""
        clear = secret.encode() if isinstance(secret, str) else bytes(secret)
        assert len(clear) >= 6, "too short to be told from chance"
        known = self.secrets.setdefault(name, [])
        if clear not in known:
            known.append(clear)
            self._by_name.setdefault(name, set()).update(spellings(clear))

    def found_in(self, content: bytes) -> set[str]:
        """Names of the secrets in `content`, also where line ends cut them."""
        texts = [content]
        if b"\n" in content:
            texts.append(content.replace(b"\r", b"").replace(b"\n", b""))
        return {name for name, spelt in self._by_name.items() if any(one in text for text in texts for one in spelt)}

    def found_in_files(self, folder: Path) -> set[tuple[str, str]]:
        """(name, file) for every file below `folder`, with its holes, deleted rows and whatever else it holds."""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
        return {(name, str(path.relative_to(folder))) for path in files for name in self.found_in(path.read_bytes())}

    def found_in_memory(self, process: int) -> set[str]:
        """Names of the secrets in what a process can write: its heap, stacks and data. Root only."""
        found: set[str] = set()
        for content in writable_memory(process):
            for name, secrets in self.secrets.items():
                # Memory is not cut into pages of a database, so one piece of each is enough.
                pieces = {next(_pieces(secret)) for secret in secrets}
                if name not in found and any(piece in content or piece[::-1] in content for piece in pieces):
                    found.add(name)
        return found


def writable_memory(process: int) -> Iterator[bytes]:
    """The writable memory of a process, part by part, without what was never written. Parts overlap by a page."""
    spans = []
    for line in Path(f"/proc/{process}/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        if rights.startswith("rw"):
            start, end = (int(part, 16) for part in span.split("-"))
            spans.append((start, end))
    with Path(f"/proc/{process}/mem").open("rb", 0) as memory:
        for start, end in spans:
            for place in range(start, end, _BLOCK):
                try:
                    memory.seek(place)
                    content = memory.read(min(_BLOCK + 4096, end - place)).strip(b"\0")
                except OSError:
                    # A span that went away since, or one that not even root may read.
                    continue
                if content:
                    yield content


def descendants(process: int) -> set[int]:
    """A process, its children, theirs, and so on."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(place.name))
    family, waiting = set(), [process]
    while waiting:
        one = waiting.pop()
        family.add(one)
        waiting += parents.get(one, [])
    return family


def words_of(processes: Iterable[int]) -> bytes:
    """Environment and command line of each process that still is."""
    words = b""
    for process in processes:
        for name in ("environ", "cmdline"):
            try:
                words += Path(f"/proc/{process}/{name}").read_bytes() + b"\n"
            except OSError:
                continue
    return words
