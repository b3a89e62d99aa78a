"""Puts together what officers do with people's records."""

from dataclasses import dataclass

from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.user_management import PersonRecords, Register
from natsuin.web.api.people import PeopleAPI
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.people_pages import PeoplePages
from natsuin.web.sam_calls import Sam


@dataclass(frozen=True)
class AboutPeople:
    """The API and the pages."""

    topic: PeopleAPI
    pages: PeoplePages


def about_people(sam: Sam, clock: Clock, *, database: Database, register: Register) -> AboutPeople:
    """Make both."""
    records, keys = PersonRecords(database, clock), OfficerKeys(sam, clock, database=database)
    return AboutPeople(PeopleAPI(records, register=register, keys=keys), PeoplePages(records, keys=keys))
