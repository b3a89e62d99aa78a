"""Somebody lost every passkey: the whole way in real Chromium before a real server, with a short waiting period."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from visitor import Visitor, at_the_browser

from natsuin.sam.process import invite_officer
from rigs.whole_server import PERSON, PIN, WholeServer

pytestmark = pytest.mark.timeout(600)

WAIT_SECONDS = 45


@dataclass
class Offices:
    """A server, and the tokens of its two officers."""

    server: WholeServer
    tokens: tuple[str, str]


@pytest.fixture
def offices(tmp_path: Path) -> Iterator[Offices]:
    server = WholeServer.make(tmp_path / "n")
    file = server.folder / "config.toml"
    file.write_text(file.read_text() + f"\n[keys]\nreplacement_wait_seconds = {WAIT_SECONDS}\n")
    second = invite_officer(server.config, "Second officer")
    server.start()
    yield Offices(server, (server.token, second))
    server.stop()


def press(page: Page, selector: str) -> None:
    """By the keyboard, once the page's script listens."""
    expect(page.locator(selector)).to_be_enabled()
    page.locator(selector).press("Enter")


def become_officer(visitor: Visitor, token: str) -> None:
    page = visitor.go(f"/officer/enrol#{token}")
    page.locator("[data-register]").click()
    page.locator('[data-step="done"] [data-sign-in]').click()
    page.wait_for_url("**/officer")


def invitation(officer: Visitor) -> str:
    page = officer.go("/officer")
    for name in ("common_name", "organization", "email"):
        page.locator(f"#{name}").fill(str(PERSON[name]))
    page.locator("#evidence_reference").fill("台帳 12")
    page.locator("[data-person] button[type=submit]").click()
    page.locator("[data-approve]").click()
    link = page.locator("#invitation")
    expect(link).to_have_value(re.compile(r"/enrol#."))
    return link.input_value().removeprefix(officer.origin)


def keep_code(page: Page) -> None:
    groups = page.locator("[data-recovery-code] > span").all_inner_texts()
    page.locator("#last-group").fill(groups[-1])
    page.keyboard.press("Enter")


def enrol(signer: Visitor, path: str) -> None:
    page = signer.go(path)
    page.locator("[data-begin]").click()
    page.locator("[data-register]").click()
    page.locator("#new-pin").fill(PIN)
    page.locator("#repeat-pin").fill(PIN)
    page.keyboard.press("Enter")
    keep_code(page)
    expect(page.locator('[data-step="done"]')).to_be_visible()


def propose(officer: Visitor, picture: str) -> None:
    """From the list of keys by their links, with the keyboard alone."""
    page = officer.go("/officer/keys")
    page.locator("tbody a").first.press("Enter")
    press(page, 'a[href*="/officer/replacements/new/"]')
    expect(page.locator("[data-no-mail]")).to_be_visible()
    page.locator("#evidence_reference").fill("台帳 99")
    officer.picture(f"lost-propose-{picture}")
    page.keyboard.press("Enter")
    expect(page.locator("#approve-title")).to_be_focused()
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    officer.picture(f"lost-propose-approve-{picture}")
    press(page, "[data-approve]")
    expect(page.locator("[data-outcome] .notice.good")).to_be_visible()


def approve(officer: Visitor, picture: str) -> str:
    """The second officer's turn, from the queue. Answers with the link's path."""
    page = officer.go("/officer/replacements")
    officer.picture(f"lost-queue-{picture}")
    page.locator("tbody a").first.press("Enter")
    officer.picture(f"lost-one-{picture}")
    press(page, "[data-review]")
    expect(page.locator("#approve-title")).to_be_focused()
    press(page, "[data-approve]")
    link = page.locator("#link")
    expect(link).to_have_value(re.compile(r"/replace#."))
    expect(page.locator(".page-head .state")).to_have_count(0)
    officer.picture(f"lost-link-{picture}")
    return link.input_value().removeprefix(officer.origin)


def test_the_whole_way_and_a_cancellation(browser: Browser, offices: Offices) -> None:
    origin = offices.server.origin
    with ExitStack() as people:
        first, second, owner, guest = (
            people.enter_context(at_the_browser(browser, origin, language)) for language in ("en", "ja", "ja", "en")
        )
        become_officer(first, offices.tokens[0])
        enrol(owner, invitation(first))
        become_officer(second, offices.tokens[1])
        propose(first, "en")
        expect(owner.go("/documents").locator("[data-replacement-banner]")).to_have_count(0)
        link = approve(second, "ja")
        expect(guest.go("/").get_by_text("Lost every passkey?")).to_be_visible()
        page = guest.go(link)
        expect(page.locator('[data-step="waiting"]')).to_be_visible()
        expect(page.locator("[data-steps]")).to_be_hidden()
        guest.picture("lost-waiting-en")
        expect(owner.go("/documents").locator("[data-replacement-banner]")).to_be_visible()
        owner.picture("lost-banner-ja")
        complete(guest, link)
        # The passkey that was said to be lost signs nobody in any more.
        expect(owner.go("/keys").locator("[data-sign-in]")).to_be_visible()
        propose(second, "ja")
        approve(first, "en")
        page = guest.go("/history")
        guest.picture("lost-history-en")
        press(page, "[data-replacement-banner] a")
        guest.picture("lost-own-en")
        press(page, "[data-cancel]")
        expect(page.locator("#approve-title")).to_be_focused()
        press(page, "[data-approve]")
        expect(page.locator("#done-title")).to_be_focused()
        expect(guest.go("/keys").locator("[data-replacement-banner]")).to_have_count(0)
        expect(first.go("/officer/replacements").locator("tbody .state")).to_have_count(2)
        first.picture("lost-queue-en")


def complete(guest: Visitor, link: str) -> None:
    """On the first device again: a new passkey, and the PIN after one that is wrong."""
    page = guest.page
    for _ in range(60):
        page.goto("about:blank")
        page = guest.go(link)
        expect(page.locator('[data-step="waiting"], [data-step="welcome"]').locator("visible=true")).to_have_count(1)
        if page.locator('[data-step="welcome"]').is_visible():
            break
        page.wait_for_timeout(7000)
    expect(page.locator("[data-steps] [aria-current]")).to_have_attribute("data-for", "welcome")
    guest.picture("lost-welcome-en")
    press(page, "[data-begin]")
    page.locator("#how-0").select_option("")
    expect(page.locator("[data-lost]")).to_be_visible()
    guest.picture("lost-key-lost-en")
    page.locator("#how-0").select_option("pin")
    page.locator("#secret-0").fill("wrong horse 7")
    page.keyboard.press("Enter")
    press(page, "[data-register]")
    keep_code(page)
    expect(page.locator("[data-keys-form] .notice.bad").last).to_contain_text("9 tries left")
    expect(page.locator("#how-0 option").first).to_contain_text("9 tries left")
    guest.picture("lost-wrong-pin-en")
    page.locator("#secret-0").fill(PIN)
    page.keyboard.press("Enter")
    keep_code(page)
    expect(page.locator("#done-title")).to_be_focused()
    guest.picture("lost-done-en")
    press(page, '[data-step="done"] [data-sign-in]')
    page.wait_for_url("**/keys")
    expect(page.locator("article .state").first).to_have_text("Active")
