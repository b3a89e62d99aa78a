"""What several people approve, in real Chromium: pages before a server that pretends, acts before a real one."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import preview_shared
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Browser, Page, Route, expect
from visitor import PreviewVisitor, Visitor, at_the_browser

from natsuin import base64url
from natsuin.sam.process import invite_officer
from rigs.key_copies import lose_key
from rigs.key_envelopes import ImportingAuthority, key_file, name_of, secret_of
from rigs.whole_server import PERSON, PIN, WholeServer

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_and_speaks_the_language(visitor: PreviewVisitor, language: str, width: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 800})
    for path in preview_shared.PATHS:
        page = visitor.go(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        for field in page.locator("form :is(input, select, button)").all():
            expect(field).to_be_enabled()
        visitor.picture(f"{path.strip('/').replace('/', '-')}-{language}-{width}")


@pytest.fixture
def authority() -> ImportingAuthority:
    return ImportingAuthority()


@pytest.fixture
def server(tmp_path: Path, authority: ImportingAuthority) -> Iterator[WholeServer]:
    """An installation with two officers invited, that takes in keys."""
    made = WholeServer.make(tmp_path / "n")
    made.second = invite_officer(made.config, "Second officer")  # type: ignore[attr-defined]
    (made.folder / "authorities.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    with (made.folder / "config.toml").open("a") as file:
        file.write('\n[keys]\nimport_from = "authorities.pem"\n')
    yield made.start()
    made.stop()


def become_officer(visitor: Visitor, token: str) -> None:
    page = visitor.go(f"/officer/enrol#{token}")
    page.locator("[data-register]").click()
    page.locator('[data-step="done"] [data-sign-in]').click()
    page.wait_for_url("**/officer")


def enrol_signer(officer: Visitor, signer: Visitor) -> None:
    page = officer.go("/officer")
    for name in ("common_name", "organization", "email"):
        page.locator(f"#{name}").fill(str(PERSON[name]))
    page.locator("#evidence_reference").fill("12")
    page.locator("#algorithm").select_option("p-256")
    page.locator("[data-person] button[type=submit]").click()
    page.locator("[data-approve]").click()
    expect(page.locator("#invitation")).to_have_value(re.compile(r"/enrol#."))
    link = page.locator("#invitation").input_value().removeprefix(officer.origin)
    page = signer.go(link)
    page.locator("[data-begin]").click()
    page.locator("[data-register]").click()
    page.locator("#new-pin").fill(PIN)
    page.locator("#repeat-pin").fill(PIN)
    page.keyboard.press("Enter")
    keep_code(page)
    expect(page.locator('[data-step="done"]')).to_be_visible()


def keep_code(page: Page) -> None:
    page.locator("#last-group").fill(page.locator("[data-recovery-code] > span").all_inner_texts()[-1])
    page.keyboard.press("Enter")


def approve(visitor: Visitor, name: str) -> str:
    """The approval's step by the keyboard; what the page says afterwards."""
    page = visitor.page
    expect(page.locator("#approve-title")).to_be_focused()
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    visitor.picture(f"shared-{name}-approve")
    page.locator("[data-approve]").press("Enter")
    expect(page.locator("[data-outcome] .notice.good")).to_be_visible()
    expect(page.locator("#done-title")).to_be_focused()
    return page.locator("[data-outcome]").inner_text()


def go_on(page: Page) -> None:
    button = page.locator("[data-begin] button[type=submit]")
    expect(button).to_be_enabled()
    button.press("Enter")


def second_approves(second: Visitor, name: str) -> str:
    page = second.go("/officer/archives")
    row = page.locator("[data-waiting]").filter(has_text="your turn")
    second.picture(f"shared-{name}-queue")
    row.locator("a").first.press("Enter")
    page.wait_for_url("**/officer/waiting/*")
    go_on(page)
    return approve(second, f"{name}-second")


