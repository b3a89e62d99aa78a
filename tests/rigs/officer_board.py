"""What security officers decide together, over any way to reach sam."""

from dataclasses import dataclass
from typing import Any

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
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
