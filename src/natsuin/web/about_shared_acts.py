"""Puts together what web has to do with acts of several people: the API, the pages."""

from dataclasses import dataclass

from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.key_archives import KeyArchiveAPI
from natsuin.web.api.key_imports import KeyImportAPI
from natsuin.web.backup_times import BackupTimes
from natsuin.web.keys import OwnKeys
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings
from natsuin.web.shared_act_pages import SharedActPages
from natsuin.web.shared_acts import SharedActs


@dataclass(frozen=True)
class AboutSharedActs:
    """All of it."""

    shared: SharedActs
    topics: tuple[KeyArchiveAPI, KeyImportAPI]
    pages: SharedActPages


def about_shared_acts(
    settings: WebSettings,
    database: Database,
    sam: Sam,
    *,
    clock: Clock,
    facts: ServiceFacts,
    keys: OwnKeys,
    officer_keys: OfficerKeys,
) -> AboutSharedActs:
    """Make it. Nothing is connected or read yet."""
    shared = SharedActs(sam, database=database, answers=ActAnswers(settings, facts=facts, database=database))
    times = BackupTimes(settings.configuration, clock, longest_days=settings.rehearsal_days)
    topics = (
        KeyArchiveAPI(sam, shared=shared, keys=keys),
        KeyImportAPI(sam, shared=shared, keys=keys, officer_keys=officer_keys),
    )
    return AboutSharedActs(shared, topics, SharedActPages(shared, keys=officer_keys, times=times, facts=facts))
