"""Names that people type and other people read: normal form, and refusal of what deceives the eye.

A character that reverses the direction of text or has no width makes a name look like another one, so such characters
are refused, not removed: nobody's name contains them, and a silent change would make the certificate differ from the
form.
"""

import unicodedata

from natsuin.errors import Malformed

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Control, format (direction overrides, zero width), surrogates, unassigned, private use, line separators."""

_VARIATION_SELECTORS = range(0xE0100, 0xE01F0)
"""Ideographic variation sequences are ordinary Japanese text (category Mn) and are let through."""


def clean_name(text: str, *, most: int, what: str) -> str:
    """`text` in Unicode normal form C without spaces around it. `what` names it in the message; `most` is in
    characters.

    Raises `Malformed` for an empty or too long text, and for characters that cannot be seen.
    """
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        raise Malformed(f"the {what} is empty")
    if len(cleaned) > most:
        raise Malformed(f"the {what} has more than {most} characters")
    for character in cleaned:
        if unicodedata.category(character) in _REFUSED_CATEGORIES and ord(character) not in _VARIATION_SELECTORS:
            raise Malformed(f"the {what} contains a character that cannot be seen (U+{ord(character):04X})")
    return cleaned
