"""Puts together what web has to do with auditors: the API, the pages."""

from dataclasses import dataclass

from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.auditing import AuditAPI
from natsuin.web.audit_pages import AuditPages
from natsuin.web.callers import Callers
from natsuin.web.log_reading import LogReading
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class AboutAuditors:
    """All of it."""

    topic: AuditAPI
    pages: AuditPages


def about_auditors(
    settings: WebSettings, database: Database, sam: Sam, *, clock: Clock, facts: ServiceFacts, callers: Callers
) -> AboutAuditors:
    """Make it. Nothing is connected or read yet."""
    log = LogReading(sam, database=database)
    answers = ActAnswers(settings, facts=facts, database=database)
    return AboutAuditors(AuditAPI(sam, log=log, answers=answers, callers=callers), AuditPages(log, callers, clock))
