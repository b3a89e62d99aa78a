"""Puts the objects of the web process together: each is given what it needs, once, here."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from natsuin.authentication import Login, Sessions, SignInLimits
from natsuin.clock import Clock, SystemClock
from natsuin.storage import Database
from natsuin.web.about_applications import AboutApplications, about_applications
from natsuin.web.about_auditors import about_auditors
from natsuin.web.about_officers import about_officers
from natsuin.web.about_people import about_people
from natsuin.web.about_shared_acts import AboutSharedActs, about_shared_acts
from natsuin.web.account import Account
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.documents import DocumentAPI
from natsuin.web.api.enrolment import EnrolmentAPI
from natsuin.web.api.instructions import InstructionAPI, InstructionMembers
from natsuin.web.api.key_acts import KeyActAPI
from natsuin.web.api.keys import KeyAPI
from natsuin.web.api.login import LoginAPI
from natsuin.web.api.officer_keys import OfficerKeyAPI
from natsuin.web.api.service import ServiceAPI
from natsuin.web.api.signatures import SignatureAPI
from natsuin.web.api.verification import VerificationAPI
from natsuin.web.callers import Callers
from natsuin.web.document_signing import DocumentSigning
from natsuin.web.document_store import DocumentStore
from natsuin.web.document_work import DocumentWork
from natsuin.web.hash_signing import HashSigning
from natsuin.web.health import HealthChecks
from natsuin.web.history import Histories
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.key_pages import KeyPages
from natsuin.web.keys import OwnKeys
from natsuin.web.log_files import LogFiles
from natsuin.web.lost_passkeys import about_lost_passkeys
from natsuin.web.notices import Telling, make_telling
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.pages import Pages
from natsuin.web.pki import PublicPKI
from natsuin.web.record_pages import RecordPages
from natsuin.web.revocation_lists import RevocationLists
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings
from natsuin.web.sign_in_passkeys import SignInPasskeys


@dataclass(frozen=True)
class Parts:
    """What the application is made of."""

    api: ApiRoutes
    plain_routes: list[BaseRoute]
    sessions: Sessions
    callers: Callers
    instructions: InstructionStore
    signing: DocumentSigning
    work: DocumentWork
    telling: Telling
    applications: AboutApplications
    sign_in_limits: SignInLimits


def assemble(
    settings: WebSettings,
    database: Database,
    sam: Sam,
    *,
    clock: Clock | None = None,
    work: DocumentWork | None = None,
) -> Parts:
    """Make every object of the web process. Nothing is connected or read yet."""
    clock, work = clock or SystemClock(), work or DocumentWork()
    sessions = Sessions(database, clock, limits=settings.session_limits)
    callers = Callers(sessions, database, https=settings.is_https)
    facts, keys, limits = ServiceFacts(sam), OwnKeys(sam, clock), SignInLimits(database, clock)
    key_topics, key_pages, shared = _about_keys(
        settings, database, sam, clock=clock, facts=facts, keys=keys, callers=callers
    )
    telling = make_telling(settings, database, sam, clock)
    lost = about_lost_passkeys(settings, sam, facts=facts, keys=keys, callers=callers, telling=telling)
    auditors = about_auditors(settings, database, sam, clock=clock, facts=facts, callers=callers)
    officers = about_officers(settings, database, sam, clock=clock, facts=facts, callers=callers)
    people = about_people(settings, database, sam, clock=clock, facts=facts, callers=callers)
    register, account, lists = people.register, Account(callers, database, telling), RevocationLists(sam)
    documents = DocumentStore(database, clock, max_bytes_per_person=settings.max_bytes_per_person)
    instructions = InstructionStore(database, clock)
    signing = DocumentSigning(sam, clock, documents=documents, instructions=instructions, keys=keys, work=work)
    hashes, members = HashSigning(sam, instructions, keys), InstructionMembers(settings, facts=facts, database=database)
    apps = about_applications(settings, database, sam, clock=clock, keys=keys, hash_signing=hashes, members=members)
    topics = (
        SignatureAPI(hashes),
        ServiceAPI(facts, settings),
        LoginAPI(Login(database, clock, party=settings.party), callers, database, limits),
        EnrolmentAPI(sam, clock, settings=settings, facts=facts, database=database, register=register, callers=callers),
        *key_topics,
        *(*shared.topics, *lost.topics, auditors.topic, *officers.topics, *people.topics, account),
        DocumentAPI(sam, documents=documents, instructions=instructions, signing=signing, work=work),
        InstructionAPI(members=members, signing=signing, hash_signing=hashes),
        *apps.topics,
        VerificationAPI(settings, facts=facts, revocation_lists=lists, work=work),
    )
    api = ApiRoutes(callers)
    for part in topics:
        part.add_to(api)
    notices = telling.replacements
    pages = Pages(
        settings, callers, documents=documents, instructions=instructions, signing=signing, keys=keys, notices=notices
    )
    record_pages = RecordPages(settings, facts=facts, histories=Histories(sam, instructions), register=register)
    about = (one.pages for one in (shared, lost, auditors, officers, people, apps))
    others = (record_pages, key_pages, *about, account)
    plain_routes = [
        *pages.routes([page for topic in others for page in topic.pages()]),
        *PublicPKI(sam, facts, lists, callers).routes(),
        *LogFiles(settings.log_folder, callers).routes(),
        *HealthChecks(sam, database, callers, remember_seconds=settings.limits.readiness_seconds).routes(),
    ]
    return Parts(api, plain_routes, sessions, callers, instructions, signing, work, telling, apps, limits)


def _about_keys(
    settings: WebSettings,
    database: Database,
    sam: Sam,
    *,
    clock: Clock,
    facts: ServiceFacts,
    keys: OwnKeys,
    callers: Callers,
) -> tuple[tuple[KeyAPI, KeyActAPI, OfficerKeyAPI], KeyPages, AboutSharedActs]:
    """What owners and officers do with keys: by the API, and on pages."""
    passkeys = SignInPasskeys(database, clock, keys=keys, sessions=callers.sessions)
    officer_keys = OfficerKeys(sam, clock, database=database)
    answers = ActAnswers(settings, facts=facts, database=database)
    shared = about_shared_acts(
        settings,
        database,
        sam,
        clock=clock,
        facts=facts,
        keys=keys,
        officer_keys=officer_keys,
    )
    topics = (
        KeyAPI(sam, keys=keys, answers=answers, passkeys=passkeys, callers=callers),
        KeyActAPI(
            sam,
            settings=settings,
            database=database,
            keys=keys,
            answers=answers,
            passkeys=passkeys,
            callers=callers,
        ),
        OfficerKeyAPI(sam, keys=officer_keys, answers=answers),
    )
    pages = KeyPages(
        keys, passkeys=passkeys, callers=callers, officer_keys=officer_keys, facts=facts, shared=shared.shared
    )
    return topics, pages, shared
