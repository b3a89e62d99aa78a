"""An application on another site asks, in a real browser: the session's cookie does not travel with the first request,
and yet the person sees what is asked, approves it, and is brought back."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import preview_data
import pytest
from playwright.sync_api import Browser, Route, expect
from test_whole_way import PIN, become_officer, enrol, invite
from visitor import Visitor, at_the_browser

from natsuin.authentication.oauth import SERVICE, Clients, NewClient, Registered, Switch
from natsuin.clock import SystemClock
from natsuin.storage import open_database
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)

VERIFIER = "v" * 64
SHA256 = "2.16.840.1.101.3.4.2.1"
DIGESTS = [hashlib.sha256(name.encode()).digest() for name in ("first", "second")]


@pytest.fixture
def site() -> Iterator[str]:
    """Another site than the service's: a page with nothing on it, at 127.0.0.1 instead of localhost."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>App</title><p>The application.</p>")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def test_an_application_of_another_site_is_answered(browser: Browser, tmp_path: Path, site: str) -> None:
    server = WholeServer.make(tmp_path / "n").start()
    try:
        database = open_database(server.config.web.database, name="web")
        clients, redirects = Clients(database, SystemClock()), ("http://127.0.0.1/back",)
        client = clients.register(NewClient(name="契約クラウド", redirect_uris=redirects))
        elsewhere = frozenset({Switch.APPROVAL_ELSEWHERE})
        batch = clients.register(
            NewClient(name="夜間処理", redirect_uris=redirects, scopes=(SERVICE,), switches=elsewhere)
        )
        database.close()
        with at_the_browser(browser, server.origin, "ja") as officer:
            become_officer(officer, server.token)
            link = invite(officer)
        with at_the_browser(browser, server.origin, "ja") as signer:
            enrol(signer, link)
            answer_the_application(Application(signer, server.origin, site, client))
            answer_in_the_portal(Application(signer, server.origin, site, batch))
            sign_a_whole_document(Application(signer, server.origin, site, client))
    finally:
        server.stop()


@dataclass
class Application:
    """The other site, and the browser of a person who uses it."""

    signer: Visitor
    origin: str
    site: str
    client: Registered

    def ask(self, **more: str) -> None:
        """As an application does: its own page sends the browser away."""
        asked = {
            "response_type": "code",
            "client_id": self.client.client.client_id,
            "redirect_uri": f"{self.site}/back",
            "state": "s1",
            "code_challenge": encoded(hashlib.sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
            **more,
        }
        page = self.signer.page
        page.goto(f"{self.site}/")
        address = f"{self.origin}/oauth2/authorize?{urlencode(asked)}"
        page.evaluate("address => { location.assign(address); }", address)

    def ask_for_hashes(self, key_id: str) -> None:
        self.ask(
            scope="credential",
            credentialID=key_id,
            hashes=",".join(map(encoded, DIGESTS)),
            hashAlgorithmOID=SHA256,
            description="業務委託契約書ほか1件",
        )

    def ask_for_document(self, key_id: str) -> None:
        listed = [{"hash": encoded(DIGESTS[0]), "hashType": "sdr", "label": "業務委託契約書"}]
        entry = {"type": "credential", "credentialID": key_id, "documentDigests": listed, "hashAlgorithmOID": SHA256}
        self.ask(scope="credential", authorization_details=json.dumps([entry]))

    def token(self) -> str:
        """What comes of the browser's return."""
        self.signer.page.wait_for_url(f"{self.site}/back?**")
        answer = dict(parse_qsl(urlsplit(self.signer.page.url).query))
        assert answer["state"] == "s1"
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": f"{self.site}/back",
            "code_verifier": VERIFIER,
        }
        proof = (self.client.client.client_id, self.client.secret)
        return str(httpx2.post(f"{self.origin}/oauth2/token", data=form, auth=proof).json()["access_token"])

    def call(self, token: str, method: str, **members: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"}
        told: dict[str, Any] = httpx2.post(f"{self.origin}/csc/v2/{method}", json=members, headers=headers).json()
        return told


def sign_a_document(app: Application, key_id: str) -> None:
    """The record is over attributes, which the page takes apart: over another document's it lets nobody approve."""
    page = app.signer.page

    def about_another_document(route: Route) -> None:
        answer = route.fetch()
        told = answer.json() | {"digests": [encoded(DIGESTS[1])]}
        route.fulfill(response=answer, json=told)

    shown = "**/api/access-requests/*"
    page.route(shown, about_another_document)
    app.ask_for_document(key_id)
    expect(page.locator("[data-page-status] .notice.bad")).to_be_visible()
    expect(page.locator("[data-approve] button[type=submit]")).to_be_hidden()
    page.unroute(shown)

    app.ask_for_document(key_id)
    expect(page.locator("[data-digests]")).to_contain_text("業務委託契約書")
    expect(page.locator('[data-part="approve"] [data-record-check] .notice.good')).to_be_visible()
    app.signer.picture("application-4-document")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    hashes = [base64.b64encode(DIGESTS[0]).decode()]
    wish = {"hashes": hashes, "signature_format": "P", "signAlgo": "1.2.840.113549.1.1.11"}
    made = app.call(app.token(), "signatures/signDoc", credentialID=key_id, documentDigests=[wish])
    assert len(made["SignatureObject"]) == 1, made


def answer_in_the_portal(app: Application) -> None:
    """The application's request waits on the page Applications, and it comes for the answer by itself."""
    page = app.signer.page
    app.ask(scope="service")
    page.locator("[data-consent]").click()
    token = app.token()
    [key_id] = app.call(token, "credentials/list")["credentialIDs"]
    hashes = [base64.b64encode(digest).decode() for digest in DIGESTS]
    wish = {"credentialID": key_id, "numSignatures": 2, "hashes": hashes, "description": "月次報告 2 通"}
    handle = app.call(token, "credentials/authorize", **wish)["handle"]
    app.signer.go("/applications")
    expect(page.locator("main")).to_contain_text("月次報告 2 通")
    app.signer.picture("application-6-waiting")
    page.get_by_role("link", name="内容を見る").click()
    expect(page.locator('[data-part="approve"] [data-record-check] .notice.good')).to_be_visible()
    app.signer.picture("application-7-elsewhere")
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("main .notice.good")).to_contain_text("答えを記録しました")
    app.signer.picture("application-8-answered")
    assert "SAD" in app.call(token, "credentials/authorizeCheck", handle=handle)


