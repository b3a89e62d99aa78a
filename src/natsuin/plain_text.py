"""One rule for text that people see and approve: names, the names of documents, reasons.

Whatever takes such a text from outside puts it through `plain_text`, and shows, stores and signs the result. A text
that was accepted once is therefore accepted, unchanged, wherever it goes: what one side takes, the other never refuses.

A character that has no width, or that reverses the direction of what follows, makes a text look like another one. Such
characters are refused, not removed: nobody's name contains them, and what is approved must be what was typed. What may
differ from the typed text is only its spelling in Unicode: composed form (NFC, UAX #15), ordinary spaces in place of
other blank ones, and none at the ends.
"""

import unicodedata

from natsuin.errors import Malformed

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (overrides and isolates of direction, zero width), surrogates, private use, unassigned, line and
paragraph separators. Variation selectors (Mn) are none of these: Japanese names are written with them."""

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks by category that are never seen (Default_Ignorable_Code_Point): grapheme joiner, Hangul fillers,
inherent Khmer vowels."""

_IDEOGRAPHIC_SPACE = "\u3000"
_LONGEST = 400


def plain_text(text: str, what: str, *, most: int = _LONGEST, required: bool = False) -> str:
    """`text` in the one form in which it is shown, stored and signed. `plain_text` of that form is the form itself.

    `what` names the text in messages ("the name"); `most` is its greatest length in characters. Full-width spaces are
    kept, all other spaces (no-break, thin, ...) become ordinary ones. Raises `Malformed` if it is too long, has a
    character that cannot be seen, or is empty though `required`.
    """
    # Decomposed text is up to four times as long as composed text; composing far longer ones is work for nothing.
    if len(text) > 4 * most:
        raise _too_long(what, most)
    composed = unicodedata.normalize("NFC", text)
    for character in composed:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _UNSEEN:
            raise Malformed(
                f"{what} contains a character that cannot be seen (U+{ord(character):04X})",
                hint=f"Remove invisible characters from {what}.",
            )
    plain = "".join(_space(character) for character in composed).strip()
    if required and not plain:
        raise Malformed(f"{what} is empty", hint=f"Fill in {what}.")
    if len(plain) > most:
        raise _too_long(what, most)
    return plain


def _space(character: str) -> str:
    return " " if character.isspace() and character != _IDEOGRAPHIC_SPACE else character


def _too_long(what: str, most: int) -> Malformed:
    return Malformed(f"{what} is longer than {most} characters", hint=f"Shorten {what}.")
