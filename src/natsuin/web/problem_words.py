"""The form in which a problem is told in Japanese and English."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """One problem in one language."""

    title: str
    detail: str
    hint: str


@dataclass(frozen=True)
class Texts:
    """One problem in both languages."""

    ja: Text
    en: Text


def both(ja: tuple[str, str, str], en: tuple[str, str, str]) -> Texts:
    """Title, cause and next step in Japanese, then in English."""
    return Texts(Text(*ja), Text(*en))
