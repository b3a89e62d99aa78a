"""Officers among themselves, in real Chromium before a real server: naming, stopping, removing, by two of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from visitor import Visitor, at_the_browser

from natsuin.sam.process import invite_officer
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WholeServer]:
    made = WholeServer.make(tmp_path / "n")
    made.second = invite_officer(made.config, "鈴木 一郎")  # type: ignore[attr-defined]
    yield made.start()
    made.stop()


def become_officer(visitor: Visitor, link: str) -> Page:
    page = visitor.go(link)
    page.locator("[data-register]").click()
    page.locator('[data-step="done"] [data-sign-in]').click()
    page.wait_for_url("**/officer")
    return page


def approve(visitor: Visitor, picture: str) -> None:
    """From the form to the end, by the keyboard."""
    page = visitor.page
    button = page.locator("[data-begin] button[type=submit]")
    expect(button).to_be_enabled()
    button.press("Enter")
    expect(page.locator("#approve-title")).to_be_focused()
    visitor.picture(picture)
    page.locator("[data-approve]").press("Enter")
    expect(page.locator("#done-title")).to_be_focused()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_two_officers_name_a_third_stop_signing_and_let_it_go_on(
    browser: Browser, server: WholeServer, language: str
) -> None:
    with (
        at_the_browser(browser, server.origin, language) as first,
        at_the_browser(browser, server.origin, language) as second,
        at_the_browser(browser, server.origin, language) as third,
    ):
        become_officer(first, f"/officer/enrol#{server.token}")
        become_officer(second, f"/officer/enrol#{server.second}")  # type: ignore[attr-defined]
        page = first.go("/officer/officers")
        first.picture(f"officers-{language}")
        page.locator('a[href$="act=name-officer"]').click()
        page.locator("#name").fill("高橋 次郎")
        page.locator('[data-role][value="registration-officer"]').check()
        approve(first, f"officers-approve-{language}")
        expect(page.locator("[data-link]")).to_be_hidden()
        page = second.go("/officer/officers")
        second.picture(f"officers-waiting-{language}")
        page.locator("[data-waiting] a").click()
        expect(page.locator("h1 + .lede")).to_have_text("高橋 次郎")
        second.picture(f"officers-second-{language}")
        approve(second, f"officers-second-approve-{language}")
        second.picture(f"officers-link-{language}")
        link = page.locator("[data-link-text]").inner_text()
        become_officer(third, link.removeprefix(server.origin))

        first.go("/officer/officers/new?act=stop-signing").locator("#note").fill("訓練")
        first.picture(f"officers-stop-{language}")
        approve(first, f"officers-stop-approve-{language}")
        expect(first.go("/officer/officers").locator("[data-stop]")).to_contain_text("訓練")
        first.picture(f"officers-stopped-{language}")
        expect(first.go("/officer/service").locator("[data-warning=signing-stopped]")).to_be_visible()
        first.picture(f"officers-service-{language}")
        first.go("/officer/officers").locator("[data-stop] a").click()
        approve(first, f"officers-resume-approve-{language}")
        page = second.go("/officer/officers")
        page.locator("[data-waiting] a").click()
        approve(second, f"officers-resume-second-{language}")
        expect(second.go("/officer/officers").locator("[data-stop]")).to_have_count(0)

        page = first.go("/officer/officers")
        page.locator('main a[href$="act=disclose-entries"]').click()
        page.locator("#entries").fill(newest_tx(server))
        page.locator("#fields").fill("officer")
        page.locator("#note").fill("監査人のため")
        first.picture(f"officers-disclose-{language}")
        approve(first, f"officers-disclose-approve-{language}")
        page = second.go("/officer/officers")
        page.locator("[data-waiting] a").click()
        approve(second, f"officers-disclose-second-{language}")
        second.picture(f"officers-disclosed-{language}")
        with page.expect_download() as saved:
            page.locator("[data-save]").click()
        assert "natsuin-disclosure/v1" in Path(saved.value.path()).read_text(encoding="utf-8")


def newest_tx(server: WholeServer) -> str:
    """Of the entry about an officer's registration."""
    vkey = (server.config.file.parent / "log.vkey").read_text().strip()
    words = ["log", "find", str(server.config.sam.log_folder), "--vkey", vkey, "--type", "officer-registered", "--json"]
    found = subprocess.run([sys.executable, "-m", "natsuin.cli", *words], capture_output=True, text=True, check=True)
    return str(json.loads(found.stdout.splitlines()[-1])["entry"]["tx"])
