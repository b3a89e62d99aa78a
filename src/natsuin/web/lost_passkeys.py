"""Puts together what web has to do with lost passkeys: the API, the pages, the notices."""

from dataclasses import dataclass

from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.replacements import ReplacementAPI, ReplacementLinkAPI
from natsuin.web.callers import Callers
from natsuin.web.keys import OwnKeys
from natsuin.web.notices import Telling
from natsuin.web.replacement_pages import ReplacementPages
from natsuin.web.replacements import Replacements
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings
from natsuin.web.sign_in_passkeys import SignInPasskeys


@dataclass(frozen=True)
class LostPasskeys:
    """All of it."""

    topics: tuple[ReplacementAPI, ReplacementLinkAPI]
    pages: ReplacementPages


def about_lost_passkeys(
    settings: WebSettings, sam: Sam, *, facts: ServiceFacts, keys: OwnKeys, callers: Callers, telling: Telling
) -> LostPasskeys:
    """Make it. Nothing is connected or read yet."""
    database, clock, notices = telling.database, telling.clock, telling.replacements
    replacements = Replacements(sam, clock, database=database)
    passkeys = SignInPasskeys(database, clock, keys=keys, sessions=callers.sessions)
    answers = ActAnswers(settings, facts=facts, database=database)
    topics = (
        ReplacementAPI(sam, clock, settings=settings, answers=answers, replacements=replacements, notices=notices),
        ReplacementLinkAPI(
            sam, settings=settings, facts=facts, database=database, keys=keys, passkeys=passkeys, notices=notices
        ),
    )
    return LostPasskeys(topics, ReplacementPages(replacements, notices=notices, database=database))
