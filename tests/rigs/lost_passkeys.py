"""What two officers, a person and those who attack them do about a lost passkey, over any way to reach sam."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code, seal
from natsuin.clock import FixedClock
from natsuin.key_management.key_creation import KeyWish, store
from natsuin.sam import protocol as p
from natsuin.sam.watched_clock import WatchedClock
from rigs.key_copies import another_officer
from rigs.sam_in_process import SamRig
from rigs.web_side import ORIGIN, Officer, Signer, WebSide, assertion, attestation

EVIDENCE = p.IdentityEvidence(kind="passport", reference="file 99", level=3, checked_by="佐藤", checked_at=1)

THREE_DAYS = 72 * 3600


class Host:
    """A host whose wall clock and steady clock the test moves."""

    def __init__(self) -> None:
        # A little later than the real clock, which dates what `initialise` writes.
        self.wall = FixedClock(datetime.now(UTC) + timedelta(minutes=5))
        self.since_start = 1000.0

    def pass_time(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.since_start += seconds

    def watched(self) -> WatchedClock:
        return WatchedClock(self.wall, lambda: self.since_start)


@dataclass
class Town:
    """A sam with two officers, whose clocks the test moves; people move in as they are needed."""

    rig: SamRig
    host: Host
    officers: list[Officer] = field(default_factory=list)

    @property
    def web(self) -> WebSide:
        return self.rig.web

    def person(self, **wishes: Any) -> Signer:
        return self.web.enrol(self.web.invite(self.officers[0], **wishes))

    def begin(self, signer: Signer) -> p.ReplacementStep:
        return begin(self.web, self.officers, signer.user_id)

    def waited(self, signer: Signer) -> p.ReplacementStep:
        """A replacement whose waiting period is over."""
        step = self.begin(signer)
        self.host.pass_time(THREE_DAYS + 1)
        return step

    def state(self, act_id: str) -> p.ReplacementInformation:
        found = self.web.ask(p.ListReplacements(limit=500)).replacements
        return next(one for one in found if one.act_id == act_id)

    def told(self, since: int = 0) -> list[dict[str, Any]]:
        """The entries of the log from index `since`."""
        return [msgspec.json.decode(leaf) for _, leaf in self.rig.sam.log.entries(since)]


@contextmanager
def founded(folder: Path, **wishes: Any) -> Iterator[Town]:
    """`wishes` are the installation's, such as its `vault`."""
    host = Host()
    town = Town(SamRig.make(folder, clock=host.watched(), **wishes), host)
    town.officers = [town.web.register_officer(town.rig.token), another_officer(town.rig)]
    yield town
    town.rig.close()


def propose(web: WebSide, officer: Officer, user_id: str) -> p.Act:
    return web.ask(p.ProposeReplacement(officer_id=officer.user_id, user_id=user_id, evidence=EVIDENCE))


def approve(web: WebSide, act: p.Act, officer: Officer) -> p.ReplacementStep:
    return web.ask(p.ApproveReplacement(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))


def begin(web: WebSide, officers: Sequence[Officer], user_id: str) -> p.ReplacementStep:
    """Both officers approve: the waiting period runs."""
    act = propose(web, officers[0], user_id)
    approve(web, act, officers[0])
    return approve(web, act, officers[1])


def cancel(web: WebSide, act_id: str, device: SoftwareAuthenticator, *, officer_id: str = "") -> p.ReplacementStep:
    offer = web.ask(p.OfferReplacementCancel(act_id=act_id, officer_id=officer_id))
    return web.ask(p.CancelReplacement(act_id=act_id, assertion=assertion(device, offer.challenge)))


def proof(key_id: str, secret: str, slot: str = "pin") -> dict[str, str]:
    return {"key": key_id, "slot": slot, "secret": secret}


def completion(
    web: WebSide,
    token: str,
    user_id: str,
    secrets: dict[str, Any],
    *,
    challenge: bytes = b"",
    device: SoftwareAuthenticator | None = None,
) -> p.CompleteReplacement:
    """What the person's browser sends; with a `challenge`, what somebody sends who was told none."""
    challenge = challenge or web.ask(p.OpenReplacement(token=token)).challenge or bytes(32)
    content = {"given_up": [], "recovery_code": new_recovery_code(), "new_pin": "", **secrets}
    return p.CompleteReplacement(
        token=token,
        attestation=attestation(device or SoftwareAuthenticator(ORIGIN), challenge, user_id),
        sealed_secrets=seal(web.info.hpke_public_key, p.HPKE_INFO_REPLACE + challenge, content),
    )


def complete(web: WebSide, token: str, signer: Signer, **secrets: Any) -> Signer:
    """The person proves the PIN of the one key, unless told otherwise, with a new device."""
    device = SoftwareAuthenticator(ORIGIN)
    code = new_recovery_code()
    secrets.setdefault("proofs", [proof(signer.key.key_id, signer.pin)])
    message = completion(web, token, signer.user_id, {"recovery_code": code, **secrets}, device=device)
    done = web.ask(message)
    return Signer(signer.user_id, done.keys[-1], device, secrets.get("new_pin") or signer.pin, code)


def further_key(town: Town, signer: Signer, pin: str, code: str) -> str:
    """Another lasting key of the same person, with secrets of its own, as an import makes one."""
    handlers = town.rig.sam.handlers
    foundation = handlers.keys.foundation
    with foundation.database.read() as connection:
        key = handlers.keys.get(connection, signer.key.key_id, signer.user_id)
    subject = p.Subject(common_name="山田 太郎", organization="例示株式会社")
    wish = KeyWish(key.algorithm, key.user_id, subject, key.passkeys, {key.credential_ids[0]: 0}, pin, code)
    made = handlers.enrolments.maker.make(wish)
    with foundation.database.write() as connection:
        store(foundation, connection, made)
    return str(made.row["key_id"])
