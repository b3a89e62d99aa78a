"""What guessing at sign-in meets: bounds that a restart, a second node and other people do not move, and one answer."""

import math
import statistics
import time

import pytest
import sqlalchemy as sa

from natsuin import base64url
from natsuin.authentication.sign_in_limits import FAILURES_PER_PASSKEY
from natsuin.authentication.tables import sign_in_tries
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.visitor import Visitor
from rigs.portal import Portal
from rigs.web_side import ORIGIN


@pytest.fixture
def stranger() -> SoftwareAuthenticator:
    """A passkey that this service never saw."""
    made = SoftwareAuthenticator(ORIGIN)
    made.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    return made


def guess(visitor: Visitor, device: SoftwareAuthenticator, *, claims: str | None = None):
    """One try with this device, which may claim to be the passkey of somebody else."""
    credential = device.get(visitor.post("/api/login/options", {})["publicKey"])
    if claims is not None:
        credential = {**credential, "id": claims, "rawId": claims}
    return visitor._http.post("/api/login", json={"credential": credential})


def id_of(device: SoftwareAuthenticator) -> str:
    return str(device.get({"rpId": "localhost", "challenge": "AAAA"})["id"])


def test_guesses_count_across_two_web_processes_and_a_restart(portal: Portal, stranger):
    second = portal.another()
    try:
        answers = [guess((portal, second)[number % 2].visitor(), stranger) for number in range(FAILURES_PER_PASSKEY)]
    finally:
        second.stop_web()
    assert [answer.status_code for answer in answers] == [401] * FAILURES_PER_PASSKEY
    close_for_long(portal, stranger)
    restarted = portal.another()
    try:
        for node in (portal, restarted):
            answer = guess(node.visitor(), stranger)
            assert answer.status_code == 429
            assert answer.json()["code"] == "too_many_attempts"
            assert 1 <= int(answer.headers["retry-after"]) <= 30
    finally:
        restarted.stop_web()


def close_for_long(portal: Portal, device: SoftwareAuthenticator) -> None:
    """Let the delay be as if many more had failed, so that a slow machine does not outlast it."""
    until = round(time.time() * 1000) + 29_000
    with portal.database.write() as connection:
        closed = sa.update(sign_in_tries).where(sign_in_tries.c.closed_until > 0).values(closed_until=until)
        assert connection.execute(closed).rowcount == 1, f"{id_of(device)} alone has to be closed"


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(tmp_path, stranger):
    """Every guess names the owner's passkey; the owner, who came from home before, comes in at once."""
    portal = Portal.start(tmp_path, proxies=("127.0.0.1",))
    try:
        owner = portal.visitor()
        owner._http.headers["X-Forwarded-For"] = "192.0.2.7"
        owner.register_as_officer(portal.sam.rig.token)
        owner.sign_in()
        claimed = id_of(owner.device)
        told = set()
        for number in range(70):
            attacker = portal.visitor()
            attacker._http.headers["X-Forwarded-For"] = f"198.51.100.{number % 10}"
            told.add(guess(attacker, stranger, claims=claimed).status_code)
        assert told == {401, 429}
        assert guess(owner, owner.device).status_code == 200
    finally:
        portal.stop()


def test_known_and_unknown_passkeys_are_told_alike(portal: Portal, alice: Visitor, stranger):
    """The times of both are measured and a statistic is printed, without asserting on it: the machine is shared."""
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    told = []
    unknown = base64url.encode(b"\x01" * len(base64url.decode(id_of(alice.device))))
    for _ in range(FAILURES_PER_PASSKEY - 2):
        for name, claims in (("known", id_of(alice.device)), ("unknown", unknown)):
            visitor = portal.visitor()
            began = time.perf_counter()
            answer = guess(visitor, stranger, claims=claims)
            taken[name].append(time.perf_counter() - began)
            told.append((answer.status_code, {**answer.json(), "request_id": ""}))
    assert all(one == told[0] for one in told)
    assert told[0][0] == 401
    one, other = taken["known"], taken["unknown"]
    spread = math.sqrt(statistics.variance(one) / len(one) + statistics.variance(other) / len(other))
    difference = statistics.mean(one) - statistics.mean(other)
    print(f"difference {difference * 1000:.2f} ms, Welch's t {difference / spread:.2f}, {len(one)} of each")
    alice.sign_in()
