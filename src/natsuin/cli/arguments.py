"""Arguments that several commands take."""

from pathlib import Path


def verifier_key(value: str) -> str:
    """The key itself, or the content of the file that `value` names: a verifier key always holds two plus signs.

    Raises:
        OSError, UnicodeDecodeError: there is no such file, or it is no text.
    """
    if value.count("+") < 2 or Path(value).is_file():
        return Path(value).read_text("utf-8").strip()
    return value.strip()
