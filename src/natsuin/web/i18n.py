"""Pages in Japanese and English: the language of a request, the translations, and the Jinja environments.

English is the source text of every message; `locales/<language>/LC_MESSAGES/natsuin.po` holds the others. The
catalogues are read from their `.po` text at first use, so that a checkout needs no build step. Everything here is
thread safe: what is cached never changes after it is made.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from natsuin.clock import from_milliseconds

LANGUAGES = ("ja", "en")
"""Languages of the portal, as BCP 47 tags."""

SOURCE_LANGUAGE = "en"
"""The language in which messages are written in templates and code."""

_FOLDER = Path(__file__).parent


def choose_language(*, query: str | None, cookie: str | None, accept_language: str | None) -> str:
    """The language to answer in: asked for in the address, else remembered, else the browser's wish, else English.

    `accept_language` is the header of RFC 9110 section 12.5.4; whatever cannot be read in it is passed over.
    """
    for wish in (query, cookie):
        if wish in LANGUAGES:
            return str(wish)
    best, best_weight = SOURCE_LANGUAGE, 0.0
    for part in (accept_language or "").split(",")[:20]:
        tag, _, parameter = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        weight = _weight(parameter)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


@cache
def translations(lang: str) -> Translations:
    """The catalogue of a language; an empty one for the source language, which translates to itself."""
    if lang == SOURCE_LANGUAGE:
        return Translations()
    with (_FOLDER / "locales" / lang / "LC_MESSAGES" / "natsuin.po").open("rb") as text:
        catalogue = read_po(text, locale=lang, domain="natsuin")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain="natsuin")


def translate(lang: str, text: str) -> str:
    """`text` in `lang`, or unchanged where the catalogue does not know it."""
    return str(translations(lang).gettext(text))


@cache
def environment(lang: str) -> Environment:
    """The Jinja environment for a language: everything escaped, unknown names refused."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = translations(lang)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        catalogue.gettext, catalogue.ngettext, newstyle=True
    )
    made.globals.update(lang=lang)
    filters: dict[str, Callable[..., object]] = {
        "moment": lambda value: _moment(value, lang),
        "utc": lambda value: f"{from_milliseconds(value):%Y-%m-%d %H:%M}",
        "size": lambda value: _size(value, lang),
        "groups": _groups,
        "short": lambda value: str(value)[:16],
    }
    made.filters.update(filters)
    return made


def render(template: str, lang: str, **context: object) -> str:
    """A page as HTML text. `template` is a name below `templates/`; a name that the template needs and `context` lacks
    raises jinja2.UndefinedError, which is a fault of the caller."""
    return environment(lang).get_template(template).render(**context)


def _moment(value: int, lang: str) -> Markup:
    """A `time` element holding UTC, which the page's script rewrites in the reader's own time zone."""
    moment = from_milliseconds(value)
    text = format_datetime(moment, "yyyy-MM-dd HH:mm", locale=lang)
    return Markup('<time datetime="{}" data-moment>{} UTC</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def _size(value: int, lang: str) -> str:
    """A number of bytes for people: `612 B`, `48.2 KB`, `3.1 MB` (powers of 1024)."""
    if value < 1024:
        return f"{format_decimal(value, locale=lang)} B"
    if value < 2**20:
        return f"{format_decimal(round(value / 2**10, 1), locale=lang)} KB"
    return f"{format_decimal(round(value / 2**20, 1), locale=lang)} MB"


def _groups(value: str) -> Markup:
    """A hexadecimal fingerprint in groups of four, to be compared by eye; copying it yields no spaces."""
    pieces = [value[start : start + 4] for start in range(0, len(value), 4)]
    return Markup('<span class="fingerprint">{}</span>').format(
        Markup("").join(Markup("<span>{}</span>").format(piece) for piece in pieces)
    )
