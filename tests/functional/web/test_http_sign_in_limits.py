"""What guessing at sign-in meets: bounds that a restart, a second node and other people do not move, and one answer."""

import math
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from natsuin import base64url
from natsuin.authentication import SignInLimits
from natsuin.authentication.sign_in_limits import FAILURES_PER_ACCOUNT, FAILURES_PER_PASSKEY
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import FixedClock
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


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """Stands, so that no delay passes while a slow machine makes the next try."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[Portal]:
    """A portal of its own, behind a proxy, so that a visitor can come from anywhere."""
    running = Portal.start(tmp_path_factory.mktemp("guarded"), proxies=("127.0.0.1",), clock=clock)
    yield running
    running.stop()


def visitor_from(portal: Portal, address: str) -> Visitor:
    visitor = portal.visitor()
    visitor._http.headers["X-Forwarded-For"] = address
    return visitor


def test_guesses_count_across_two_web_processes_and_a_restart(guarded, clock, stranger):
    second = guarded.another(clock)
    try:
        nodes = [(guarded, second)[number % 2] for number in range(FAILURES_PER_PASSKEY)]
        told = [guess(visitor_from(node, "192.0.2.1"), stranger).status_code for node in nodes]
    finally:
        second.stop_web()
    assert told == [401] * FAILURES_PER_PASSKEY
    restarted = guarded.another(clock)
    try:
        for node in (guarded, restarted):
            answer = guess(visitor_from(node, "192.0.2.1"), stranger)
            assert answer.status_code == 429
            assert answer.json()["code"] == "too_many_attempts"
            assert answer.headers["retry-after"] == "1"
        assert guess(visitor_from(restarted, "192.0.2.2"), stranger).status_code == 401
    finally:
        restarted.stop_web()


def test_strangers_everywhere_do_not_lock_the_owner_out(guarded, clock, stranger):
    """Every guess names the owner's passkey; the owner, who came from home before, comes in at once."""
    owner = visitor_from(guarded, "192.0.2.7")
    owner.register_as_officer(guarded.sam.rig.token)
    owner.sign_in()
    claimed = id_of(owner.device)
    limits = SignInLimits(guarded.database, clock)
    for number in range(FAILURES_PER_ACCOUNT - 1):
        limits.begin(f"198.51.100.{number}", base64url.decode(claimed))
    told = [
        guess(visitor_from(guarded, f"203.0.113.{number}"), stranger, claims=claimed).status_code for number in (1, 2)
    ]
    assert told == [401, 429]
    assert guess(owner, owner.device).status_code == 200


def test_known_and_unknown_passkeys_are_told_alike(portal: Portal, alice: Visitor, stranger):
    """The times of both are measured and a statistic is printed, without asserting on it: the machine is shared."""
    alice.sign_in()
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
