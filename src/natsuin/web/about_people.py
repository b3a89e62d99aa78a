"""Puts together how officers register people and what they do with their records."""

from dataclasses import dataclass

from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.user_management import Leaving, PersonRecords, Register
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.officers import OfficerAPI
from natsuin.web.api.people import PeopleAPI
from natsuin.web.api.people_file import PeopleFileAPI
from natsuin.web.api.person_acts import PersonActAPI
from natsuin.web.callers import Callers
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.people_pages import PeoplePages
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class AboutPeople:
    """The API, the pages, and the register for whatever else writes to it."""

    topics: tuple[OfficerAPI, PeopleAPI, PeopleFileAPI, PersonActAPI]
    pages: PeoplePages
    register: Register


def about_people(
    settings: WebSettings, database: Database, sam: Sam, *, clock: Clock, facts: ServiceFacts, callers: Callers
) -> AboutPeople:
    """Make them. Nothing is connected or read yet."""
    register, records = Register(database, clock), PersonRecords(database, clock)
    keys = OfficerKeys(sam, clock, database=database)
    answers = ActAnswers(settings, facts=facts, database=database)
    topics = (
        OfficerAPI(sam, clock, settings=settings, database=database, register=register),
        PeopleAPI(records, register=register, keys=keys),
        PeopleFileAPI(records, register=register),
        PersonActAPI(sam, clock, leaving=Leaving(database, clock), answers=answers, callers=callers),
    )
    return AboutPeople(topics, PeoplePages(records, keys=keys), register)
