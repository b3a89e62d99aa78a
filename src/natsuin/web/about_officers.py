"""Puts together what web has to do with officers among themselves: the API, the pages."""

from dataclasses import dataclass

from natsuin.authentication.oauth import Clients
from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.officer_acts import OfficerActAPI
from natsuin.web.backup_times import BackupTimes
from natsuin.web.callers import Callers
from natsuin.web.officer_board import OfficerBoard
from natsuin.web.officer_board_pages import OfficerBoardPages
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.service_state import ServiceState
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class AboutOfficers:
    """All of it."""

    topics: tuple[OfficerActAPI, ServiceState]
    pages: OfficerBoardPages


def about_officers(
    settings: WebSettings, database: Database, sam: Sam, *, clock: Clock, facts: ServiceFacts, callers: Callers
) -> AboutOfficers:
    """Make it. Nothing is connected or read yet."""
    board = OfficerBoard(sam, database, callers)
    answers = ActAnswers(settings, facts=facts, database=database)
    topic = OfficerActAPI(sam, settings=settings, board=board, answers=answers)
    times = BackupTimes(settings.configuration, clock, longest_days=settings.rehearsal_days)
    state = ServiceState(sam, facts, Clients(database, clock), times)
    return AboutOfficers((topic, state), OfficerBoardPages(board, state))
