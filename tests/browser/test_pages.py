"""The browser's part alone, in real Chromium under the real content policy, before a server that pretends.

What the scripts send is verified for real: passkey answers by the `webauthn` library, sealed secrets by opening them.
"""

import re

import pytest
from playwright.sync_api import expect
from preview import page_context
from preview_data import LOG_VKEY
from visitor import PreviewVisitor

PIN = "修482915x"
ALL_IN_VIEW_IS_DRAWN = """() => {
  const view = document.querySelector("[data-pages]").getBoundingClientRect();
  return [...document.querySelectorAll(".sheet")].every((sheet) => {
    const box = sheet.getBoundingClientRect();
    return sheet.dataset.drawn === "done" || box.bottom <= view.top || box.top >= view.bottom;
  });
}"""
CODE = "0123456789ABCDEFGHJKMNPQRB"
CODE_AS_TYPED = "o1234-56789 abcde-fghjk mnpqrb"
TOKEN = "t0ken" * 8 + "abc"
EVERY_PAGE = [
    "/",
    "/?out=1",
    f"/enrol#{TOKEN}",
    f"/officer/enrol#{TOKEN}",
    "/officer",
    "/officer/people",
    "/officer/people/u1",
    "/officer/people-file",
    "/documents",
    "/documents/d1",
    "/documents/s1",
    "/history",
    "/keys",
    "/keys/k1/pin",
    "/verify",
    "/help/limits",
    "/help/check",
    "/nowhere",
]


def make_passkey(visitor: PreviewVisitor) -> None:
    """Register a passkey through the officer's page, which is the shortest way to one."""
    page = visitor.go(f"/officer/enrol#{TOKEN}")
    page.locator("[data-register]").click()
    expect(page.locator('[data-step="done"]')).to_be_visible()


def read_to_the_end(visitor: PreviewVisitor) -> None:
    """Go on by the keyboard, a view at a time, until every page's end has been shown."""
    page = visitor.page
    count = len(visitor.preview.pages)
    progress = page.locator("#reading-progress")
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    for _ in range(12 * count):
        # A page counts as read when its end was in view, drawn; so look at what is in view before going on.
        page.wait_for_function(ALL_IN_VIEW_IS_DRAWN)
        if progress.evaluate("element => element.value") == count:
            break
        page.locator("[data-pages]").press("PageDown")
    expect(progress).to_have_js_property("value", count)


def begin_placing(visitor: PreviewVisitor) -> None:
    """Go on without reading, as somebody does who has read the downloaded file."""
    page = visitor.page
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    page.locator("[data-after-reading]").click()
    page.locator("[data-reading-notice] button").last.click()
    expect(page.locator("[data-mark]")).to_be_visible()


def begin_approval(visitor: PreviewVisitor) -> None:
    begin_placing(visitor)
    visitor.page.locator("[data-place] button[type=submit]").click()


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_speaks_the_language_and_keeps_the_policy(
    visitor: PreviewVisitor, language: str, width: int
) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 800})
    for path in EVERY_PAGE:
        page = visitor.go(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("h1")).to_have_count(1)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{path} is {too_wide} pixels too wide"
        visitor.picture(
            f"{path.split('#')[0].strip('/').replace('/', '-').replace('?', '-') or 'start'}-{language}-{width}"
        )


