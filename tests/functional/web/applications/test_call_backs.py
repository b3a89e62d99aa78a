"""Applications are told of asynchronous answers: at the registered address only, signed, again until it is taken."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from natsuin.cli.call_backs import deliveries as list_deliveries
from natsuin.cli.call_backs import webhook as set_webhook
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import SystemClock
from natsuin.errors import Malformed, NotFound
from natsuin.web.csc.call_backs import Webhooks
from natsuin.web.tables import csc_delivery
from rigs.applications import SHA256, App
from rigs.portal import Portal

REFUSED_URI = (400, "invalid_request", "Invalid parameter response_uri")


@dataclass
class Receiver:
    """An application's server: what it got, and with what it answers next."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(told.answers.pop(0) if told.answers else 204)
            self.send_header("location", "http://169.254.169.254/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/hook?of=csc"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def webhooks(portal: Portal) -> Webhooks:
    return Webhooks(portal.database, SystemClock())


@pytest.fixture(scope="module")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


def asked(app: App, person: Visitor, key_id: str, uri: str, **more: Any) -> Any:
    """The answer to one asynchronous signHash with a fresh approval, and the token."""
    digest = secrets.token_bytes(32)
    token = app.granted(person, app.for_hashes(key_id, digest))["access_token"]
    members = {"credentialID": key_id, "hashes": [base64.b64encode(digest).decode()], "hashAlgorithmOID": SHA256}
    members |= {"signAlgo": "1.2.840.10045.4.3.2", "operationMode": "A", "response_uri": uri, **more}
    headers = {"authorization": f"Bearer {token}"}
    return app.http.post("/csc/v2/signatures/signHash", json=members, headers=headers), headers


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_application_is_told_with_a_good_signature(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    app = App.register(portal)
    secret = webhooks.register(app.client_id, receiver.url)
    answer, headers = asked(app, alice, key_id, receiver.url)
    response_id = answer.json()["responseID"]
    until(lambda: [one.state for one in webhooks.deliveries(app.client_id)] == ["taken"])
    [(sent, body)] = receiver.got
    told = json.loads(body)
    assert told == {"type": "signatures.response", "data": {"responseID": response_id, "state": "done"}}
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert hmac.compare_digest(sent["webhook-signature"], f"v1,{expected}")
    polled = app.http.post("/csc/v2/signatures/signPolling", json={"requestID": response_id}, headers=headers)
    assert len(polled.json()["signatures"]) == 1


def test_it_is_told_again_until_it_takes_it(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    """A redirection is no taking, and is not followed; each try has the same name, and waits longer."""
    app = App.register(portal)
    webhooks.register(app.client_id, receiver.url)
    receiver.answers = [302, 500]
    asked(app, alice, key_id, receiver.url)
    for tries, result in enumerate(("status 302", "status 500", "taken"), start=1):
        until(lambda: [one.result for one in webhooks.deliveries(app.client_id)] == [result])  # noqa: B023
        [one] = webhooks.deliveries(app.client_id)
        assert one.tries == tries
        if one.state == "waiting":
            assert one.next_at - SystemClock().now().timestamp() * 1000 > 3_500 * 4 ** (tries - 1)
            with portal.database.write() as connection:
                connection.execute(sa.update(csc_delivery).values(next_at=1))
    assert one.state == "taken"
    assert len({sent["webhook-id"] for sent, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1


def test_it_is_given_up_with_the_answer(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    app = App.register(portal)
    webhooks.register(app.client_id, receiver.url)
    receiver.answers = [503]
    asked(app, alice, key_id, receiver.url, validity_period=4000)
    until(lambda: [one.state for one in webhooks.deliveries(app.client_id)] == ["given_up"])
    assert len(receiver.got) == 1


def test_one_receiver_that_hangs_holds_up_no_other(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    hanging = threading.Event()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Hanging", (BaseHTTPRequestHandler,), {"do_POST": hang(hanging)})
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        slow, quick = App.register(portal), App.register(portal)
        webhooks.register(slow.client_id, f"http://127.0.0.1:{server.server_port}/")
        webhooks.register(quick.client_id, receiver.url)
        asked(slow, alice, key_id, f"http://127.0.0.1:{server.server_port}/")
        asked(quick, alice, key_id, receiver.url)
        until(lambda: [one.state for one in webhooks.deliveries(quick.client_id)] == ["taken"])
        assert [one.state for one in webhooks.deliveries(slow.client_id)] == ["waiting"]
    finally:
        hanging.set()
        server.shutdown()
        server.server_close()
        thread.join()


def hang(event: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def post(handler: BaseHTTPRequestHandler) -> None:
        event.wait(30)

    return post


def test_nothing_is_posted_where_a_client_likes(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    """SSRF: neither another address, nor another client's, nor one that begins or reads like the registered one."""
    app, another = App.register(portal), App.register(portal)
    webhooks.register(another.client_id, receiver.url)
    for uri in ("http://127.0.0.1:1/", receiver.url, "https://app.example/callback", "file:///etc/passwd", ""):
        answer, _ = asked(app, alice, key_id, uri)
        assert (answer.status_code, *answer.json().values()) == REFUSED_URI
    webhooks.register(app.client_id, receiver.url)
    for uri in (f"{receiver.url}&", receiver.url.upper(), receiver.url.replace("127.0.0.1", "localhost"), 5):
        answer, _ = asked(app, alice, key_id, uri)  # type: ignore[arg-type]
        assert (answer.status_code, *answer.json().values()) == REFUSED_URI
    assert receiver.got == []


@pytest.mark.parametrize("url", ["http://example.jp/", "ftp://example.jp/", "https://u@example.jp/", "https://", "x"])
def test_an_operator_registers_no_address_in_the_clear(portal: Portal, webhooks: Webhooks, url: str) -> None:
    app = App.register(portal)
    with pytest.raises(Malformed):
        webhooks.register(app.client_id, url)
    with pytest.raises(NotFound):
        webhooks.register("unknown", "https://app.example/hook")


def test_a_stopped_or_removed_address_is_told_nothing(
    portal: Portal, alice: Visitor, key_id: str, receiver: Receiver, webhooks: Webhooks
) -> None:
    app = App.register(portal)
    webhooks.register(app.client_id, receiver.url)
    receiver.answers = [500]
    asked(app, alice, key_id, receiver.url)
    until(lambda: [one.result for one in webhooks.deliveries(app.client_id)] == ["status 500"])
    webhooks.remove(app.client_id)
    with portal.database.write() as connection:
        connection.execute(sa.update(csc_delivery).values(next_at=1))
    until(lambda: [one.result for one in webhooks.deliveries(app.client_id)] == ["no address is registered"])
    assert len(receiver.got) == 1


def test_the_operator_sees_the_log(portal: Portal, alice: Visitor, key_id: str, receiver: Receiver) -> None:
    app = App.register(portal)
    file = portal.config.file
    run = CliRunner()
    made = run.invoke(set_webhook, ["--config", str(file), app.client_id, receiver.url])
    assert made.exit_code == 0, made.output
    assert "whsec_" in made.output
    asked(app, alice, key_id, receiver.url)

    def listed() -> list[dict[str, Any]]:
        told = run.invoke(list_deliveries, ["--config", str(file), "--client", app.client_id, "--json"])
        assert told.exit_code == 0, told.output
        return [json.loads(line) for line in told.output.splitlines()]

    until(lambda: [one["state"] for one in listed()] == ["taken"])
    assert "taken" in run.invoke(list_deliveries, ["--config", str(file)]).output
    assert run.invoke(set_webhook, ["--config", str(file), app.client_id, "--remove"]).exit_code == 0
    assert run.invoke(set_webhook, ["--config", str(file), app.client_id]).exit_code == 2
