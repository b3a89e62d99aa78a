"""Puts together what web has to do with officers among themselves: the API, the pages."""

from dataclasses import dataclass

from natsuin.storage import Database
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.officer_acts import OfficerActAPI
from natsuin.web.callers import Callers
from natsuin.web.officer_board import OfficerBoard
from natsuin.web.officer_board_pages import OfficerBoardPages
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class AboutOfficers:
    """All of it."""

    topic: OfficerActAPI
    pages: OfficerBoardPages


def about_officers(
    settings: WebSettings, database: Database, sam: Sam, *, facts: ServiceFacts, callers: Callers
) -> AboutOfficers:
    """Make it. Nothing is connected or read yet."""
    board = OfficerBoard(sam, database, callers)
    answers = ActAnswers(settings, facts=facts, database=database)
    topic = OfficerActAPI(sam, settings=settings, board=board, answers=answers)
    return AboutOfficers(topic, OfficerBoardPages(board))