def test_enrolment(visitor: PreviewVisitor, language: str) -> None:
    page = visitor.go(f"/enrol#{TOKEN}")
    expect(page.locator("[data-subject=common_name]")).to_have_text("山田 太郎")
    visitor.picture(f"enrol-1-{language}")
    page.locator("[data-begin]").click()
    page.locator("[data-register]").click()
    page.locator("#new-pin").fill("123456")
    page.locator("#repeat-pin").fill("123456")
    page.locator("[data-pin-form] button[type=submit]").click()
    expect(page.locator('[data-step="pin"] .notice.bad')).to_be_visible()
    visitor.picture(f"enrol-2-weak-{language}")
    page.locator("#new-pin").fill("修４８２９１５x")
    page.locator("#repeat-pin").fill(PIN)
    page.keyboard.press("Enter")
    groups = page.locator("[data-recovery-code] > span").all_inner_texts()
    visitor.picture(f"enrol-3-code-{language}")
    page.locator("#last-group").fill("00000x")
    page.keyboard.press("Enter")
    expect(page.locator('[data-step="recovery"] .notice.bad')).to_be_visible()
    page.locator("#last-group").fill(groups[-1].lower())
    page.keyboard.press("Enter")
    expect(page.locator('[data-step="done"]')).to_be_visible()
    visitor.picture(f"enrol-4-done-{language}")
    [opened] = visitor.preview.opened
    assert opened == {"pin": PIN, "recovery_code": "".join(groups)}
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", opened["recovery_code"])
    assert TOKEN not in page.url


def test_enrolment_without_the_token_says_what_to_do(visitor: PreviewVisitor) -> None:
    page = visitor.go("/enrol")
    expect(page.locator("[data-opening] .notice.bad")).to_be_visible()
    expect(page.locator("[data-step]:visible")).to_have_count(0)


def test_signing_by_keyboard(visitor: PreviewVisitor, language: str) -> None:
    make_passkey(visitor)
    page = visitor.go("/documents/d1")
    expect(page.locator("[data-bytes-check]")).to_contain_text("✓")
    expect(page.locator(".textLayer").first).to_contain_text("契約")
    visitor.picture(f"sign-1-read-{language}")
    read_to_the_end(visitor)
    page.locator("[data-after-reading]").focus()
    page.keyboard.press("Enter")
    mark = page.locator("[data-mark]")
    mark.focus()
    before = int(page.locator("#mark-left").input_value())
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    assert int(page.locator("#mark-left").input_value()) == before - 11
    page.locator("#mark-top").fill("100")
    page.locator("#mark-page").fill("1")
    page.locator("#reason").fill("契約の締結")
    visitor.picture(f"sign-2-place-{language}")
    page.keyboard.press("Enter")
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    expect(page.locator("[data-part=approve] h2")).to_be_focused()
    visitor.picture(f"sign-3-approve-{language}")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#signed-title")).to_be_visible()
    visitor.picture(f"sign-4-signed-{language}")
    instruction = next(r for r in visitor.preview.requests if "key_id" in r)
    sheet = visitor.preview.pages[0]
    place = instruction["placement"]
    assert place["page"] == 0
    assert place["y"] + place["height"] == pytest.approx(sheet["height"] - 100 / 25.4 * 72, abs=1)
    assert instruction["reason"] == "契約の締結"
    assert visitor.preview.opened == [{"pin": PIN}]


def test_the_mark_stands_where_the_page_was_clicked(visitor: PreviewVisitor) -> None:
    page = visitor.go("/documents/d1")
    begin_placing(visitor)
    page.locator("#mark-page").fill("1")
    page.keyboard.press("Tab")
    sheet = page.locator('.sheet[data-page="1"]')
    box = sheet.bounding_box()
    view = page.locator("[data-pages]").bounding_box()
    assert box is not None
    assert view is not None
    x, y = box["x"] + box["width"] / 4, max(box["y"], view["y"]) + 90
    page.mouse.click(x, y)
    marked = page.locator("[data-mark]").bounding_box()
    assert marked is not None
    assert marked["x"] + marked["width"] / 2 == pytest.approx(x, abs=2)
    assert marked["y"] + marked["height"] / 2 == pytest.approx(y, abs=2)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    moved = page.locator("[data-mark]").bounding_box()
    assert moved is not None
    assert moved["x"] - marked["x"] == pytest.approx(60, abs=2)


