"""Keys after they were made, in real Chromium: the pages before a server that pretends, the acts before a real one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import preview_keys
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from visitor import PreviewVisitor, Visitor, at_the_browser

from natsuin.cli.demo.visitor import Visitor as Program
from rigs.whole_server import PERSON, PIN, WholeServer

pytestmark = pytest.mark.timeout(600)

NEW_PIN = "battery staple 9"
PAGES = [
    "/keys",
    *(f"/keys/k1/{act}" for act in (*preview_keys.ACTS, "resume")),
    "/officer/keys",
    "/officer/keys/k1",
    "/officer/keys/k4",
    "/officer/keys/k6",
    "/officer/keys/k8",
]
SECOND_DEVICE = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [360, 760, 1280])
def test_every_page_about_keys_fits_and_speaks_the_language(visitor: PreviewVisitor, language: str, width: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        page = visitor.go(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        for field in page.locator("form :is(input, select, button)").all():
            expect(field).to_be_enabled()
        visitor.picture(f"{path.strip('/').replace('/', '-')}-{language}-{width}")


def test_a_revocation_needs_a_reason_and_the_word_typed(visitor: PreviewVisitor) -> None:
    page = visitor.go("/keys/k1/revoke")
    page.locator("[data-begin] button[type=submit]").press("Enter")
    expect(page.locator("[data-begin] .notice.bad")).to_be_visible()
    expect(page.locator("#reason")).to_be_focused()
    page.locator("#reason").select_option("keyCompromise")
    page.locator("#confirmation").fill("廃棄")
    page.keyboard.press("Enter")
    expect(page.locator("#confirmation")).to_be_focused()
    expect(page.locator("#confirmation")).to_have_attribute("aria-invalid", "true")
    assert not [request for request in visitor.preview.requests if "act" in request]


def test_a_certificate_request_is_saved_as_a_file(visitor: PreviewVisitor) -> None:
    for path in ("/keys", "/officer/keys/k6"):
        page = visitor.go(path)
        with page.expect_download() as begun:
            page.locator("[data-save-request]").click()
        assert begun.value.suggested_filename == "certificate-request.csr"
        assert Path(begun.value.path()).read_text() == preview_keys.REQUEST


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WholeServer]:
    """An installation of each test's own, because its officer's one-time link is spent here."""
    running = WholeServer.make(tmp_path / "n").start()
    yield running
    running.stop()


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
    """The step of the recovery code, by the keyboard."""
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


def begin(visitor: Visitor, act: str, *, pin: str = "") -> Page:
    """From My keys to the act's page by its link, then on from its first step; by the keyboard alone."""
    page = visitor.go("/keys")
    page.locator(f'article:first-of-type a[href*="/{act}"]').first.press("Enter")
    page.wait_for_url(f"**/{act}*")
    if pin:
        page.locator("#pin").fill(pin)
        page.keyboard.press("Enter")
    return page


def approve(visitor: Visitor, name: str) -> None:
    page = visitor.page
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    expect(page.locator("#approve-title")).to_be_focused()
    visitor.picture(f"act-{name}-approve")
    page.locator("[data-approve]").press("Enter")


def done(visitor: Visitor, name: str) -> None:
    expect(visitor.page.locator("[data-outcome] .notice.good")).to_be_visible()
    expect(visitor.page.locator("#done-title")).to_be_focused()
    visitor.picture(f"act-{name}-done")


def state(visitor: Visitor) -> str:
    return visitor.go("/keys").locator("article:first-of-type .state").first.inner_text()


def test_an_owner_does_everything_with_a_key(browser: Browser, server: WholeServer) -> None:
    with at_the_browser(browser, server.origin, "en") as officer:
        become_officer(officer, server.token)
        link = invitation(officer)
    with at_the_browser(browser, server.origin, "en") as signer:
        enrol(signer, link)
        suspend_and_resume(signer)
        change_pin(signer)
        add_and_remove_a_passkey(signer)
        renew(signer)
        destroy(signer)


def suspend_and_resume(signer: Visitor) -> None:
    for act, after in (("suspend", "Suspended"), ("resume", "Active")):
        page = begin(signer, act)
        page.locator("[data-begin] button[type=submit]").press("Enter")
        approve(signer, act)
        done(signer, act)
        assert state(signer) == after


def change_pin(signer: Visitor) -> None:
    page = begin(signer, "change-pin", pin="wrong horse 7")
    for field in ("#new-pin", "#repeat-pin"):
        page.locator(field).fill(NEW_PIN)
    page.keyboard.press("Enter")
    approve(signer, "change-pin")
    expect(page.locator("[data-begin] .notice.bad")).to_contain_text("9 tries left")
    expect(page.locator("#pin")).to_be_focused()
    signer.picture("act-change-pin-wrong")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    for field in ("#new-pin", "#repeat-pin"):
        page.locator(field).fill(NEW_PIN)
    page.keyboard.press("Enter")
    approve(signer, "change-pin")
    done(signer, "change-pin")


