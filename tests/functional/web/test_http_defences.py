"""What stands around every route: headers, the source of a request, the host, sizes, files."""

import json
import re
import socket
from types import SimpleNamespace

import pytest

from natsuin.sam import handlers
from natsuin.sam.protocol import TimeStamp
from natsuin.sam.watched_clock import ClockBehind
from natsuin.signing_log import Standing
from natsuin.web.headers import CONTENT_SECURITY_POLICY
from rigs.portal import HOST, PDF, cookie_of
from rigs.web_side import ORIGIN


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/documents",
        "/nothing/here",
        "/api/me",
        "/api/service",
        "/static/icons/seal.svg",
        "/static/nothing.js",
        "/log/checkpoint",
        "/pki/root.cer",
        "/ocsp/!!!",
        "/healthz",
        "/api/documents/%00",
    ],
)
def test_every_answer_carries_the_headers(portal, path):
    with portal.client() as client:
        answer = client.get(path, follow_redirects=False)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "publickey-credentials-get=(self)" in answer.headers["permissions-policy"]
    assert "cache-control" in answer.headers
    assert len(answer.headers["x-request-id"]) == 16
    assert "server" not in answer.headers


def test_the_policy_allows_no_inline_script():
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
    assert "require-trusted-types-for 'script'; trusted-types natsuin" in CONTENT_SECURITY_POLICY


def test_pages_have_no_inline_script_or_style(portal, alice):
    """What the policy forbids must not be there, or the page would be broken."""
    for path in ("/", "/enrol", "/verify", "/help/limits", "/documents", "/keys", "/history"):
        page = alice._http.get(path)
        assert page.status_code == 200, (path, page.text)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text), path


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Natsuin": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ORIGIN + ".evil.example"},
        {"Origin": "http://localhost"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_foreign_pages_change_nothing(portal, alice, headers, method):
    """CSRF: with Alice's cookie, but not from a page of this service."""
    with portal.client(Cookie=f"natsuin_session={cookie_of(alice)}", **headers) as client:
        answer = client.request(method, "/api/logout", json={})
    assert answer.status_code == 403
    assert answer.json()["code"] == "foreign_request"
    assert alice.get("/api/me")["display_name"] == "Alice"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:8711", "127.0.0.1:8710", HOST + ".evil.example"]
)
def test_another_host_name_is_not_answered(portal, host):
    with portal.client(Host=host) as client:
        page, call, health = client.get("/"), client.get("/api/service"), client.get("/healthz")
    assert page.status_code == call.status_code == 421
    assert health.status_code == 200
    assert "evil" not in page.text


def test_headers_of_a_proxy_say_nothing_about_the_caller(portal):
    """A13: identity and address come from the connection and the cookie, never from headers that anybody can send."""
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-SSL-Client-Cert": "CN=officer",
        "X-Remote-User": "officer",
        "Forwarded": "for=203.0.113.9;host=evil.example",
    }
    with portal.client(**forged) as client:
        assert client.get("/api/me").status_code == 401
        assert "evil.example" not in client.get("/").text


def test_method_override_overrides_nothing(portal, alice):
    with portal.client(Cookie=f"natsuin_session={cookie_of(alice)}", X_HTTP_Method_Override="DELETE") as client:
        assert client.post("/api/me", json={}).status_code == 405


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/login", 1024 * 1024),
        ("/api/signatures", 1024 * 1024),
        ("/api/documents", 64 * 1024 * 1024),
        ("/tsa", 64 * 1024),
    ],
)
def test_a_stated_length_above_the_limit_is_refused_at_once(portal, path, limit):
    """The answer comes before a byte of the body: nothing is read that is not wanted."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nX-Natsuin: 1\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", portal.port), timeout=5) as connection:
        connection.sendall(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_body_without_a_length_is_cut_at_the_limit(portal):
    def endless():
        for _ in range(40):
            yield b"x" * 65_536

    with portal.client() as client:
        answer = client.post("/api/login", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_an_unreadable_length_is_refused(portal):
    with socket.create_connection(("127.0.0.1", portal.port), timeout=5) as connection:
        connection.sendall(f"POST /api/login HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1_0\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "path",
    [
        "/log/../config.toml",
        "/log/%2e%2e/config.toml",
        "/log/..%2fconfig.toml",
        "/log/tile/../../config.toml",
        "/log//etc/passwd",
        "/log/%2fetc%2fpasswd",
        "/log/checkpoint/../../config.toml",
        "/log/tile/0/000%00",
        "/log/tile/0/x001",
        "/log/tile/64/000",
        "/log/tile/0/000.p/000",
        "/log/shards/2027/../../../config.toml",
        "/log/shards/%2e%2e/checkpoint",
        "/log/shards/../checkpoint",
        "/log/shards//checkpoint",
        "/log/shards/2027/shards/2027/checkpoint",
        "/log/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/vendor/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/static/js",
    ],
)
def test_no_path_leads_out_of_the_folders(portal, path):
    """The path is sent as it stands: no client library tidies it up first."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), answer[:200]
    assert b"master_key" not in answer
    assert b"import" not in answer


def test_log_files_are_served_as_they_are(portal, alice):
    alice.sign(alice.post_bytes(PDF + b"for the log", "log.pdf")["id"])
    folder = portal.config.sam.log_folder
    with portal.client() as client:
        before, after = b"", b"?"
        while before != after:
            # sam may publish at any moment.
            before = (folder / "checkpoint").read_bytes()
            checkpoint = client.get("/log/checkpoint")
            after = (folder / "checkpoint").read_bytes()
        size = int(checkpoint.text.splitlines()[1])
        tile = client.get(f"/log/tile/entries/000.p/{size}" if size < 256 else "/log/tile/entries/000")
    assert checkpoint.content == after
    assert checkpoint.headers["content-type"].startswith("text/plain")
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert tile.status_code == 200
    assert tile.headers["cache-control"].endswith("immutable")
    assert tile.content


