"""Two officers and people at a portal whose clocks the test moves, and what their browsers send about lost passkeys."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from natsuin import base64url
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import challenge_of, new_recovery_code, seal
from natsuin.cli.demo.visitor import Visitor
from natsuin.mail_server import Sender
from natsuin.sam import protocol
from natsuin.web.notices import MailChannel, MailServer, Outbox, ReplacementNotices
from rigs.lost_passkeys import THREE_DAYS, Host
from rigs.mail_server import Mailbox
from rigs.portal import PERSON, Portal
from rigs.web_side import ORIGIN, PIN

EVIDENCE = {"kind": "passport", "reference": "file 99", "level": 3}


@dataclass
class Office:
    """Two officers at their portal, the mails it sends, and its clocks."""

    portal: Portal
    host: Host
    mailbox: Mailbox
    officers: list[Visitor] = field(default_factory=list)
    people: int = 0

    def person(self) -> "Person":
        """Somebody new, at an address of their own."""
        self.people += 1
        email = f"person{self.people}@example.jp"
        signer = self.portal.visitor()
        signer._http.headers["X-Forwarded-For"] = f"203.0.113.{self.people}"
        invitation = self.officers[0].invite({**PERSON, "common_name": f"山田 {self.people}", "email": email})
        return Person(signer, signer.enrol(invitation, PIN), email)

    @property
    def outbox(self) -> Outbox:
        """The mails of this portal, as another process of it would send them."""
        config = self.portal.config
        sender = Sender(config.service.name, config.service.origin, config.notices.sender)
        return Outbox(self.portal.database, self.host.wall, channels=[MailChannel(MailServer(config.notices, sender))])

    def tell(self, outbox: Outbox | None = None) -> int:
        """What web does every few seconds: look what happened, send what is due. Answers with how many went out."""
        outbox = outbox or self.outbox
        asyncio.run(ReplacementNotices(self.portal.sam, self.host.wall, outbox=outbox).catch_up())
        return outbox.deliver("mail")

    def wait(self, seconds: float = THREE_DAYS + 1) -> None:
        """Let time pass; officers sign in again, since no session lasts so long."""
        self.host.pass_time(seconds)
        for officer in self.officers:
            officer.sign_in()


@dataclass
class Person:
    """Somebody with a key; `browser` is signed in."""

    browser: Visitor
    recovery_code: str
    email: str

    @property
    def key(self) -> dict[str, Any]:
        return dict(self.browser.get("/api/keys")["keys"][-1])

    @property
    def user_id(self) -> str:
        return str(self.browser.get("/api/me")["user_id"])


def propose(officer: Visitor, user_id: str) -> dict[str, Any]:
    return officer.post(f"/api/officer/people/{user_id}/replacement", {"evidence": EVIDENCE})


def approve(officer: Visitor, act: dict[str, Any]) -> dict[str, Any]:
    """What the officer's browser does with a record that it was given."""
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge_of(act["record"].encode())
    path = f"/api/officer/replacements/{act['act_id']}/approval"
    return officer.post(path, {"credential": officer.device.get(act["publicKey"])})


def begin(office: Office, person: Person) -> dict[str, Any]:
    """Both officers approve, the second after looking at the record. Answers with `replacement` and `link`."""
    act = propose(office.officers[0], person.user_id)
    approve(office.officers[0], act)
    return approve(office.officers[1], office.officers[1].post(f"/api/officer/replacements/{act['act_id']}/review", {}))


def cancel(visitor: Visitor, act_id: str) -> dict[str, Any]:
    act = visitor.post(f"/api/replacements/{act_id}/cancel", {})
    body = {"credential": visitor.device.get(act["publicKey"])}
    return visitor.post(f"/api/replacements/{act_id}/cancellation", body)


def token_of(link: str) -> str:
    return urlsplit(link).fragment


def completion(visitor: Visitor, link: str, pin: str = PIN) -> dict[str, Any]:
    """The body by which a browser completes it, with a new passkey and the PIN of every key."""
    opened = visitor.post("/api/replace/open", {"token": token_of(link)})
    visitor.device = SoftwareAuthenticator(ORIGIN)
    proofs = [{"key": key["key_id"], "slot": "pin", "secret": pin} for key in opened["keys"]]
    secrets: dict[str, Any] = {"proofs": proofs, "given_up": [], "recovery_code": new_recovery_code(), "new_pin": ""}
    info = protocol.HPKE_INFO_REPLACE + base64url.decode(opened["challenge"])
    sealed = seal(base64url.decode(opened["hpke_public_key"]), info, secrets)
    return {
        "token": token_of(link),
        "credential": visitor.device.create(opened["publicKey"]),
        "sealed_secrets": base64url.encode(sealed),
    }