def add_and_remove_a_passkey(signer: Visitor) -> None:
    page = begin(signer, "add-passkey", pin=NEW_PIN)
    page.locator("[data-register]").press("Enter")
    # The device at hand has a passkey of this key already, so the browser makes none there.
    expect(page.locator('[data-step="device"] .notice.bad')).to_be_visible()
    signer.devices.send("WebAuthn.addVirtualAuthenticator", {"options": SECOND_DEVICE})
    page.locator("[data-register]").press("Enter")
    keep_code(page)
    approve(signer, "add-passkey")
    done(signer, "add-passkey")
    page = signer.go("/keys")
    expect(page.locator(".passkeys > li")).to_have_count(2)
    signer.picture("keys-two-passkeys")
    save_the_statement(signer)
    # The first device is lost: the second one approves that its passkey goes.
    signer.devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": signer.authenticator})
    begin(signer, "remove-passkey", pin=NEW_PIN)
    keep_code(page)
    approve(signer, "remove-passkey")
    done(signer, "remove-passkey")
    expect(signer.go("/keys").locator(".passkeys > li")).to_have_count(1)


def save_the_statement(signer: Visitor) -> None:
    """The whole file arrives, and it holds what was done until now."""
    page = signer.go("/keys")
    button = page.locator("[data-statement]").first
    button.focus()
    with page.expect_download() as begun:
        button.press("Enter")
    told = json.loads(Path(begun.value.path()).read_text())
    kinds = [json.loads(entry["entry"])["type"] for entry in told["entries"]]
    assert told["key"] == button.get_attribute("data-statement")
    assert kinds[0] == "key-created"
    assert {"pin-changed", "passkeys-changed"} <= set(kinds)
    assert kinds[-1] == "key-stated"
    expect(page.locator(f"#statement-{told['key']} .notice.good")).to_be_visible()
    signer.picture("keys-statement")


def renew(signer: Visitor) -> None:
    page = begin(signer, "renew", pin=NEW_PIN)
    keep_code(page)
    approve(signer, "renew")
    done(signer, "renew")
    page = signer.go("/keys")
    expect(page.locator("article")).to_have_count(2)
    assert page.locator("article .state").all_inner_texts() == ["Active", "Destroyed"]


def destroy(signer: Visitor) -> None:
    page = begin(signer, "destroy")
    page.locator("#confirmation").fill("destroy")
    page.keyboard.press("Enter")
    approve(signer, "destroy")
    done(signer, "destroy")
    assert state(signer) == "Destroyed"


def test_an_officer_suspends_and_revokes_by_their_own_passkey(browser: Browser, server: WholeServer) -> None:
    with at_the_browser(browser, server.origin, "ja") as officer:
        become_officer(officer, server.token)
        program = Program(server.origin)
        program.enrol(f"{server.origin}{invitation(officer)}", PIN)
        page = officer.go("/officer/keys")
        page.locator("#filter-name").fill("山田")
        page.keyboard.press("Enter")
        page.wait_for_url("**/officer/keys?name=*")
        officer.picture("officer-keys-found")
        page.locator("table a").first.press("Enter")
        for act, reason in (("suspend", ""), ("revoke", "affiliationChanged")):
            page.locator("#act").select_option(act)
            if reason:
                page.locator("#reason").select_option(reason)
            page.locator("#note").fill("書類を確認中")
            page.keyboard.press("Enter")
            approve(officer, f"officer-{act}")
            done(officer, f"officer-{act}")
            page.locator('[data-step="done"] .button.main').press("Enter")
        expect(page.locator("h1 + .state")).to_have_text("失効")
        expect(page.locator("[data-begin]")).to_have_count(0)
        assert program.get("/api/keys")["keys"][0]["state"] == "revoked"
        refuse_another_record(officer, program, server)


def refuse_another_record(officer: Visitor, program: Program, server: WholeServer) -> None:
    """A server that shows one thing and has another one signed is found before the passkey is asked."""
    second = Program(server.origin)
    second.enrol(f"{server.origin}{invitation(officer)}", PIN)
    key_id = second.get("/api/keys")["keys"][0]["key_id"]
    page = officer.go(f"/officer/keys/{key_id}")
    told: list[str] = []

    def lie(route: Route) -> None:
        told.append(route.request.method)
        answer = route.fetch(post_data=json.dumps({"act": "revoke", "reason": "unspecified", "note": ""}))
        route.fulfill(response=answer)

    page.route("**/acts", lie)
    page.locator("#act").select_option("suspend")
    page.locator("[data-begin] button[type=submit]").press("Enter")
    expect(page.locator("[data-begin] .notice.bad")).to_be_visible()
    expect(page.locator("[data-approve]")).not_to_be_visible()
    assert told == ["POST"]
    assert second.get("/api/keys")["keys"][0]["state"] == "active"
    second.close()
    program.close()
