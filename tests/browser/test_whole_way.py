"""The whole way through the real server in real Chromium: an officer, a signer, a signed PDF, a new PIN, and the mails
about it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import preview_data
import pytest
from playwright.sync_api import Browser, Page, expect
from visitor import Visitor, at_the_browser

from rigs.mail_server import Mailbox, mail_server
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)

PIN = "correct horse 7"
NEW_PIN = "battery staple 9"
NAME = "業務委託契約書.pdf"
TOLD = {
    "登録担当者が登録": 1,
    "鍵を作成": 1,
    "PINまたはリカバリーコードの誤り": 1,
    "承認を拒否": 1,
    "パスキーとPINで承認": 2,
    "署名済み": 2,
    "リカバリーコードでPINを再設定": 1,
}
"""What the history says after the whole way, and how often."""


MAILS = {
    "A new key was made for you": 1,
    "A use of your key was refused": 1,
    "Your key signed": 2,
    "Your recovery code was used": 1,
    "You are told of uses of your key no more": 1,
}
"""What the signer was told by mail meanwhile."""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def server(tmp_path: Path, mailbox: Mailbox) -> WholeServer:
    """An installation of this test's own, because its officer's one-time link is spent here."""
    made = WholeServer.make(tmp_path / "n")
    notices = f'[notices]\nhost = "127.0.0.1"\nport = {mailbox.port}\nsecurity = "none"\nsender = "n@example.jp"\n'
    with (made.folder / "config.toml").open("a") as configuration:
        configuration.write(f"\n{notices}")
    return made


def become_officer(officer: Visitor, token: str) -> None:
    page = officer.go(f"/officer/enrol#{token}")
    page.locator("[data-register]").click()
    page.locator('[data-step="done"] [data-sign-in]').click()
    page.wait_for_url("**/officer")
    officer.picture("whole-1-officer")


def invite(officer: Visitor) -> str:
    """Register a person and return the path of the invitation with its token."""
    page = officer.page
    page.locator("#common_name").fill("山田 太郎")
    page.locator("#organization").fill("例示商事株式会社")
    page.locator("#email").fill("taro@example.jp")
    page.locator("#evidence_reference").fill("台帳 2026-117")
    page.locator("[data-person] button[type=submit]").click()
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    officer.picture("whole-2-approve")
    page.locator("[data-approve]").click()
    link = page.locator("#invitation")
    expect(link).to_have_value(re.compile(r"/enrol#."))
    return link.input_value().removeprefix(officer.origin)


def enrol(signer: Visitor, path: str) -> str:
    """Enrol and return the recovery code."""
    page = signer.go(path)
    expect(page.locator("[data-subject=organization]")).to_have_text("例示商事株式会社")
    page.locator("[data-begin]").click()
    page.locator("[data-register]").click()
    code = choose_secrets(page, PIN)
    signer.picture("whole-3-enrolled")
    return code


def choose_secrets(page: Page, pin: str) -> str:
    """The steps of the PIN and the recovery code; returns the code."""
    page.locator("#new-pin").fill(pin)
    page.locator("#repeat-pin").fill(pin)
    page.keyboard.press("Enter")
    groups = page.locator("[data-recovery-code] > span").all_inner_texts()
    page.locator("#last-group").fill(groups[-1])
    page.keyboard.press("Enter")
    expect(page.locator('[data-step="done"]')).to_be_visible()
    return "-".join(groups)


def upload_and_place(signer: Visitor) -> None:
    page = signer.go("/documents")
    given = {"name": NAME, "mimeType": "application/pdf", "buffer": preview_data.contract()}
    page.locator("#file").set_input_files(given)
    page.wait_for_url(re.compile(r"/documents/[^/]+$"))
    expect(page.locator("[data-bytes-check]")).to_contain_text("✓")
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    page.locator("[data-after-reading]").click()
    page.locator("[data-reading-notice] button").last.click()
    page.locator("#mark-left").fill("150")
    page.locator("#mark-top").fill("96")
    page.locator("#reason").fill("契約の締結")
    page.keyboard.press("Enter")
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()


def approve(signer: Visitor, pin: str) -> None:
    page = signer.page
    page.locator("#pin").fill(pin)
    page.keyboard.press("Enter")


def download(page: Page, link: str) -> bytes:
    with page.expect_download() as begun:
        page.locator(f'.panel a[href$="{link}"]').click()
    return Path(begun.value.path()).read_bytes()


def verify(stranger: Visitor, signed: bytes, receipt: bytes) -> None:
    """Anyone may verify, without signing in."""
    page = stranger.go("/verify")
    page.locator("#pdf").set_input_files({"name": "s.pdf", "mimeType": "application/pdf", "buffer": signed})
    page.locator("#receipt").set_input_files({"name": "s.tlog-proof", "mimeType": "text/plain", "buffer": receipt})
    page.locator("[data-verify] button[type=submit]").click()
    expect(page.locator("[data-verdict] > .notice.good")).to_be_visible()
    expect(page.locator(".verdict-lines .state.good")).to_have_count(6)
    stranger.picture("whole-7-verified")


def test_an_officer_invites_a_person_signs_anyone_verifies(
    browser: Browser, server: WholeServer, mailbox: Mailbox
) -> None:
    server.start()
    try:
        with at_the_browser(browser, server.origin, "ja") as officer:
            become_officer(officer, server.token)
            invitation = invite(officer)
        with at_the_browser(browser, server.origin, "ja") as signer:
            recovery_code = enrol(signer, invitation)
            sign_and_check(browser, signer, server)
            reset_pin(signer, recovery_code)
            upload_and_place(signer)
            approve(signer, NEW_PIN)
            expect(signer.page.locator("#signed-title")).to_be_visible()
            look_around(signer)
            choose_notices(signer)
            wait_for_mails(mailbox)
    finally:
        server.stop()


def sign_and_check(browser: Browser, signer: Visitor, server: WholeServer) -> None:
    page = signer.page
    upload_and_place(signer)
    signer.picture("whole-4-approve")
    approve(signer, "not the PIN 1")
    expect(page.locator("[data-approve] .notice.bad strong").last).to_contain_text("9")
    approve(signer, PIN)
    expect(page.locator("#signed-title")).to_be_visible()
    expect(page.locator("[data-bytes-check]")).to_contain_text("✓")
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    page.locator("#page-number").fill("4")
    page.keyboard.press("Enter")
    expect(page.locator('[data-page="4"][data-drawn=done]')).to_be_attached()
    signer.picture("whole-5-signed")
    signed, receipt = download(page, "/signed"), download(page, "/receipt")
    assert download(page, "/content") == preview_data.contract()
    assert b"record" in download(page, "/evidence")
    with at_the_browser(browser, server.origin, "en") as stranger:
        verify(stranger, signed, receipt)


def reset_pin(signer: Visitor, recovery_code: str) -> None:
    page = signer.go("/keys")
    signer.picture("whole-6-keys")
    page.locator('a[href$="/pin"]').click()
    page.locator("#recovery-code").fill(recovery_code.lower())
    page.keyboard.press("Enter")
    choose_secrets(page, NEW_PIN)


def choose_notices(signer: Visitor) -> None:
    """The person is told of uses no more."""
    page = signer.go("/account")
    box = page.get_by_label("鍵を使うたびにも知らせる")
    expect(box).to_be_checked()
    signer.picture("whole-8-notices")
    box.uncheck()
    page.get_by_role("button", name="保存", exact=True).click()
    page.wait_for_load_state()
    expect(page.get_by_label("鍵を使うたびにも知らせる")).not_to_be_checked()


def wait_for_mails(mailbox: Mailbox) -> None:
    """web looks and sends every ten seconds."""
    deadline = time.monotonic() + 60
    while len(mailbox.taken) < sum(MAILS.values()) and time.monotonic() < deadline:
        time.sleep(0.2)
    told = [subject.partition("[Natsuin] ")[2] for subject in mailbox.subjects("taro@example.jp")]
    assert {subject: told.count(subject) for subject in told} == MAILS


def look_around(signer: Visitor) -> None:
    """The history tells all that happened to the key; after signing out nothing is shown, and signing in leads back."""
    page = signer.go("/history")
    for words, times in TOLD.items():
        expect(page.locator("tbody td", has_text=re.compile(f"^\\W*{words}"))).to_have_count(times)
    expect(page.locator("tbody tr", has_text="署名済み").first).to_contain_text(NAME)
    signer.picture("whole-8-history")
    page.locator("[data-sign-out]").click()
    expect(page.locator("[data-sign-in]")).to_be_visible()
    page = signer.go("/history?before=9")
    expect(page.locator("[data-sign-in]")).to_be_visible()
    page.locator("[data-sign-in]").click()
    page.wait_for_url("**/history")
    expect(page.locator("[data-sign-out]")).to_be_visible()