@pytest.mark.parametrize("trick", ["record", "challenge"])
def test_a_record_of_something_else_is_refused_before_the_passkey_is_asked(visitor: PreviewVisitor, trick: str) -> None:
    make_passkey(visitor)
    visitor.go("/documents/d1")
    visitor.preview.trick = trick
    begin_approval(visitor)
    expect(visitor.page.locator("[data-place] .notice.bad")).to_be_visible()
    expect(visitor.page.locator("#pin")).not_to_be_visible()
    visitor.picture(f"refused-{trick}")


def test_other_bytes_than_announced_are_not_shown(visitor: PreviewVisitor) -> None:
    visitor.preview.trick = "bytes"
    page = visitor.go("/documents/d1")
    expect(page.locator("[data-pages] .notice.bad")).to_be_visible()
    expect(page.locator("[data-after-reading]")).to_be_disabled()
    expect(page.locator("canvas")).to_have_count(0)


def test_approval_needs_every_page_shown_or_said_otherwise(visitor: PreviewVisitor) -> None:
    page = visitor.go("/documents/d1")
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    page.locator("[data-after-reading]").click()
    expect(page.locator("[data-reading-notice] .notice.caution")).to_be_visible()
    expect(page.locator('[data-part="place"]')).not_to_be_visible()
    page.locator("[data-reading-notice] button").last.click()
    expect(page.locator('[data-part="place"]')).to_be_visible()


def test_a_wrong_pin_is_asked_again_and_a_lost_answer_is_fetched_with_the_same_approval(
    visitor: PreviewVisitor,
) -> None:
    make_passkey(visitor)
    page = visitor.go("/documents/d1")
    begin_approval(visitor)
    visitor.preview.trick = "wrong_secret"
    page.locator("#pin").fill("wrong-pin")
    page.keyboard.press("Enter")
    expect(page.locator("[data-approve] .notice.bad")).to_contain_text("9")
    expect(page.locator("#pin")).to_be_focused()
    visitor.preview.trick = "unavailable"
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    page.locator("[data-approve] .notice button").click()
    expect(page.locator("#signed-title")).to_be_visible()
    approvals = [r for r in visitor.preview.requests if "sealed_pin" in r]
    assert len(approvals) == 3
    assert approvals[1] == approvals[2]


def test_a_passkey_that_does_not_answer_signs_nothing(visitor: PreviewVisitor) -> None:
    make_passkey(visitor)
    page = visitor.go("/documents/d1")
    begin_approval(visitor)
    visitor.refuse_passkeys()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("[data-approve] .notice.bad")).to_be_visible()
    page.locator("[data-cancel]").click()
    expect(page.locator("[data-place] .notice.information")).to_be_visible()
    assert visitor.preview.opened == []
    assert {"path": "/api/instructions/i1/cancel"} in visitor.preview.requests


def fill_person(visitor: PreviewVisitor, *, begun: bool = False) -> None:
    page = visitor.page if begun else visitor.go("/officer")
    page.locator("#common_name").fill("鈴木 一郎")
    page.locator("#email").fill("suzuki@example.jp")
    page.locator("#evidence_reference").fill("台帳 2026-117")
    page.locator("[data-person] button[type=submit]").click()


def test_an_officer_registers_a_person(visitor: PreviewVisitor, language: str) -> None:
    make_passkey(visitor)
    fill_person(visitor)
    page = visitor.page
    expect(page.locator("[data-approval-facts]")).to_contain_text("鈴木 一郎")
    visitor.picture(f"officer-2-{language}")
    page.locator("[data-approve]").click()
    expect(page.locator("#invitation")).to_have_value(re.compile("/enrol#q+$"))
    visitor.picture(f"officer-3-{language}")


@pytest.mark.parametrize("wish", [True, False])
def test_the_wish_for_a_key_in_the_token_is_asked_for_and_shown(visitor: PreviewVisitor, wish: bool) -> None:
    visitor.go("/officer")
    if wish:
        visitor.page.locator("#algorithm").press("Tab")
        visitor.page.keyboard.press("Space")
    fill_person(visitor, begun=True)
    place = visitor.page.locator("[data-approval-facts]")
    expect(place).to_contain_text("鈴木 一郎")
    assert ("HSM" in place.inner_text()) is wish
    assert [request["resident"] for request in visitor.preview.requests if "resident" in request] == [wish]


