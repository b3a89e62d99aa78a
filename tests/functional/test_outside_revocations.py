"""An outside authority is told of a revocation: by webhook, whatever it answers, or by hand; nothing is forgotten."""

import base64
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.clock import FixedClock, SystemClock
from natsuin.config import ConfigurationRefused
from natsuin.key_management import FIRST_ROLES
from natsuin.sam import protocol as p
from natsuin.sam.outside_telling import make_outside_telling
from natsuin.sam.process import open_sam
from rigs.auditors import entries_of
from rigs.officer_board import OfficerBoard
from rigs.outside_authority import OutsideAuthority
from rigs.person_acts import LEFT, decide
from rigs.sam_in_process import SamRig, people
from rigs.watched_log import SECRET, Hook, hook
from rigs.web_side import Officer, Signer


@dataclass
class Town:
    rig: SamRig
    clock: FixedClock
    authority: OutsideAuthority
    hook: Hook
    officer: Officer
    signer: Signer

    def revoke(self, reason: str = "keyCompromise") -> str:
        """Have a certificate installed and revoke it; its serial number."""
        web = self.rig.web
        issued = self.authority.issue(self.signer.key.certificate_request)
        web.act(self.signer, "install-certificate", officer=self.officer, certificates=(issued,))
        web.act(self.signer, "revoke", officer=self.officer, reason=reason)
        return f"{x509.load_der_x509_certificate(issued).serial_number:x}"

    def owed(self, *, untold: bool = True) -> tuple[p.OutsideRevocation, ...]:
        return self.rig.web.ask(p.ListOutsideRevocations(untold=untold)).revocations

    def told(self) -> list[dict[str, Any]]:
        return [entry for entry in entries_of(self.rig) if entry["type"] == "revocation-told"]

    def round(self) -> bool:
        telling = self.rig.sam.handlers.telling
        assert telling is not None
        return telling.round()

    def warnings(self) -> tuple[str, ...]:
        return tuple(self.rig.web.ask(p.Health()).warnings)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    authority, clock = OutsideAuthority("Outside CA"), FixedClock(SystemClock().now() + timedelta(minutes=1))
    with hook() as receiver:
        rig = SamRig.make(tmp_path, clock=clock)
        rig.sam.close()
        (tmp_path / "anchors.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        (tmp_path / "hook.secret").write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
        changes = {
            "signers": "outside",
            "outside_anchors": tmp_path / "anchors.pem",
            "outside_webhook": receiver.url,
            "outside_webhook_secret": f"file:{tmp_path / 'hook.secret'}",
        }
        rig.config = rig.config.model_copy(update={"ca": rig.config.ca.model_copy(update=changes)})
        rig.sam = open_sam(rig.config, clock=clock, stop=rig.stopped.append)
        officer, signer = people(rig.web, rig.token)
        yield Town(rig, clock, authority, receiver, officer, signer)
        rig.close()


def test_the_authority_hears_of_it_once_signed_and_without_the_person(town: Town) -> None:
    assert town.owed() == ()
    serial = town.revoke()
    (owed,) = town.owed()
    assert (owed.serial, owed.reason, owed.told_at) == (serial, "keyCompromise", 0)
    assert town.round()
    (message,) = town.hook.taken
    (key,) = town.rig.web.ask(p.ListKeys(user_id=town.signer.user_id)).keys
    certificate = x509.load_der_x509_certificate(key.certificate)
    assert message.pop("revoked_at").endswith("Z")
    assert message == {
        "name": certificate.fingerprint(hashes.SHA256()).hex(),
        "format": "natsuin-revocation/v1",
        "service": "localhost",
        "issuer": "CN=Outside CA",
        "serial": serial,
        "certificate_sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "reason": "keyCompromise",
    }
    assert town.hook.forged == []
    assert (town.owed(), town.owed(untold=False)[0].told_by) == ((), "webhook")
    assert [entry["way"] for entry in town.told()] == ["webhook"]
    assert town.round()
    assert len(town.hook.tries) == 1


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_what_is_not_taken_stays_owed_under_one_name(town: Town, status: int) -> None:
    town.revoke()
    town.hook.status = status
    assert not town.round()
    assert not town.round()
    assert town.owed()
    assert town.told() == []
    assert len(set(town.hook.tries)) == 1
    town.hook.status = 200
    assert town.round()
    assert town.owed() == ()
    assert not town.rig.stopped


def test_it_is_owed_over_a_restart_and_warned_of_after_a_day(town: Town) -> None:
    town.revoke()
    assert "revocation-untold" not in town.warnings()
    town.clock.time += timedelta(days=1, minutes=1)
    town.rig.reopen(clock=town.clock)
    assert "revocation-untold" in town.warnings()
    assert town.round()
    assert "revocation-untold" not in town.warnings()


def test_a_security_officer_says_that_it_was_told_by_hand(town: Town) -> None:
    serial = town.revoke()
    board, invite = OfficerBoard(town.rig.web), town.rig.sam.handlers.officers.invite
    second = town.rig.web.register_officer(invite("Second", FIRST_ROLES))
    act = board.propose(town.officer, act="revocation-told", serial=serial, note="by telephone")
    with pytest.raises(errors.Forbidden):
        board.approve(second, act)
    board.approve(town.officer, act)
    (told,) = town.owed(untold=False)
    assert (told.told_by, bool(told.told_at)) == (town.officer.user_id, True)
    assert [entry["way"] for entry in town.told()] == ["hand"]
    assert town.round()
    assert town.hook.tries == []
    with pytest.raises(errors.Conflict):
        board.propose(town.officer, act="revocation-told", serial=serial)
    with pytest.raises(errors.NotFound):
        board.propose(town.officer, act="revocation-told", serial="1234")
    auditor = town.rig.web.register_officer(invite("Audit", ("auditor",)))
    with pytest.raises(errors.Forbidden):
        board.propose(auditor, act="revocation-told", serial=serial)


def test_an_account_that_ends_owes_too(town: Town) -> None:
    issued = town.authority.issue(town.signer.key.certificate_request)
    town.rig.web.act(town.signer, "install-certificate", officer=town.officer, certificates=(issued,))
    decide(town.rig.web, town.officer, town.signer.user_id, **LEFT)
    (owed,) = town.owed()
    assert owed.reason == "affiliationChanged"


def test_a_changed_row_tells_nothing_and_is_found(town: Town) -> None:
    town.revoke()
    with sqlite3.connect(town.rig.config.sam.database.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE outside_revocation SET reason = 'unspecified'")
    assert not town.round()
    assert town.hook.tries == []
    with pytest.raises(errors.Tampered):
        town.owed()


def test_the_built_in_authoritys_certificates_are_nobody_elses_business(tmp_path: Path) -> None:
    rig = SamRig.make(tmp_path)
    officer, signer = people(rig.web, rig.token)
    rig.web.act(signer, "revoke", officer=officer, reason="unspecified")
    assert rig.web.ask(p.ListOutsideRevocations(untold=False)).revocations == ()
    assert rig.sam.handlers.telling is None
    rig.close()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"outside_webhook": "https://ca.example.jp/"}, "both"),
        ({"outside_webhook": "http://ca.example.jp/", "outside_webhook_secret": "file:x"}, "https"),
        ({"outside_webhook": "ftp://ca.example.jp/", "outside_webhook_secret": "file:x"}, "https"),
    ],
)
def test_unfit_settings_are_refused(town: Town, members: dict[str, str], said: str) -> None:
    wished = town.rig.config.ca.model_dump() | {"outside_webhook": None, "outside_webhook_secret": None} | members
    with pytest.raises(ValueError, match=said):
        type(town.rig.config.ca).model_validate(wished)


def test_a_secret_that_is_too_short_is_refused_at_the_start(town: Town, tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_text("short\n")
    with pytest.raises(ConfigurationRefused, match="16 bytes"):
        make_outside_telling(town.rig.config, town.rig.sam.handlers.keys.foundation)


def test_who_reads_the_list_may_ask_for_a_page_only(town: Town) -> None:
    for limit in (0, 501):
        with pytest.raises(errors.Malformed):
            town.rig.web.ask(p.ListOutsideRevocations(limit=limit))
