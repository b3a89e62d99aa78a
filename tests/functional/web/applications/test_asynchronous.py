"""Operation mode "A" over HTTP: the answer is fetched later, by the same client and person only; it outlasts the
process, and nothing is signed twice or beyond what was approved."""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from natsuin.authentication.oauth.tables import oauth_token
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import SystemClock
from natsuin.errors import Unavailable
from natsuin.sam import protocol
from natsuin.web.csc.deferred import LONGEST_MS
from natsuin.web.csc.responses import LEASE
from natsuin.web.tables import csc_response
from rigs.applications import SHA256, App
from rigs.portal import Portal

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
PENDING = (202, "accepted_request", "The previous async request has been accepted but not yet completed")
UNKNOWN = (400, "invalid_request", "Invalid parameter requestID")


class LaterClock(SystemClock):
    """A clock that is ahead."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


@pytest.fixture(scope="module")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="module")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture
def sam_ill(portal: Portal) -> Iterator[Callable[[], None]]:
    """sam signs nothing until this is called."""

    def fail(message: Any) -> None:
        if isinstance(message, protocol.Sign):
            raise Unavailable("sam is ill")

    def heal() -> None:
        portal.sam.before = None

    portal.sam.before = fail
    yield heal
    heal()


def approved(app: App, person: Visitor, key_id: str, *digests: bytes, **more: Any) -> str:
    return str(app.granted(person, app.for_hashes(key_id, *digests, **more))["access_token"])


def call(app: App, token: str, method: str, members: dict[str, Any], mount: str = "/csc/v2") -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"}
    return app.http.post(f"{mount}/signatures/{method}", json=members, headers=headers)


def wish(key_id: str, *digests: bytes, **more: Any) -> dict[str, Any]:
    hashes = [base64.b64encode(digest).decode() for digest in digests]
    return {"credentialID": key_id, "hashes": hashes, "signAlgo": ECDSA_SHA256, "hashAlgorithmOID": SHA256} | more


def accepted(app: App, token: str, members: dict[str, Any], method: str = "signHash") -> str:
    answer = call(app, token, method, {**members, "operationMode": "A"})
    assert (answer.status_code, answer.json().keys()) == (200, {"responseID"}), answer.text
    return str(answer.json()["responseID"])


def told(answer: httpx2.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def poll(app: App, token: str, response_id: str) -> httpx2.Response:
    return call(app, token, "signPolling", {"requestID": response_id})


def fetched(app: App, token: str, response_id: str) -> httpx2.Response:
    """The answer that is not 202."""
    deadline = time.monotonic() + 20
    while (answer := poll(app, token, response_id)).status_code == 202:
        assert told(answer) == PENDING
        assert time.monotonic() < deadline
    return answer


def test_the_answer_is_fetched_later_and_again(portal: Portal, app: App, alice: Visitor, key_id: str) -> None:
    one, two = secrets.token_bytes(32), secrets.token_bytes(32)
    token = approved(app, alice, key_id, one, two)
    portal.sam.seen.clear()
    response_id = accepted(app, token, wish(key_id, one, two))
    done = fetched(app, token, response_id)
    assert (done.status_code, done.json().keys()) == (200, {"signatures"})
    assert len(done.json()["signatures"]) == 2
    service = app.granted(alice, app.asking())["access_token"]
    assert poll(app, service, response_id).json() == done.json()
    # The same request again is the same response, and the synchronous one gives what was recorded.
    assert accepted(app, token, wish(key_id, one, two)) == response_id
    assert portal.sam.count(protocol.Sign) == 1
    assert call(app, token, "signHash", wish(key_id, one, two)).json() == done.json()
    # Approved digests are used up by this mode as by the other.
    refused = fetched(app, token, accepted(app, token, wish(key_id, one, clientData="again")))
    assert told(refused) == (400, "invalid_request", "Hash is not authorized by the SAD")


def test_sign_doc_too(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest, hashType="sdr")
    item = {"hashes": [base64.b64encode(digest).decode()], "hashAlgorithmOID": SHA256, "signature_format": "P"}
    members = {"credentialID": key_id, "documentDigests": [{**item, "signAlgo": ECDSA_SHA256}]}
    done = fetched(app, token, accepted(app, token, members, "signDoc"))
    assert done.json().keys() == {"SignatureObject"}
    assert call(app, token, "signDoc", members).json() == done.json()


def test_a_sad_beside_a_service_token(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    sad = approved(app, alice, key_id, digest)
    service = app.granted(alice, app.asking())["access_token"]
    response_id = accepted(app, service, wish(key_id, digest, SAD=sad))
    assert len(fetched(app, service, response_id).json()["signatures"]) == 1


def test_what_is_wrong_is_told_at_once_and_nothing_is_kept(
    portal: Portal, app: App, alice: Visitor, key_id: str
) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    portal.sam.seen.clear()
    for change, description in (
        ({"hashes": [base64.b64encode(bytes(32)).decode()]}, "Hash is not authorized by the SAD"),
        ({"signAlgo": "1.2.3"}, "Invalid parameter signAlgo"),
        ({"SAD": "another"}, "Invalid parameter SAD"),
        ({"validity_period": "60000"}, "Invalid parameter validity_period"),
        ({"validity_period": True}, "Invalid parameter validity_period"),
        ({"validity_period": 0}, "Out of bounds parameter validity_period"),
        ({"validity_period": -1}, "Out of bounds parameter validity_period"),
        ({"validity_period": LONGEST_MS + 1}, "Out of bounds parameter validity_period"),
        ({"response_uri": "http://169.254.169.254/latest"}, "Invalid parameter response_uri"),
        ({"response_uri": "https://app.example/callback"}, "Invalid parameter response_uri"),
        ({"operationMode": "a"}, "Invalid parameter operationMode"),
    ):
        refused = call(app, token, "signHash", {**wish(key_id, digest), "operationMode": "A", **change})
        assert told(refused) == (400, "invalid_request", description)
    with portal.database.read() as connection:
        of_it = csc_response.c.client_id == app.client_id
        kept = connection.execute(sa.select(csc_response).where(of_it, csc_response.c.state == "accepted")).all()
    assert kept == []
    assert portal.sam.count(protocol.Sign) == 0
    # In the synchronous mode these members mean nothing.
    assert call(app, token, "signHash", wish(key_id, digest, validity_period=-1)).status_code == 200


def test_nobody_else_gets_the_answer(portal: Portal, app: App, alice: Visitor, officer: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    response_id = accepted(app, token, wish(key_id, digest))
    another = App.register(portal)
    frank = portal.enrol(officer, common_name="Frank", email="frank@example.jp")
    strangers = (
        (another, another.granted(alice, another.asking())["access_token"]),
        (app, app.granted(frank, app.asking())["access_token"]),
    )
    fetched(app, token, response_id)
    for client, other in strangers:
        assert told(poll(client, other, response_id)) == UNKNOWN
        assert told(poll(client, other, "unknown")) == UNKNOWN


@pytest.mark.parametrize(
    ("members", "description"),
    [
        ({}, "Missing (or invalid type) string parameter requestID"),
        ({"requestID": 5}, "Missing (or invalid type) string parameter requestID"),
        ({"requestID": "x"}, "Invalid parameter requestID"),
        ({"requestID": "x", "userID": "u"}, "userID parameter SHALL be null"),
        ({"requestID": "x", "clientData": 5}, "Invalid parameter clientData"),
    ],
)
def test_a_bad_question_is_told_exactly(
    app: App, alice: Visitor, key_id: str, members: dict[str, Any], description: str
) -> None:
    token = app.granted(alice, app.asking())["access_token"]
    assert told(call(app, token, "signPolling", members)) == (400, "invalid_request", description)


def test_work_outlasts_the_process(
    portal: Portal, app: App, alice: Visitor, key_id: str, sam_ill: Callable[[], None]
) -> None:
    """A node accepts and ends before anything is signed. Another one leaves its work alone as long as it may be at
    it, and then does it, by nothing but the id that the client brings; the database alone could not."""
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    first = portal.another()
    try:
        lost = App(first, app.client_id, app.secret)
        response_id = accepted(lost, token, wish(key_id, digest))
        wait_for(lambda: portal.sam.seen[-1:] and isinstance(portal.sam.seen[-1], protocol.Sign))
    finally:
        first.stop_web()
    with portal.database.read() as connection:
        kept = repr(connection.execute(sa.select(csc_response)).all())
        kept += repr(connection.execute(sa.select(oauth_token)).all())
    assert response_id not in kept
    assert token not in kept
    sam_ill()
    portal.sam.seen.clear()
    assert told(poll(app, token, response_id)) == PENDING
    second = portal.another(LaterClock(LEASE + timedelta(seconds=1)))
    try:
        done = fetched(App(second, app.client_id, app.secret), token, response_id)
    finally:
        second.stop_web()
    assert len(done.json()["signatures"]) == 1
    assert portal.sam.count(protocol.Sign) == 1
    with portal.database.read() as connection:
        rows = connection.execute(sa.select(csc_response).where(csc_response.c.state == "done")).mappings().all()
    assert {(row["request"], row["sealed_token"]) for row in rows} == {(b"", b"")}


def test_an_answer_that_was_lost_after_signing_is_the_recorded_one(
    portal: Portal, app: App, alice: Visitor, key_id: str
) -> None:
    """sam signed, and its answer did not come: the next try gives that signature and no second one."""
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    portal.sam.seen.clear()

    def lose(message: Any) -> None:
        if isinstance(message, protocol.Sign) and portal.sam.count(protocol.Sign) == 1:
            raise Unavailable("the answer is lost")

    portal.sam.after = lose
    try:
        done = fetched(app, token, accepted(app, token, wish(key_id, digest)))
    finally:
        portal.sam.after = None
    assert portal.sam.count(protocol.Sign) == 2
    assert call(app, token, "signHash", wish(key_id, digest)).json() == done.json()


def test_many_at_once_are_one(portal: Portal, app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    portal.sam.seen.clear()
    ids: list[str] = []
    askers = [threading.Thread(target=lambda: ids.append(accepted(app, token, wish(key_id, digest)))) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert fetched(app, token, ids[0]).status_code == 200
    assert portal.sam.count(protocol.Sign) == 1


def test_an_answer_is_kept_as_long_as_was_asked(portal: Portal, app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    response_id = accepted(app, token, wish(key_id, digest, validity_period=120_000))
    assert fetched(app, token, response_id).status_code == 200
    later = portal.another(LaterClock(timedelta(minutes=2, seconds=1)))
    try:
        assert told(poll(App(later, app.client_id, app.secret), token, response_id)) == UNKNOWN
    finally:
        later.stop_web()


def test_the_first_generation_has_no_such_mode(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    members = wish(key_id, digest, operationMode="A")
    assert told(call(app, token, "signHash", members, "/csc/v1"))[2] == "Invalid parameter operationMode"
    assert call(app, token, "signPolling", {}, "/csc/v1").status_code == 501


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
