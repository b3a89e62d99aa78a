"""Before a certificate ends, its owner, officers and the host's operators are told, in stronger words each time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.cli.keys import _row
from natsuin.clock import FixedClock, SystemClock, from_milliseconds
from natsuin.sam import protocol
from natsuin.sam.key_warnings import warnings_of
from rigs.portal import Portal


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
def aging(tmp_path: Path, clock: FixedClock) -> Iterator[Portal]:
    running = Portal.start(tmp_path, clock=clock)
    yield running
    running.stop()


def kinds(lines: list[dict[str, object]]) -> list[object]:
    return [line["kind"] for line in lines]


def test_a_certificate_that_ends(aging: Portal, clock: FixedClock) -> None:
    officer = aging.enrol_officer()
    alice = aging.enrol(officer, common_name="Alice", email="alice@example.jp")
    (key,) = alice.get("/api/keys")["keys"]
    end = from_milliseconds(key["certificate"]["not_after"])
    assert kinds(key["warnings"]) == ["one_passkey"]
    for days, grave, words in (
        (59, False, "Plan to renew the key."),
        (29, False, "Renew the key in the next days."),
        (6, True, "Renew the key now"),
        (-1, True, "The certificate has ended"),
    ):
        clock.time = end - timedelta(days=days)
        for who in (officer, alice):
            who.sign_in()
        own = alice.get("/api/keys")["keys"][0]["warnings"][0]
        assert own["kind"] == ("certificate_ends" if days > 0 else "certificate_ended")
        assert own["grave"] is grave
        (seen,) = officer.get("/api/officer/keys")["keys"]
        # What concerns the owner's PIN and passkeys is not an officer's to know.
        assert seen["warnings"] == [own]
        assert words in alice.download("/keys").decode()
        assert words in officer.download(f"/officer/keys/{key['key_id']}").decode()
        row = officer.download("/officer/keys").decode()
        assert ("days left" if days > 0 else "ended") in row
        (information,) = aging.sam.rig.ask(protocol.ListAllKeys()).keys
        assert own["kind"] in _row(information, clock.now())["warnings"]


@pytest.mark.parametrize("notice", ["transition", "ending", "ended"])
def test_an_algorithm_that_ends(person: Visitor, portal: Portal, notice: str) -> None:
    """The notice is sam's; `tests/functional/test_algorithm_ends.py` moves the clock past the day."""
    own = person.get("/api/keys")["keys"][0]["key_id"]
    (information,) = portal.sam.rig.ask(protocol.ListAllKeys(key_id=own)).keys
    key = msgspec.structs.replace(
        information, algorithm="rsa-2048", algorithm_notice=notice, algorithm_last_day="2030-12-31"
    )
    (found,) = [one for one in warnings_of(key, SystemClock().now()) if one.kind.startswith("algorithm")]
    assert (found.kind, found.grave) == (f"algorithm_{notice}", notice == "ended")
    assert found.kind in _row(key, SystemClock().now())["warnings"]
