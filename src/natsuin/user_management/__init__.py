"""利用者管理, user management: who exists and what they may do in the portal.

An account is made by a registration step: a registration officer enters a person with the evidence of identity,
approves the canonical act with their passkey, sam verifies it and gives out a one-time invitation. DB-1 keeps the
account, its roles and the officers' register; sam keeps its own record of officers and owners, and believes none of
these rows (design, section 3). So a changed row here may show somebody the wrong page, and can never make a signature.

- `Person`, `Role`, `add_person`, `find_person`, `names_of`, `officers`, `people_named`: accounts.
- `Register`: the officers' register, from proposal over invitation to enrolment.
- `PersonRecords`: one person's record, its history and its corrections, and finding one among a million.
- `Leaving`: withdrawn invitations, ended accounts, and erasing who they were.
- `read_people`: a CSV file of people to be registered.
"""

from natsuin.user_management.leaving import Leaving
from natsuin.user_management.people import (
    OFFICERS,
    Person,
    Role,
    add_person,
    every_officer,
    find_person,
    names_of,
    officers,
    people_named,
    take_offices,
)
from natsuin.user_management.people_file import (
    ENCODINGS,
    MOST_LINES,
    PeopleFileEncoding,
    PeopleFileHeader,
    PeopleFileRefused,
    PeopleFileTooLong,
    PeopleLine,
    read_people,
)
from natsuin.user_management.records import CORRECTABLE, FoundPeople, PersonEvent, PersonRecords
from natsuin.user_management.register import Proposal, Register, RegisteredPerson, new_user_id

__all__ = [
    "CORRECTABLE",
    "ENCODINGS",
    "MOST_LINES",
    "OFFICERS",
    "FoundPeople",
    "Leaving",
    "PeopleFileEncoding",
    "PeopleFileHeader",
    "PeopleFileRefused",
    "PeopleFileTooLong",
    "PeopleLine",
    "Person",
    "PersonEvent",
    "PersonRecords",
    "Proposal",
    "Register",
    "RegisteredPerson",
    "Role",
    "add_person",
    "every_officer",
    "find_person",
    "names_of",
    "new_user_id",
    "officers",
    "people_named",
    "read_people",
    "take_offices",
]
