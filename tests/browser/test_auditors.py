"""An auditor at the browser, in real Chromium before a real server: reading, opening, plots, files, by the keyboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visitor import Visitor, at_the_browser

from natsuin.sam.process import invite_officer
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WholeServer]:
    made = WholeServer.make(tmp_path / "n")
    made.auditor = invite_officer(made.config, "監査 花子", roles=("auditor",))  # type: ignore[attr-defined]
    yield made.start()
    made.stop()


def begin(visitor: Visitor, purpose: str) -> None:
    """A reading, from the page on which it is begun to the one that was asked for."""
    page = visitor.page
    expect(page.locator("#purpose")).to_be_enabled()
    page.locator("#purpose").fill(purpose)
    page.keyboard.press("Enter")
    expect(page.locator("#approve-title")).to_be_focused()
    expect(page.locator("[data-approval-facts]")).to_contain_text(purpose)
    page.locator("[data-approve]").press("Enter")
    expect(page.locator("table tbody").first).to_be_visible()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_auditor_reads_opens_and_saves(browser: Browser, server: WholeServer, language: str) -> None:
    with at_the_browser(browser, server.origin, language) as auditor:
        page = auditor.go(f"/officer/enrol#{server.auditor}")  # type: ignore[attr-defined]
        expect(page.locator("[data-for-role=auditor]").first).to_be_visible()
        expect(page.locator("[data-for-role=registration-officer]").first).to_be_hidden()
        auditor.picture(f"auditor-enrol-{language}")
        page.locator("[data-register]").click()
        page.locator('[data-step="done"] [data-sign-in]').click()
        page.wait_for_url("**/auditor/log")
        auditor.picture(f"auditor-begin-{language}")
        begin(auditor, "年次監査 2026")
        expect(page.locator("html")).to_have_attribute("lang", language)
        auditor.picture(f"auditor-log-{language}")
        search_and_open(auditor, language)
        with page.expect_download() as saved:
            page.locator('a[href^="/api/auditor/entries.jsonl"]').press("Enter")
        lines = [json.loads(line) for line in Path(saved.value.path()).read_text().splitlines()]
        assert {line["entry"]["type"] for line in lines} == {"officer-registered"}
        plots(auditor, language)
        page = auditor.go("/auditor/log")
        expect(page.locator("details", has_text="audit-read").first).to_be_attached()
        page.locator("[data-end-reading]").press("Enter")
        page.wait_for_url("**/auditor")
        expect(auditor.go("/auditor/log").locator("#purpose")).to_be_enabled()


def search_and_open(auditor: Visitor, language: str) -> None:
    """By type, and then what the entry commits to."""
    page = auditor.page
    expect(page.locator("#kind")).to_be_enabled()
    page.locator("#kind").select_option("officer-registered")
    page.locator("#said").press("Enter")
    page.wait_for_url(re.compile(r"/auditor/log\?kind=officer-registered$"))
    expect(page.locator("table tbody")).to_have_count(1)
    page.locator("summary").first.press("Enter")
    page.locator("table [data-open]").press("Enter")
    expect(page.locator("[id^=opened-] dt")).to_have_text("officer")
    expect(page.locator("[id^=opened-] dd")).to_contain_text("監査 花子")
    auditor.picture(f"auditor-opened-{language}")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    auditor.picture(f"auditor-opened-{language}-360")
    page.set_viewport_size({"width": 1280, "height": 860})
    page.locator(".actions [data-open]").first.press("Enter")
    expect(page.locator("[data-status] .notice.good")).to_be_visible()


def plots(auditor: Visitor, language: str) -> None:
    """Each plot has a name that is read out, and its numbers stand in the table beside it."""
    page = auditor.go("/auditor/activity")
    expect(page.get_by_role("img")).to_have_count(5)
    for plot in page.locator("figure.plot").all():
        name = plot.locator("figcaption span").first.inner_text()
        expect(plot.get_by_role("img", name=name)).to_be_visible()
    bar = page.locator("rect.all").last
    number = (bar.locator("title").text_content() or "").rpartition(": ")[2]
    expect(page.locator("table").first.locator("tbody tr").first.locator("td").first).to_have_text(number)
    auditor.picture(f"auditor-activity-{language}")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    auditor.picture(f"auditor-activity-{language}-360")
    page.set_viewport_size({"width": 1280, "height": 860})
    page.locator('nav a[href="?days=364"]').press("Enter")
    expect(page.locator('nav a[aria-current="page"]').last).to_have_attribute("href", "?days=364")