def test_a_lost_key_comes_back(browser: Browser, server: WholeServer) -> None:
    origin = server.origin
    with (
        at_the_browser(browser, origin, "en") as officer,
        at_the_browser(browser, origin, "en") as second,
        at_the_browser(browser, origin, "en") as signer,
    ):
        become_officer(officer, server.token)
        become_officer(second, server.second)  # type: ignore[attr-defined]
        enrol_signer(officer, signer)
        page = officer.go("/officer/keys")
        page.locator("table tbody a").first.press("Enter")
        page.wait_for_url("**/officer/keys/*")
        key_id = page.url.rpartition("/")[2]
        page.locator('a[href^="/officer/archives/new"]').press("Enter")
        go_on(page)
        assert "Second officer" in approve(officer, "archive-first")
        assert "made: 1" in second_approves(second, "archive")
        expect(signer.go("/keys").locator("article").first).to_contain_text("1 copy")
        lose_key(server.folder / "sam" / "db2.sqlite", key_id)
        restore(officer, second, signer)
        page = signer.go("/keys")
        expect(page.locator("article .state").first).to_have_text("Active")
        expect(page.locator("[data-waiting]")).to_have_count(0)


def restore(officer: Visitor, second: Visitor, signer: Visitor) -> None:
    page = officer.go("/officer/archives")
    page.locator('tbody a[href^="/officer/archives/"]').first.press("Enter")
    page.wait_for_url(re.compile(r"/officer/archives/[0-9a-f]{32}$"))
    refuse_another_record(page)
    go_on(page)
    assert "Second officer" in approve(officer, "restore-first")
    second_approves(second, "restore")
    page = signer.go("/keys")
    signer.picture("shared-keys-waiting")
    page.locator("[data-waiting] a").press("Enter")
    page.wait_for_url("**/waiting/*")
    go_on(page)
    expect(page.locator("#pin")).to_be_focused()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    assert "back" in approve(signer, "restore-owner")


def refuse_another_record(page: Page) -> None:
    """A server that shows one archive and has another one approved is found before the passkey is asked."""
    told: list[str] = []

    def lie(route: Route) -> None:
        answer = route.fetch()
        content = answer.json()
        told.append(content["act_id"])
        record = json.loads(content["record"])
        content["record"] = json.dumps({**record, "archive": "0" * 32}, separators=(",", ":"), sort_keys=True)
        route.fulfill(response=answer, json=content)

    page.route("**/restore", lie)
    go_on(page)
    expect(page.locator("[data-begin] .notice.bad")).to_be_visible()
    expect(page.locator("[data-approve]")).not_to_be_visible()
    assert len(told) == 1
    page.unroute("**/restore")


def test_a_key_made_elsewhere_is_taken_in(
    browser: Browser, server: WholeServer, authority: ImportingAuthority, tmp_path: Path
) -> None:
    with (
        at_the_browser(browser, server.origin, "en") as officer,
        at_the_browser(browser, server.origin, "ja") as signer,
    ):
        become_officer(officer, server.token)
        enrol_signer(officer, signer)
        page = officer.go("/officer/keys")
        page.locator("table tbody a").first.press("Enter")
        page.locator('a[href$="/import"]').press("Enter")
        page.wait_for_url("**/import")
        go_on(page)
        expect(page.locator("#envelope")).to_have_attribute("aria-invalid", "true")
        file = tmp_path / "envelope"
        file.write_bytes(envelope(server, authority, user_id=page.locator("[data-about]").get_attribute("data-user")))
        page.locator("#envelope").set_input_files(file)
        go_on(page)
        assert "山田" in approve(officer, "import-officer")
        page = signer.go("/keys")
        page.locator("[data-waiting] a").press("Enter")
        page.wait_for_url("**/waiting/*")
        page.locator("#pin").fill(PIN)
        page.keyboard.press("Enter")
        keep_code(page)
        approve(signer, "import-owner")
        page = signer.go("/keys")
        expect(page.locator("article")).to_have_count(2)
        expect(page.locator("article").first).to_contain_text("CN=Outside CAから取り込み")
        signer.picture("shared-keys-imported")


def envelope(server: WholeServer, authority: ImportingAuthority, *, user_id: str | None) -> bytes:
    """What an authority makes of what `natsuin import facts` prints."""
    command = [sys.executable, "-m", "natsuin.cli", "import", "facts", "--config", str(server.folder / "config.toml")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify(key.public_key(), name_of(PERSON["common_name"], PERSON["organization"]))
    header = authority.header(origin=told["origin"], log=told["log"], user=user_id)
    secret = secret_of(key_file(key, certificate))
    return authority.sign(authority.content(header, secret, base64url.decode(told["import_key"])))
