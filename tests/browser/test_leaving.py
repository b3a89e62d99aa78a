"""An officer takes an invitation back, ends an account and erases it: real Chromium, real server, by the keyboard."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visitor import Visitor, at_the_browser

from rigs.portal import PERSON
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)


def decide(officer: Visitor, picture: str) -> None:
    """From the form over the passkey to the end."""
    page = officer.page
    button = page.locator("[data-begin] button[type=submit]")
    expect(button).to_be_enabled()
    officer.picture(picture)
    button.press("Enter")
    if not page.url.endswith("/erase"):
        expect(page.locator("#approve-title")).to_be_focused()
        officer.picture(f"{picture}-approve")
        page.locator("[data-approve]").press("Enter")
    expect(page.locator("#done-title")).to_be_focused()
    page.locator('[data-step="done"] a').first.click()
    expect(page.locator("[data-history]")).to_be_visible()


def state(officer: Visitor) -> str:
    return officer.page.locator(".page-head .state").inner_text()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_invitation_and_an_account_end_on_the_pages(browser: Browser, tmp_path: Path, language: str) -> None:
    server = WholeServer.make(tmp_path / "n").start()
    try:
        with at_the_browser(browser, server.origin, language) as officer:
            page = officer.go(f"/officer/enrol#{server.token}")
            page.locator("[data-register]").click()
            page.locator('[data-step="done"] [data-sign-in]').click()
            page.wait_for_url("**/officer")
            page.locator("#common_name").fill(PERSON["common_name"])
            page.locator("#email").fill(PERSON["email"])
            page.locator("#evidence_reference").fill("台帳 1")
            page.locator("[data-person] button[type=submit]").click()
            page.locator("[data-approve]").click()
            expect(page.locator("#invitation")).to_have_value(re.compile(r"/enrol#."))
            link = page.locator("#invitation").input_value()
            officer.go("/officer").locator("main table a").first.click()
            page.locator('a[href$="/withdraw-invitation"]').click()
            decide(officer, f"leaving-withdraw-{language}")
            assert state(officer) == {"ja": "招待の取消し", "en": "Invitation withdrawn"}[language]
            page.locator('a[href$="/erase"]').click()
            expect(page.locator("[data-begin] button[type=submit]")).to_be_enabled()
            page.locator("[data-begin] button[type=submit]").press("Enter")
            expect(page.locator("[data-begin] [data-status] .notice.bad")).to_be_visible()
            page.locator("#sure").check()
            decide(officer, f"leaving-erase-{language}")
            assert state(officer) == {"ja": "消去済み", "en": "Data erased"}[language]
            assert PERSON["common_name"] not in page.content()
            officer.picture(f"leaving-erased-{language}")
            with at_the_browser(browser, server.origin, language) as person:
                person.go(link.removeprefix(server.origin))
                expect(person.page.locator("main .notice.bad")).to_be_visible()
                person.picture(f"leaving-link-{language}")
    finally:
        server.stop()
