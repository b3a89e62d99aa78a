"""What security officers decide together, over any way to reach sam."""

from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.errors import ApprovalRefused
from natsuin.key_management import OutsideRevocations
from natsuin.sam import protocol as p
from rigs.web_side import Officer, WebSide, assertion


@dataclass(frozen=True)
class OfficerBoard:
    web: WebSide

    def propose(self, officer: Officer, **wishes: Any) -> p.Act:
        return self.web.ask(p.ProposeOfficerAct(officer_id=officer.user_id, **wishes))

    def review(self, officer: Officer, act_id: str) -> p.Act:
        return self.web.ask(p.ReviewOfficerAct(officer_id=officer.user_id, act_id=act_id))

    def approve(
        self, officer: Officer, act: p.Act, *, device: SoftwareAuthenticator | None = None, by: str = ""
    ) -> p.OfficerActStep:
        made = assertion(device or officer.device, act.challenge)
        return self.web.ask(p.ApproveOfficerAct(act_id=act.act_id, assertion=made, by=by))

    def decide(self, first: Officer, second: Officer, **wishes: Any) -> p.OfficerActStep:
        """Both approve; the last answer."""
        act = self.propose(first, **wishes)
        assert self.approve(first, act).waiting
        return self.approve(second, self.review(second, act.act_id))

    def list(self, officer: Officer) -> p.OfficerList:
        return self.web.ask(p.ListOfficers(officer_id=officer.user_id))


def drive_officers(story: Any) -> None:
    """Every entry about officers and stops, for the story of all entries."""
    first, second = story.officers
    board, note = OfficerBoard(story.rig.web), "a note about officers"
    story.world.private.add("note about officers", note)
    with story.drives("officer-act-proposed", "officer-invited"):
        third = board.decide(first, second, act="name-officer", name="Third", roles=("security-officer",), note=note)
    with story.drives("officer-registered"):
        story.world.private.add("officer", (user_id := story.rig.web.register_officer(third.token).user_id))
    with story.drives("officer-act-proposed", "officer-removed"):
        board.decide(first, second, act="remove-officer", user_id=user_id, note=note)
    with story.drives("signing-stopped"):
        board.approve(first, board.propose(first, act="stop-signing", note=note))
    refused = board.propose(first, act="resume-signing")
    over_another = assertion(first.device, bytes(32))
    with story.drives("officer-act-refused"), pytest.raises(ApprovalRefused):
        board.web.ask(p.ApproveOfficerAct(act_id=refused.act_id, assertion=over_another))
    with story.drives("officer-act-proposed", "signing-resumed"):
        board.decide(first, second, act="resume-signing", note=note)
    drive_told_revocation(story, board, first)


def drive_told_revocation(story: Any, board: OfficerBoard, officer: Officer) -> None:
    """As if a certificate that was revoked here were an outside authority's."""
    person = board.web.enrol(board.web.invite(officer))
    foundation = story.rig.sam.handlers.keys.foundation
    key, serial = person.key, f"{x509.load_der_x509_certificate(person.key.certificate).serial_number:x}"
    row = {"serial": serial, "key_id": key.key_id, "der": key.certificate, "reason": "superseded", "revoked_at": 1}
    with foundation.database.write() as connection:
        OutsideRevocations(foundation).owe_in(connection, row)
    with story.drives("revocation-told"):
        board.approve(officer, board.propose(officer, act="revocation-told", serial=serial))
