"""An auditor before sam: invited on the host, with a passkey, reading through whatever carries messages."""

import json
from dataclasses import dataclass
from typing import Any

from natsuin.clock import SystemClock
from natsuin.key_management import AUDITOR, log_opening
from natsuin.sam import protocol as p
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, assertion, digests


def invite_auditor(rig: SamRig, name: str = "監査 花子") -> str:
    """Invited on the host, as `natsuin officer invite --role auditor` does."""
    return rig.sam.handlers.officers.invite(name, (AUDITOR,))


class Hands:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.shown = SystemClock().now()

    def now(self) -> Any:
        return self.shown


@dataclass
class Auditor:
    """One who reads. `begin` opens a reading; the other calls use it."""

    web: WebSide
    who: Officer
    reading: bytes = b""

    @classmethod
    def register(cls, rig: SamRig, name: str = "監査 花子") -> "Auditor":
        web = rig.web
        return cls(web, web.register_officer(invite_auditor(rig, name)))

    def propose(self, purpose: str = "年次監査") -> p.Act:
        return self.web.ask(p.ProposeReading(auditor_id=self.who.user_id, purpose=purpose))

    def begin(self) -> "Auditor":
        act = self.propose()
        begun = self.web.ask(p.BeginReading(act_id=act.act_id, assertion=assertion(self.who.device, act.challenge)))
        self.reading = begun.reading
        return self

    def _ask(self, kind: type[Any], **fields: Any) -> Any:
        return self.web.ask(kind(auditor_id=self.who.user_id, reading=self.reading, **fields))

    def search(self, *, before: int = 0, limit: int = 50, file: str = "", **query: Any) -> p.LogFound:
        return self._ask(p.SearchLog, query=p.LogQuery(**query), before=before, limit=limit, file=file)

    def activity(self, first_day: int, days: int) -> p.Activity:
        return self._ask(p.ReadActivity, first_day=first_day, days=days)

    def open(self, *indices: int) -> p.EntriesOpened:
        return self._ask(p.OpenEntries, indices=indices)


def entries_of(sam: SamRig) -> list[dict[str, Any]]:
    return [json.loads(leaf) for _, leaf in sam.sam.log.entries()]


def committed(sam: SamRig, entry: dict[str, Any]) -> dict[str, Any]:
    with sam.sam.database.read() as connection:
        rows = connection.execute(log_opening.select().where(log_opening.c.tx == entry["tx"]))
        return dict(json.loads(rows.one().fields))


def told(found: p.LogFound) -> list[dict[str, Any]]:
    return [json.loads(entry.leaf) for entry in found.entries]


def sign_once(web: WebSide, signer: Signer) -> None:
    approved = digests(1)
    web.sign(web.approve(signer, approved), approved)