def test_files_of_the_log_can_be_kept_and_asked_for_again(portal, alice):
    alice.sign(alice.post_bytes(PDF + b"for the readers", "log.pdf")["id"])
    with portal.client() as client:
        checkpoint = client.get("/log/checkpoint")
        size = int(checkpoint.text.splitlines()[1])
        names = [f"/log/tile/{kind}/000.p/{size}" for kind in ("0", "entries")]
        for name in ("/log/checkpoint", *names):
            first = again = None
            # The log may grow at any moment by an entry of its own; then the checkpoint is rightly sent anew.
            while again is None or again.headers["etag"] != first.headers["etag"]:
                first = client.get(name)
                again = client.get(name, headers={"if-none-match": f'"x", W/{first.headers["etag"]}'})
            assert (first.status_code, again.status_code, again.content) == (200, 304, b""), name
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert client.get(name, headers={"if-none-match": '"x"'}).content == first.content
        for name in (f"/log/tile/0/000.p/{size + 1}", "/log/tile/0/000", "/log/tile/1/000", "/log/tile/1/000.p/1"):
            missing = client.get(name)
            assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store"), name


def test_static_files_can_be_kept_and_asked_for_again(portal):
    with portal.client() as client:
        first = client.get("/static/vendor/hpke.js")
        again = client.get("/static/vendor/hpke.js", headers={"if-none-match": first.headers["etag"]})
        script = client.get("/static/js/api.js")
    assert first.headers["cache-control"].endswith("immutable")
    assert again.status_code == 304
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, no-cache"


def test_public_services_are_passed_through(portal):
    """Certificates, lists and time-stamps come from sam as they are."""
    from cryptography import x509

    from rigs.portal import time_stamp_request

    with portal.client() as client:
        root = x509.load_der_x509_certificate(client.get("/pki/root.cer").content)
        crl = x509.load_der_x509_crl(client.get("/pki/root.crl").content)
        query = {"content-type": "application/timestamp-query"}
        stamp = client.post("/tsa", content=time_stamp_request(b"x"), headers=query)
        refused = client.post("/tsa", content=b"x", headers={"content-type": "text/plain"})
    assert crl.is_signature_valid(root.public_key())
    assert stamp.headers["content-type"] == "application/timestamp-reply"
    assert stamp.content[:1] == b"\x30"
    assert refused.status_code == 415


def test_readiness_names_the_part_that_is_not(portal):
    from natsuin.errors import Unavailable

    def unreachable(message):
        raise Unavailable("no answer")

    with portal.client() as client:
        good = client.get("/readyz")
        portal.sam.before = unreachable
        bad = client.get("/readyz")
        live = client.get("/healthz")
    assert good.json() == {"ready": True, "problems": []}
    assert (bad.status_code, bad.json()) == (503, {"ready": False, "problems": ["sam"]})
    assert live.status_code == 200


def test_readiness_names_what_is_missing_and_goes_on(portal, monkeypatch):
    """What sam's own handler finds, over HTTP: anchors and witnesses are warnings, the clock is a problem."""
    mine = portal.sam.rig.sam.handlers

    def behind(clock, message):
        if isinstance(message, TimeStamp):
            raise ClockBehind("the clock is behind")

    away = Standing("w.example", known=3, time=0, failures=1, reason="the witness cannot be reached")
    with portal.client() as client:
        monkeypatch.setitem(vars(mine), "anchors", SimpleNamespace(missing=True))
        one = client.get("/readyz")
        monkeypatch.setattr(mine.log, "witness_standings", lambda: (away,))
        two = client.get("/readyz")
        monkeypatch.setattr(handlers, "require_right_time", behind)
        three = client.get("/readyz")
        monkeypatch.undo()
        four = client.get("/readyz")
    assert (one.status_code, one.json()) == (200, {"ready": True, "problems": [], "warnings": ["time-anchor"]})
    both = {"warnings": ["time-anchor", "witness"]}
    assert (two.status_code, two.json()) == (200, {"ready": True, "problems": [], **both})
    assert (three.status_code, three.json()) == (503, {"ready": False, "problems": ["clock"], **both})
    assert four.json() == {"ready": True, "problems": []}


def test_an_unforeseen_fault_tells_nothing_but_a_number(portal, alice, logged):
    """The last resort: the answer names the request, the log names the place, neither repeats what was said."""

    def broken(message):
        raise RuntimeError("secret-canary-5711 at /somewhere")

    portal.sam.before = broken
    answer = alice._http.get("/api/keys")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "canary" not in answer.text
    written = logged()
    (fault,) = [json.loads(line) for line in written.splitlines() if '"fault"' in line]
    assert (fault["request_id"], fault["kind"]) == (answer.json()["request_id"], "RuntimeError")
    assert fault["frames"][-1].startswith("broken:")
    assert "canary" not in written


def test_problems_are_told_in_the_reader_s_language(portal):
    with portal.client(Accept_Language="ja") as client:
        japanese = client.get("/api/me")
        page = client.get("/nothing", headers={"accept": "text/html"})
    with portal.client() as client:
        english = client.get("/api/me")
    assert japanese.json()["title"] == "サインインが必要です"
    assert english.json()["title"] == "Sign in first"
    assert page.status_code == 404
    assert 'lang="ja"' in page.text