def sign_a_whole_document(app: Application) -> None:
    """The document is read and signed on its own page, and given to the application from there."""
    page, content = app.signer.page, preview_data.contract()
    app.ask(scope="service")
    page.locator("[data-consent]").click()
    token = app.token()
    [key_id] = app.call(token, "credentials/list")["credentialIDs"]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/pdf", "x-document-name": "a.pdf"}
    assert httpx2.post(f"{app.origin}/csc/v2/documents", content=content, headers=headers).status_code == 201
    digest = encoded(hashlib.sha256(content).digest())
    entry = {"type": "credential", "credentialID": key_id, "hashAlgorithmOID": SHA256}
    details = [{**entry, "documentDigests": [{"hash": digest, "hashType": "sodr"}]}]
    app.ask(scope="credential", authorization_details=json.dumps(details))
    expect(page.locator("main")).to_contain_text("アプリケーションが持ってきた文書です")
    expect(page.locator("[data-bytes-check]")).to_contain_text("✓")
    expect(page.locator("[data-drawn=done]").first).to_be_attached()
    app.signer.picture("application-9-whole-document")
    page.locator("[data-after-reading]").click()
    page.locator("[data-reading-notice] button").last.click()
    page.locator("#reason").fill("契約の締結")
    page.keyboard.press("Enter")
    expect(page.locator("[data-record-check] .notice.good")).to_be_visible()
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("[data-give-back]")).to_be_enabled()
    app.signer.picture("application-10-give-back")
    page.locator("[data-give-back]").click()
    item = {"document": base64.b64encode(content).decode(), "signature_format": "P"}
    wish = {"credentialID": key_id, "documents": [{**item, "signAlgo": "1.2.840.113549.1.1.11"}]}
    made = app.call(app.token(), "signatures/signDoc", **wish)
    assert base64.b64decode(made["DocumentWithSignature"][0]).startswith(content[:1024])


def answer_the_application(app: Application) -> None:
    signer, page = app.signer, app.signer.page
    app.ask(scope="service")
    expect(page.locator('[data-part="consent"] h2')).to_contain_text("契約クラウド")
    signer.picture("application-1-consent")
    page.locator("[data-consent]").click()
    [key_id] = app.call(app.token(), "credentials/list")["credentialIDs"]

    app.ask_for_hashes(key_id)
    expect(page.locator('[data-part="approve"] [data-record-check] .notice.good')).to_be_visible()
    expect(page.locator("[data-digests] li")).to_have_count(2)
    expect(page.locator('[data-part="approve"]')).to_contain_text("業務委託契約書ほか1件")
    signer.picture("application-2-approve")
    page.locator("#pin").fill("a wrong pin 1")
    page.keyboard.press("Enter")
    expect(page.locator("[data-approve] .notice.bad")).to_be_visible()
    signer.picture("application-3-wrong-pin")

    app.ask_for_hashes(key_id)
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    token = app.token()
    usual = app.call(token, "credentials/info", credentialID=key_id)["key"]["algo"][0]
    hashes = [base64.b64encode(digest).decode() for digest in DIGESTS]
    made = app.call(
        token, "signatures/signHash", credentialID=key_id, hashes=hashes, signAlgo=usual, hashAlgorithmOID=SHA256
    )
    assert len(made["signatures"]) == 2

    sign_a_document(app, key_id)
    signer.go("/applications")
    expect(page.locator("main")).to_contain_text("契約クラウド")
    signer.picture("application-5-applications")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("[data-unlink]").click()
    expect(page.locator("main")).to_contain_text("許可しているアプリケーションはありません")
