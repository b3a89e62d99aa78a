"""JSON that means one thing only (RFC 8259 read as narrowly as RFC 7493, I-JSON, section 2).

Parsers differ about duplicate keys, NaN, huge numbers and broken surrogates. What two parsers could read differently is
refused, so that nobody downstream can see another message than the one that was checked here.
"""

import json
import math
import re
from typing import Any, NoReturn

from natsuin.errors import Malformed

MAX_DEPTH = 20
_LARGEST_INTEGER = 2**53 - 1
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(body: bytes) -> Any:
    """The value of one JSON text in UTF-8. Raises `Malformed` for whatever is not I-JSON or nested deeper than 20."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_exact,
        )
    except (ValueError, RecursionError) as cause:
        raise Malformed("the body is not JSON that can be read in one way only") from cause
    _check_tree(value, check_strings=_SURROGATE_ESCAPE.search(text) is not None or "\\u0000" in text)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _exact(text: str) -> int:
    value = int(text)
    if abs(value) > _LARGEST_INTEGER:
        raise ValueError("an integer is too large to be read exactly everywhere")
    return value


def _check_tree(value: Any, *, check_strings: bool) -> None:
    """Bound the depth; where escapes made it possible, look for text that is not Unicode, or contains NUL."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        following: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if check_strings:
                    following.extend(item)
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
            elif check_strings and isinstance(item, str):
                _check_text(item)
        if not following:
            return
        level = following
    raise Malformed("the body is nested too deeply")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as cause:
        raise Malformed("a text in the body is not Unicode") from cause
    if "\0" in text:
        raise Malformed("a text in the body contains NUL")