@pytest.mark.parametrize("trick", ["record", "resident"])
def test_an_officer_is_not_asked_to_approve_something_else(visitor: PreviewVisitor, trick: str) -> None:
    visitor.preview.trick = trick
    fill_person(visitor)
    expect(visitor.page.locator("[data-person] .notice.bad")).to_be_visible()
    expect(visitor.page.locator('[data-step="approve"]')).not_to_be_visible()


def test_a_new_pin_with_the_recovery_code(visitor: PreviewVisitor, language: str) -> None:
    make_passkey(visitor)
    page = visitor.go("/keys/k1/pin")
    page.locator("#recovery-code").fill(CODE_AS_TYPED)
    page.keyboard.press("Enter")
    expect(page.locator("#new-pin")).to_be_visible()
    page.locator("#new-pin").fill(PIN)
    page.locator("#repeat-pin").fill(PIN)
    page.keyboard.press("Enter")
    groups = page.locator("[data-recovery-code] > span").all_inner_texts()
    page.locator("#last-group").fill(groups[-1])
    page.keyboard.press("Enter")
    expect(page.locator('[data-step="done"]')).to_be_visible()
    visitor.picture(f"pin-done-{language}")
    [opened] = visitor.preview.opened
    assert opened == {
        "recovery_code": CODE,
        "new_pin": PIN,
        "new_recovery_code": "".join(groups),
    }


def test_signing_in_follows_no_foreign_address(visitor: PreviewVisitor) -> None:
    make_passkey(visitor)
    page = visitor.go("/?out=1")
    page.locator("[data-sign-in]").evaluate("button => { button.dataset.next = 'https://evil.example/x' }")
    page.locator("[data-sign-in]").click()
    page.wait_for_url(visitor.preview.origin + "/")


def test_adding_a_document(visitor: PreviewVisitor) -> None:
    page = visitor.go("/documents")
    page.locator("#file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(page.locator("[data-upload] .notice.bad")).to_be_visible()
    visitor.picture("upload-refused")
    given = {"name": "契約書.pdf", "mimeType": "application/pdf", "buffer": visitor.preview.pdf}
    page.locator("#file").set_input_files(given)
    page.wait_for_url("**/documents/d1")
    assert visitor.preview.requests == [{"name": "契約書.pdf", "body": visitor.preview.pdf}]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_verdict_lines_have_words(visitor: PreviewVisitor, language: str) -> None:
    page = visitor.go("/verify")
    page.locator("#pdf").set_input_files(
        {"name": "signed.pdf", "mimeType": "application/pdf", "buffer": visitor.preview.pdf}
    )
    page.locator("#receipt").set_input_files({"name": "r.tlog-proof", "mimeType": "text/plain", "buffer": b"x"})
    page.locator("[data-verify] button[type=submit]").click()
    expect(page.locator(".verdict-lines > li")).to_have_count(6)
    words = {"ja": ["合格", "不合格", "不明"], "en": ["Good", "Bad", "Unknown"]}[language]
    for word in words:
        expect(page.locator(".verdict-lines .state", has_text=re.compile(f"^{word}$")).first).to_be_visible()
    visitor.picture(f"verify-result-{language}")
    assert visitor.preview.requests == [{"fields": ["log_vkey", "pdf", "receipt"], "log_vkey": LOG_VKEY}]


def test_the_preview_knows_every_page(visitor: PreviewVisitor) -> None:
    """So that `EVERY_PAGE` does not quietly look at the error page."""
    for path in EVERY_PAGE[:-1]:
        template, _ = page_context(visitor.preview, re.split(r"[?#]", path)[0], _NoQuery())
        assert template != "pages/error.html", path


class _NoQuery(dict[str, str]):
    def getlist(self, name: str) -> list[str]:
        return []
