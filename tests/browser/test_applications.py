"""An application on another site asks, in a real browser: the session's cookie does not travel with the first request,
and yet the person sees what is asked, approves it, and is brought back."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from test_whole_way import PIN, become_officer, enrol, invite
from visitor import Visitor, at_the_browser

from natsuin.authentication.oauth import Clients, NewClient, Registered
from natsuin.clock import SystemClock
from natsuin.storage import open_database
from rigs.whole_server import WholeServer

pytestmark = pytest.mark.timeout(600)

VERIFIER = "v" * 64
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
        client = Clients(database, SystemClock()).register(
            NewClient(name="契約クラウド", redirect_uris=("http://127.0.0.1/back",))
        )
        database.close()
        with at_the_browser(browser, server.origin, "ja") as officer:
            become_officer(officer, server.token)
            link = invite(officer)
        with at_the_browser(browser, server.origin, "ja") as signer:
            enrol(signer, link)
            answer_the_application(signer, server, client, site)
    finally:
        server.stop()


def answer_the_application(signer: Visitor, server: WholeServer, client: Registered, site: str) -> None:
    page = signer.page

    def ask(**more: str) -> None:
        asked = {
            "response_type": "code",
            "client_id": client.client.client_id,
            "redirect_uri": f"{site}/back",
            "state": "s1",
            "code_challenge": encoded(hashlib.sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
            **more,
        }
        # As an application does: its own page sends the browser away.
        page.goto(f"{site}/")
        page.evaluate(
            "address => { location.assign(address); }", f"{server.origin}/oauth2/authorize?{urlencode(asked)}"
        )

    def brought_back() -> dict[str, str]:
        page.wait_for_url(f"{site}/back?**")
        return dict(parse_qsl(urlsplit(page.url).query))

    def exchange(code: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{site}/back",
            "code_verifier": VERIFIER,
        }
        proof = (client.client.client_id, client.secret)
        return httpx2.post(f"{server.origin}/oauth2/token", data=form, auth=proof).json()

    ask(scope="service")
    expect(page.locator('[data-part="consent"] h2')).to_contain_text("契約クラウド")
    signer.picture("application-1-consent")
    page.locator("[data-consent]").click()
    answer = brought_back()
    assert answer["state"] == "s1"
    token = exchange(answer["code"])["access_token"]
    base = f"{server.origin}/csc/v2"
    headers = {"authorization": f"Bearer {token}"}
    [key_id] = httpx2.post(f"{base}/credentials/list", json={}, headers=headers).json()["credentialIDs"]
    ask(
        scope="credential",
        credentialID=key_id,
        numSignatures="2",
        hashes=",".join(map(encoded, DIGESTS)),
        hashAlgorithmOID="2.16.840.1.101.3.4.2.1",
        description="業務委託契約書ほか1件",
    )
    expect(page.locator('[data-part="approve"] [data-record-check] .notice.good')).to_be_visible()
    expect(page.locator("[data-digests] li")).to_have_count(2)
    expect(page.locator('[data-part="approve"]')).to_contain_text("業務委託契約書ほか1件")
    signer.picture("application-2-approve")
    page.locator("#pin").fill("a wrong pin 1")
    page.keyboard.press("Enter")
    expect(page.locator("[data-approve] .notice.bad")).to_be_visible()
    signer.picture("application-3-wrong-pin")
    ask(
        scope="credential",
        credentialID=key_id,
        hashes=",".join(map(encoded, DIGESTS)),
        hashAlgorithmOID="2.16.840.1.101.3.4.2.1",
    )
    page.locator("#pin").fill(PIN)
    page.keyboard.press("Enter")
    token = exchange(brought_back()["code"])["access_token"]
    body = {
        "credentialID": key_id,
        "hashes": [base64.b64encode(digest).decode() for digest in DIGESTS],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
    }
    headers = {"authorization": f"Bearer {token}"}
    info = httpx2.post(f"{base}/credentials/info", json={"credentialID": key_id}, headers=headers).json()
    body["signAlgo"] = info["key"]["algo"][0]
    made = httpx2.post(f"{base}/signatures/signHash", json=body, headers=headers)
    assert len(made.json()["signatures"]) == 2, made.text
    signer.go("/applications")
    expect(page.locator("main")).to_contain_text("契約クラウド")
    signer.picture("application-4-applications")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("[data-unlink]").click()
    expect(page.locator("main")).to_contain_text("許可しているアプリケーションはありません")
