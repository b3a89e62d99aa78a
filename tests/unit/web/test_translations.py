"""Languages: which one a request gets, and that no page has words in one language only."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import UndefinedError

import natsuin.web.i18n as i18n

WEB = Path(i18n.__file__).parent
PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")
WORDS = re.compile(r"^  (\w+): \[\s*(\"(?:[^\"\\]|\\.)*\"),\s*(\"(?:[^\"\\]|\\.)*\"),?\s*\],?$", re.MULTILINE)


@pytest.mark.parametrize(
    ("query", "cookie", "header", "expected"),
    [
        (None, None, None, "en"),
        (None, None, "ja", "ja"),
        (None, None, "ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        (None, None, "fr-FR,fr;q=0.9,ja;q=0.5,en;q=0.4", "ja"),
        (None, None, "ja;q=0.3,en-GB;q=0.7", "en"),
        (None, None, "ja;q=0,*", "en"),
        (None, None, "ja;q=nonsense,,;;q", "en"),
        (None, "en", "ja", "en"),
        ("ja", "en", "en", "ja"),
        ("../../etc", "xx", "ja", "ja"),
    ],
)
def test_the_language_of_a_request(query: str | None, cookie: str | None, header: str | None, expected: str) -> None:
    assert i18n.choose_language(query=query, cookie=cookie, accept_language=header) == expected


def _messages_of_templates() -> set[str]:
    found = extract_from_dir(WEB / "templates", [("**.html", "jinja2")], {"**.html": {"newstyle_gettext": "true"}})
    texts = (message for _, _, message, _, _ in found)
    return {text[0] if isinstance(text, tuple) else text for text in texts}


def test_every_text_of_the_pages_is_translated_and_none_is_left_over() -> None:
    with (WEB / "locales/ja/LC_MESSAGES/natsuin.po").open("rb") as text:
        catalogue = read_po(text, locale="ja")
    known = {}
    for message in catalogue:
        if message.id:
            key = message.id[0] if isinstance(message.id, tuple) else message.id
            known[key] = message.string[0] if isinstance(message.string, tuple | list) else message.string
            assert not message.fuzzy, key
    assert _messages_of_templates() == set(known)
    for key, words in known.items():
        assert words, f"no Japanese for: {key}"
        assert set(PLACE.findall(words)) <= set(PLACE.findall(key)) | {"%(num)s"}, key


def test_every_text_of_the_scripts_is_there_in_both_languages() -> None:
    names: list[str] = []
    for path in sorted((WEB / "static/js/words").glob("*.js")):
        text = path.read_text()
        entries = WORDS.findall(text)
        assert len(entries) == len(re.findall(r"^  \w+: \[", text, re.MULTILINE)), f"{path.name} has another form"
        for name, japanese, english in entries:
            names.append(name)
            assert sorted(PLACE.findall(japanese)) == sorted(PLACE.findall(english)), name
            assert len(japanese) > 2, name
            assert len(english) > 2, name
    assert len(names) == len(set(names))


def test_scripts_say_only_words_that_exist() -> None:
    words = {name for path in (WEB / "static/js/words").glob("*.js") for name, _, _ in WORDS.findall(path.read_text())}
    for path in (WEB / "static/js").rglob("*.js"):
        for name in re.findall(r"\bsay\(\"(\w+)\"", path.read_text()):
            assert name in words, f"{path.name} says {name}"


def test_what_pages_show_is_escaped_and_nothing_may_be_missing() -> None:
    service = {"name": "<b>", "demo": False}
    context = {"status": 404, "code": "x", "title": "t", "hint": "", "request_id": "r"}
    html = i18n.render(
        "pages/error.html", "en", me=None, service=service, path="/", detail="<script>alert(1)</script>", **context
    )
    assert "<script>alert" not in html
    assert "&lt;b&gt;" in html
    with pytest.raises(UndefinedError):
        i18n.render("pages/error.html", "en", me=None, service=service, path="/", **context)


def test_no_page_has_inline_script_or_style() -> None:
    for path in (WEB / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_nobody_can_type_into_a_form_or_press_a_button_before_its_script_is_there() -> None:
    seen = 0
    for path in (WEB / "templates").rglob("*.html"):
        text = path.read_text()
        for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
            seen += 1
            # What a browser would send by its own means goes into no address, and no field would be in it.
            assert re.match(r'<form [^>]*method="post"[^>]*>\s*<fieldset class="whole" data-whole disabled>', form), (
                path
            )
            assert form.endswith("</fieldset></form>"), path
            assert set(re.findall(r'\sname="(\w+)"', form)) <= {"visible"}, path
        outside = re.sub(r"<form\b.*?</form>", "", text, flags=re.DOTALL)
        for tag in re.findall(r"<button[^>]*>", outside):
            assert re.search(r"\sdisabled\b", tag), (path.name, tag)
    assert seen >= 8


@pytest.mark.parametrize(
    ("size", "english", "japanese"),
    [(0, "0 B", "0 B"), (1023, "1,023 B", "1,023 B"), (1536, "1.5 KB", "1.5 KB"), (64 * 2**20, "64 MB", "64 MB")],
)
def test_sizes_in_words(size: int, english: str, japanese: str) -> None:
    for lang, words in (("en", english), ("ja", japanese)):
        assert i18n.environment(lang).from_string("{{ n | size }}").render(n=size).replace(".0 ", " ") == words


def test_moments_are_utc_for_the_script_to_rewrite() -> None:
    html = i18n.environment("ja").from_string("{{ 0 | moment }}").render()
    assert html == '<time datetime="1970-01-01T00:00:00Z" data-moment>1970-01-01 00:00 UTC</time>'
