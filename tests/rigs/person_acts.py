"""What a registration officer decides about a whole person, over any way to reach sam."""

from typing import Any

import pytest

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.errors import ApprovalRefused
from natsuin.sam import protocol as p
from rigs.web_side import Officer, WebSide, assertion

LEFT = {"act": "end-person", "reason": "affiliationChanged"}
WITHDRAW = {"act": "withdraw-invitation"}


def propose(web: WebSide, officer: Officer, user_id: str, **wishes: Any) -> p.Act:
    return web.ask(p.ProposePersonAct(officer_id=officer.user_id, user_id=user_id, **wishes))


def approve(web: WebSide, act: p.Act, device: SoftwareAuthenticator) -> p.PersonActDone:
    return web.ask(p.ApprovePersonAct(act_id=act.act_id, assertion=assertion(device, act.challenge)))


def decide(web: WebSide, officer: Officer, user_id: str, **wishes: Any) -> p.PersonActDone:
    return approve(web, propose(web, officer, user_id, **wishes), officer.device)


def drive_person_acts(story: Any) -> None:
    """Every entry about whole persons, for the story of all entries."""
    web, officer = story.rig.web, story.officers[0]
    note = "a note about a person"
    story.world.private.add("note about a person", note)
    invited = web.invite(officer, name="Invited In Vain")
    with story.drives("invitation-withdrawn"):
        decide(web, officer, invited.user_id, note=note, **WITHDRAW)
    leaver = web.enrol(web.invite(officer, name="Leaver"))
    act = propose(web, officer, leaver.user_id, note=note, **LEFT)
    with story.drives("person-act-refused"), pytest.raises(ApprovalRefused):
        approve(web, act, leaver.device)
    with story.drives("person-ended", "key-revoked"):
        approve(web, act, officer.device)
