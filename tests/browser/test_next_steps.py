"""What people are told when something is in the way, and where they are led next."""

import re

import pytest
from playwright.sync_api import Page, expect
from test_pages import CODE, PIN, TOKEN, begin_approval, begin_placing, fill_person, make_passkey
from visitor import PreviewVisitor


@pytest.mark.parametrize("page_of", ["/enrol", "/officer/enrol"])
@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("", "後半がありません"),
        ("#" + TOKEN[:-7], "途中で切れている"),
        ("#" + TOKEN + "%E3%80%82", "余分な文字"),
    ],
)
def test_a_link_that_is_not_whole_is_told_as_such_and_asks_nothing(
    visitor: PreviewVisitor, page_of: str, fragment: str, words: str
) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.go(page_of + fragment)
    expect(page.locator("[data-opening] .notice.bad")).to_contain_text(words)
    expect(page.locator("[data-step]:visible")).to_have_count(0)
    assert not [url for url in asked if "/api/" in url]


def test_a_used_invitation_leads_to_signing_in(visitor: PreviewVisitor) -> None:
    visitor.preview.trick = "invitation_used"
    page = visitor.go(f"/enrol#{TOKEN}")
    expect(page.locator("[data-opening] .notice.bad")).to_contain_text("使用済み")
    page.locator("[data-opening] a").click()
    page.wait_for_url(visitor.preview.origin + "/")


def test_a_lost_session_leads_to_signing_in_and_back(visitor: PreviewVisitor) -> None:
    make_passkey(visitor)
    visitor.go("/documents/d1")
    visitor.preview.trick = "signed_out"
    begin_approval(visitor)
    page = visitor.page
    page.locator("[data-place] .notice.bad a").click()
    page.wait_for_url("**/?next=%2Fdocuments%2Fd1")
    # The pretended server shows the start page as somebody sees it who is signed in, unless it is told otherwise.
    page.goto(page.url + "&out=1")
    page.locator("[data-sign-in]").click()
    page.wait_for_url("**/documents/d1")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (CODE[:12] + ("8" if CODE[12] != "8" else "9") + CODE[13:], "打ち間違い"),
        (CODE[:3] + CODE[4] + CODE[3] + CODE[5:], "打ち間違い"),
        (CODE + "7", "27文字"),
        (CODE[:-1] + "U", "使われない文字"),
    ],
)
def test_a_mistyped_recovery_code_is_told_while_it_is_typed(visitor: PreviewVisitor, typed: str, words: str) -> None:
    page = visitor.go("/keys/k1/pin")
    page.locator("#recovery-code").fill(typed)
    expect(page.locator('[data-step="code"] .notice.bad')).to_contain_text(words)
    page.keyboard.press("Enter")
    expect(page.locator("#new-pin")).not_to_be_visible()
    page.locator("#recovery-code").fill(CODE)
    expect(page.locator('[data-step="code"] .notice.bad')).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#new-pin")).to_be_visible()


def test_every_recovery_code_made_passes_its_own_check(visitor: PreviewVisitor) -> None:
    page = visitor.go("/keys/k1/pin")
    faults = page.evaluate("""async () => {
      const { faultOfCode, newRecoveryCode } = await import("/static/js/recovery.js");
      const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
      const found = [];
      for (let round = 0; round < 40; round += 1) {
        const code = newRecoveryCode();
        if (faultOfCode(code)) found.push(code);
        const place = round % 26;
        for (const other of alphabet) {
          if (other === code[place]) continue;
          const wrong = code.slice(0, place) + other + code.slice(place + 1);
          if (faultOfCode(wrong) !== "codeMistyped") found.push(wrong);
        }
      }
      return found;
    }""")
    assert faults == []


def mark_box(page: Page) -> dict[str, float]:
    box = page.locator("[data-mark]").bounding_box()
    assert box is not None
    return dict(box)


def test_a_second_mark_keeps_clear_of_what_is_there(visitor: PreviewVisitor) -> None:
    """The first signer left the mark where it is put by itself; the second signer's must not lie on it."""
    page = visitor.go("/documents/d1")
    begin_placing(visitor)
    visitor.page.locator("[data-place] button[type=submit]").click()
    expect(page.locator("[data-approve]")).to_be_visible()
    first = next(request["placement"] for request in visitor.preview.requests if "placement" in request)
    visitor.preview.marks = [first]
    visitor.preview.requests.clear()
    page = visitor.go("/documents/d1")
    begin_placing(visitor)
    expect(page.locator(".mark-there")).to_have_count(1)
    there = page.locator(".mark-there").bounding_box()
    assert there is not None
    new = mark_box(page)
    apart = new["x"] + new["width"] <= there["x"] or new["y"] + new["height"] <= there["y"]
    assert apart, (new, there)
    visitor.picture("sign-second-mark")
    page.locator("[data-place] button[type=submit]").click()
    expect(page.locator("[data-approve]")).to_be_visible()
    expect(page.locator(".mark-there")).to_have_count(0)


def test_the_officers_list_shows_the_new_person_at_once(visitor: PreviewVisitor) -> None:
    make_passkey(visitor)
    fill_person(visitor)
    page = visitor.page
    before = page.locator("[data-people] tbody tr").count()
    page.locator("[data-approve]").click()
    expect(page.locator("#invitation")).to_have_value(re.compile("/enrol#q+$"))
    expect(page.locator("[data-people] tbody tr")).to_have_count(before + 1)
    expect(page.locator("[data-people] tbody tr").first).to_contain_text("新規 登録者")
    visitor.picture("officer-4-list")


def test_on_a_phone_the_result_comes_first_and_is_read_out(visitor: PreviewVisitor) -> None:
    visitor.page.set_viewport_size({"width": 360, "height": 760})
    make_passkey(visitor)
    page = visitor.go("/documents/d1")
    begin_approval(visitor)
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    title = page.locator("#signed-title")
    expect(title).to_be_focused()
    expect(title).to_be_in_viewport()
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    panel, viewer = page.locator(".panel").bounding_box(), page.locator("[data-viewer]").bounding_box()
    assert panel is not None
    assert viewer is not None
    assert panel["y"] < viewer["y"]
    # The document is open at the page that was marked, and the page itself has not moved.
    expect(page.locator("#page-number")).to_have_value(str(len(visitor.preview.pages)))
    assert page.evaluate("scrollY") == 0
    visitor.picture("signed-phone")


def test_times_are_in_the_zone_of_the_viewer_with_utc_at_hand(visitor: PreviewVisitor) -> None:
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page = visitor.go("/history")
    first = page.locator("tbody time").first
    expect(first).to_contain_text("(UTC+09:00)")
    expect(first).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$"))
