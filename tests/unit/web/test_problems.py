"""The table of problems is whole, and nothing of an unknown error gets out."""

import importlib
import pkgutil

import pytest

import natsuin
from natsuin.authentication.oauth import OAuthRefused
from natsuin.errors import Conflict, NatsuinError, NotFound, Unavailable, by_code
from natsuin.web.problem_texts import TEXTS
from natsuin.web.problems import STATUS, InvalidFields, problem_of


def every_error() -> dict[str, type[NatsuinError]]:
    for module in (
        "natsuin.authentication",
        "natsuin.documents",
        "natsuin.key_management",
        "natsuin.signing",
        "natsuin.user_management",
        "natsuin.web",
    ):
        importlib.import_module(module)
    return by_code()


def test_every_code_means_one_thing():
    """A code stands in one class; what is derived from it without a code of its own is told as it."""
    for name in (module.name for module in pkgutil.walk_packages(natsuin.__path__, "natsuin.")):
        if not name.endswith("__main__") and ".migrations." not in name:
            importlib.import_module(name)
    owners: dict[str, set[str]] = {}
    waiting: list[type[NatsuinError]] = [NatsuinError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "code" in vars(kind) and kind.__module__.startswith("natsuin."):
            owners.setdefault(kind.code, set()).add(f"{kind.__module__}.{kind.__name__}")
    assert len(owners) > 60
    assert {code: names for code, names in owners.items() if len(names) > 1} == {}


def test_status_and_text_belong_together():
    assert STATUS.keys() == TEXTS.keys()


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_text_is_there_in_both_languages(code):
    texts = TEXTS[code]
    for text in (texts.ja, texts.en):
        assert text.title
        assert text.detail
        assert text.hint
    assert any(ord(character) > 0x3000 for character in texts.ja.detail)
    assert texts.en.detail.isascii()


def test_a_problem_is_never_a_success():
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_error_of_the_product_can_be_told(lang):
    for code, kind in every_error().items():
        if code == "too_many_attempts":
            continue
        words: tuple[object, ...] = ("invalid_request", "the cause") if kind is OAuthRefused else ("the cause",)
        error = kind(("field",)) if kind is InvalidFields else kind(*words)
        problem = problem_of(error, lang)
        assert problem.code == code
        assert 400 <= problem.status < 600
        assert problem.title
        assert problem.detail


def test_the_code_that_sam_told_is_kept():
    """An error from sam arrives as the kind both sides know, with sam's own code on it."""
    arrived = Conflict("the key is suspended")
    vars(arrived)["code"] = "key_suspended"
    problem = problem_of(arrived, "en")
    assert (problem.status, problem.code, problem.detail) == (409, "key_suspended", "The key is suspended.")
    vars(arrived)["code"] = "weak_pin"
    assert problem_of(arrived, "ja").title == "PINが弱すぎます"


@pytest.mark.parametrize(
    "error", [ValueError("at /etc/natsuin PIN 1234"), KeyError("x"), MemoryError(), OSError(2, "x")]
)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_an_unknown_exception_tells_nothing(error, lang):
    problem = problem_of(error, lang)
    assert (problem.status, problem.code) == (500, "error")
    assert "1234" not in str(problem.as_json())


def test_what_failed_for_now_says_when_to_come_back():
    assert problem_of(Unavailable("x"), "en").retry_after == 1
    assert problem_of(NotFound("x"), "en").retry_after is None


def test_internals_of_a_failure_stay_inside():
    """The message of what failed, as against what was refused, is for the log."""
    assert "socket" not in problem_of(Unavailable("socket at /run/natsuin"), "en").detail
