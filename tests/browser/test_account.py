"""The account page in a real browser, before the whole server: a name for a passkey, and a session ended from afar."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect
from test_whole_way import become_officer
from visitor import Visitor, at_the_browser

from natsuin.authentication.tables import session
from natsuin.storage import open_database
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)


def lend_passkeys(owner: Visitor, borrower: Visitor) -> None:
    """Put the owner's passkeys on the borrower's device, as a synced account would."""
    held = owner.devices.send("WebAuthn.getCredentials", {"authenticatorId": owner.authenticator})["credentials"]
    for credential in held:
        # A counter that went on elsewhere would look like a copy of the device.
        given = {**credential, "signCount": credential["signCount"] + 10}
        given = {name: given[name] for name in given if name in _NEEDED}
        borrower.devices.send(
            "WebAuthn.addCredential", {"authenticatorId": borrower.authenticator, "credential": given}
        )


_UNTIL_NOT_FRESH = """async () => {
  const body = JSON.stringify({ credential_id: "AAAA", name: "" });
  const headers = { "X-Natsuin": "1", "Content-Type": "application/json" };
  const ask = async () => (await fetch("/api/account/passkey-name", { method: "POST", headers, body })).status;
  while (await ask() !== 403) await new Promise((resolve) => setTimeout(resolve, 100));
}"""
_NEEDED = {"credentialId", "isResidentCredential", "rpId", "privateKey", "userHandle", "signCount"}


def asked_again(person: Visitor, server: WholeServer) -> None:
    """Ten minutes after the sign-in a new name needs the passkey: the page asks for it and goes on by itself."""
    page = person.go("/account")
    database = open_database(server.config.web.database, name="web")
    with database.write() as connection:
        connection.execute(sa.update(session).values(created_at=session.c.created_at - 600_000))
    database.close()
    page.evaluate(_UNTIL_NOT_FRESH)  # web may remember a session for two seconds
    before = {one["name"]: one["value"] for one in page.context.cookies()}["natsuin_session"]
    page.get_by_label("Your name for it").fill("Asked again")
    page.get_by_role("button", name="Save the name").click()
    expect(page.locator("[data-passkey] h3")).to_have_text("Asked again")
    after = {one["name"]: one["value"] for one in page.context.cookies()}["natsuin_session"]
    assert before != after


def test_a_person_names_a_passkey_and_ends_another_session(browser: Browser, tmp_path: Path) -> None:
    server = WholeServer.make(tmp_path / "n").start()
    try:
        with (
            at_the_browser(browser, server.origin, "en") as here,
            at_the_browser(browser, server.origin, "ja") as there,
        ):
            become_officer(here, server.token)
            asked_again(here, server)
            lend_passkeys(here, there)
            there.go("/?next=/account")
            there.page.locator("[data-sign-in]").click()
            there.page.wait_for_url("**/account")
            expect(there.page.locator("[data-session]")).to_have_count(2)
            there.picture("account-ja")

            page = here.go("/account")
            page.get_by_label("Your name for it").fill("Desk <key>")
            page.get_by_role("button", name="Save the name").click()
            expect(page.locator("[data-passkey] h3")).to_have_text("Desk <key>")
            here.picture("account-en")
            page.get_by_role("button", name="End this session").click()
            expect(page.locator("[data-session]")).to_have_count(1)
            expect(page.get_by_role("button", name="End all others")).to_have_count(0)

            there.go("/account")
            expect(there.page.locator("[data-sign-in]")).to_be_visible()
            assert (here.faults, there.faults) == ([], [])
    finally:
        server.stop()
