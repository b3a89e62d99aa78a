"""The words by which people are found: their beginnings, in whatever case, width and kind of kana."""

import unicodedata
from collections.abc import Iterable

LONGEST_WORD = 32
"""Characters of a word that count."""
MOST_TERMS = 5
"""Words of a question that count."""

_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = 0x60


def terms_of(question: str) -> tuple[bytes, ...]:
    """What somebody typed to find a person, as beginnings of words. Empty if nothing in it can be looked for."""
    return tuple(dict.fromkeys(word[:LONGEST_WORD].encode() for word in _pieces(question)))[:MOST_TERMS]


def words_of(texts: Iterable[str]) -> frozenset[bytes]:
    """Every word by whose beginning a person with these names and addresses is to be found.

    A Japanese name is often written without a space between its parts, so each of its characters begins a word.
    """
    found: set[str] = set()
    for text in texts:
        for piece in _pieces(text):
            starts = [0, *(at for at in range(1, len(piece)) if _is_japanese(piece[at]))]
            found.update(piece[at : at + LONGEST_WORD] for at in starts)
    return frozenset(word.encode() for word in found)


def _pieces(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    alike = "".join(chr(ord(c) - _TO_HIRAGANA) if ord(c) in _KATAKANA else c for c in folded)
    plain = "".join(c for c in alike if not _chooses_a_variant(c))
    # Combining marks belong to their letter; the long vowel's mark counts as a letter by itself.
    return "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in plain).split()


def _chooses_a_variant(character: str) -> bool:
    """Whether it only says how the kanji before it is drawn, which hardly anybody types to find a name."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _is_japanese(character: str) -> bool:
    return unicodedata.category(character) == "Lo" and character >= "\u3041"
