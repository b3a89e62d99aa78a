"""People are told of what happens to their keys: as the log has it, once, on every way, whatever fails in between."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.clock import Clock, FixedClock, SystemClock, milliseconds
from natsuin.errors import Malformed, Unavailable, WrongSecret
from natsuin.mail_server import Sender
from natsuin.monitor.catalogue import CATALOGUE
from natsuin.sam import protocol as p
from natsuin.storage import Database, create_database, open_database
from natsuin.storage.schema import metadata_of
from natsuin.user_management.tables import person as people
from natsuin.web.notices import KeyNotices, MailChannel, MailServer, Outbox, WebhookChannel, choose
from natsuin.web.notices.key_texts import KEY_TEXTS, TOLD_AS, UNTOLD, USED
from natsuin.web.notices.tables import notice_delivery, notice_progress
from rigs.mail_server import Mailbox, mail_server
from rigs.portal import LoopbackSam
from rigs.sam_in_process import SamRig
from rigs.secret_changes import add_passkey, change_pin, reset_pin, sign
from rigs.watched_log import SECRET, Hook, hook
from rigs.web_side import PIN, Officer, Signer, digests

SENDER = Sender("Natsuin", "https://sign.example.jp", "natsuin@example.jp")
NOT_TOLD = {
    "approved": "its outcome is told",
    "certificate-installed": "an officer's step of what key-created told",
    "instruction-cancelled": "nothing was signed",
    "intent": "its outcome is told",
    "key-backup-refused": "a copy or its restoration was refused: nothing became of it",
    "key-import-refused": "nothing was imported",
    "key-stated": "the person asked for the statement",
    "passkeys-replaced": "told with the replacement, of which it is a part",
    "revocation-told": "the revocation was told",
    "signing-refused": "nothing was signed; a spent or unknown approval is no use of the key",
    "resident-key-finding": "for the operator",
    "resident-key-unknown": "for the operator",
    "undelivered": "for the operator; the outcome is told",
}
"""Entries about a person's key of which no notice is sent, and why."""


@dataclass
class Street:
    """A sam, a DB-1, a mailbox and a receiver of webhooks. The clock is of web's notices only."""

    rig: SamRig
    database: Database
    mailbox: Mailbox
    hook: Hook
    officer: Officer
    clock: FixedClock

    def person(self) -> Signer:
        signer = self.rig.web.enrol(self.rig.web.invite(self.officer))
        values = {"user_id": signer.user_id, "display_name": "X", "roles": ["signer"], "created_at": 1}
        with self.database.write() as connection:
            connection.execute(sa.insert(people).values(email=f"{signer.user_id}@example.jp", **values))
        return signer

    @property
    def outbox(self) -> Outbox:
        mail = MailChannel(MailServer(self.mailbox.section, SENDER))
        return Outbox(self.database, self.clock, channels=[mail, WebhookChannel(self.hook.url, SECRET, SENDER)])

    def notices(self, outbox: Outbox | None = None, *, of_use: bool = True) -> KeyNotices:
        sam = LoopbackSam(self.rig)
        return KeyNotices(sam, self.database, self.clock, outbox=outbox or self.outbox, of_use=of_use)

    def catch_up(self, **wishes: bool) -> int:
        self.clock.time = SystemClock().now()
        return asyncio.run(self.notices(**wishes).catch_up())

    def deliver(self) -> None:
        for way in self.outbox.ways:
            self.outbox.deliver(way)

    def events(self, signer: Signer) -> list[str]:
        """What the person was told by mail or is to be, in the order in which it happened."""
        columns = notice_delivery.c
        asked = sa.select(columns.event).where(columns.user_id == signer.user_id, columns.channel == "mail")
        with self.database.read() as connection:
            return list(connection.execute(asked.order_by(columns.moment)).scalars())


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    rig = SamRig.make(folder)
    create_database(rig.config.web.database, name="web")
    database = open_database(rig.config.web.database, name="web")
    metadata_of("web").create_all(database.engine)
    with mail_server() as mailbox, hook() as receiver:
        officer = rig.web.register_officer(rig.token)
        made = Street(rig, database, mailbox, receiver, officer, FixedClock(SystemClock().now()))
        asyncio.run(made.notices().catch_up())
        yield made
    database.close()
    rig.close()


def wrong_pin(street: Street, signer: Signer, tries: int = 1) -> None:
    web = street.rig.web
    for _ in range(tries):
        with pytest.raises(WrongSecret):
            web.activate(signer, web.instruct(signer, digests(1)), pin="not the PIN 1")


def test_every_entry_about_a_key_is_told_or_says_why_not() -> None:
    """The catalogue of the log against what people are told, by type of entry."""
    about_keys = {name for name in CATALOGUE if name.startswith(("key-", "pin-", "passkeys-", "resident-"))}
    about_keys |= {"approved", "intent", "outcome", "secret-refused", "approval-refused", "signing-refused"}
    about_keys |= {"instruction-cancelled", "certificate-installed", "revocation-told", "undelivered"}
    assert about_keys == TOLD_AS.keys() | {"outcome"} | NOT_TOLD.keys()


def test_uses_and_changes_are_told_in_order(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    sign(web, signer, signer.device)
    change_pin(web, signer, "another horse 8")
    signer.pin = "another horse 8"
    _, code = add_passkey(web, signer)
    reset_pin(web, signer, code=code, new_pin=PIN, new_code=new_recovery_code(), by=signer.device)
    signer.pin = PIN
    web.act(signer, "suspend")
    web.act(signer, "resume")
    renewed = web.renew(signer)
    web.act(renewed, "revoke", reason="keyCompromise")
    street.catch_up()
    assert street.events(signer) == [
        "key-created",
        USED,
        "pin-changed",
        "passkeys-changed",
        "pin-reset",
        "key-suspended",
        "key-resumed",
        "key-created",
        "key-revoked",
    ]
    assert street.catch_up() == 0, "told once"


def test_both_ways_carry_both_languages_and_no_secret(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    sign(web, signer, signer.device)
    street.catch_up()
    street.deliver()
    mine = [mail for _, to, mail in street.mailbox.taken if to == [f"{signer.user_id}@example.jp"]]
    assert [str(mail["Subject"]).partition(" / ")[2] for mail in mine] == [
        "[Natsuin] A new key was made for you",
        "[Natsuin] Your key signed",
    ]
    posted = [one for one in street.hook.taken if one["user_id"] == signer.user_id]
    assert [one["event"] for one in posted] == ["key-created", USED]
    assert street.hook.forged == []
    for mail, one in zip(mine, posted, strict=True):
        text = mail.get_content()
        assert one["texts"]["ja"]["body"] in text.replace("\r\n", "\n")
        assert one["texts"]["en"]["body"] in text.replace("\r\n", "\n")
        assert one["email"] == f"{signer.user_id}@example.jp"
        for secret in (PIN, signer.recovery_code, signer.key.key_id, "#", "/enrol", "/approve"):
            assert secret not in text + json.dumps(one["texts"])


def test_many_signatures_under_one_approval_are_told_once(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    wanted = digests(4)
    sad = web.activate(signer, web.instruct(signer, wanted)).sad
    for digest in wanted:
        web.sign(sad, (digest,))
    street.catch_up()
    assert street.events(signer).count(USED) == 1


def test_wrong_secrets_are_told_once_a_day_and_the_last_by_itself(street: Street) -> None:
    signer = street.person()
    wrong_pin(street, signer, 9)
    street.catch_up()
    assert street.events(signer) == ["key-created", "approval-refused"]
    wrong_pin(street, signer)
    street.catch_up()
    assert street.events(signer) == ["key-created", "approval-refused", "secret-closed"]


def test_a_key_for_one_use_is_told_by_its_use(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    made = web.act(signer, "one-time", secrets={"pin": signer.pin}).made
    assert made is not None
    sign(web, Signer(signer.user_id, made, signer.device, signer.pin), signer.device)
    street.catch_up()
    assert street.events(signer) == ["key-created", USED]


def test_who_does_not_wish_it_is_not_told_of_uses_but_of_all_else(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    choose_at(street, signer, SystemClock())
    sign(web, signer, signer.device)
    wrong_pin(street, signer)
    street.catch_up()
    assert street.events(signer) == ["key-created", "approval-refused"]


def choose_at(street: Street, signer: Signer, clock: Clock) -> None:
    with street.database.write() as connection:
        choose(connection, signer.user_id, of_use=False, now=milliseconds(clock.now()))


def test_a_use_before_the_choice_is_told_all_the_same(street: Street) -> None:
    """Who uses somebody's key and then turns this off is told of, however slow web is."""
    web, signer = street.rig.web, street.person()
    sign(web, signer, signer.device)
    choose_at(street, signer, SystemClock())
    sign(web, signer, signer.device)
    street.catch_up()
    assert street.events(signer) == ["key-created", USED]


def test_an_installation_may_keep_uses_to_itself(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    sign(web, signer, signer.device)
    street.catch_up(of_use=False)
    assert street.events(signer) == ["key-created"]


def test_who_is_not_in_the_register_any_more_is_not_told(street: Street) -> None:
    web, signer = street.rig.web, street.person()
    sign(web, signer, signer.device)
    street.catch_up()
    with street.database.write() as connection:
        connection.execute(sa.delete(people).where(people.c.user_id == signer.user_id))
    sign(web, signer, signer.device)
    street.catch_up()
    assert street.events(signer) == []


# --- What fails in between -------------------------------------------------------------------------------------------


def test_a_crash_between_reading_and_keeping_loses_and_repeats_nothing(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = street.person()
    wrong_pin(street, signer)
    with monkeypatch.context() as broken:

        def dies(*_: object) -> int:
            raise SystemExit(9)

        broken.setattr(Outbox, "put_with", dies)
        with suppress(SystemExit):
            street.catch_up()
    assert street.events(signer) == []
    street.catch_up()
    assert street.events(signer) == ["key-created", "approval-refused"]


def test_two_web_processes_tell_once(street: Street) -> None:
    signer = street.person()
    wrong_pin(street, signer)
    slow = street.notices()

    class Overtaken(LoopbackSam):
        async def call(self, message: object, *, deadline: float = 30.0) -> object:
            answer = await super().call(message, deadline=deadline)
            await street.notices().catch_up()
            return answer

    slow._sam = Overtaken(street.rig)
    asyncio.run(slow.catch_up())
    assert street.events(signer) == ["key-created", "approval-refused"]


def test_a_receiver_that_refuses_holds_up_no_mail_and_is_told_later(street: Street) -> None:
    signer = street.person()
    street.catch_up()
    street.hook.status = 500
    try:
        street.deliver()
        address = f"{signer.user_id}@example.jp"
        assert len(street.mailbox.subjects(address)) == 1
        street.clock.advance(61)
    finally:
        street.hook.status = 200
    street.deliver()
    street.deliver()
    assert [one["event"] for one in street.hook.taken if one["user_id"] == signer.user_id] == ["key-created"]
    assert len(street.mailbox.subjects(address)) == 1


def test_sam_away_is_no_end(street: Street) -> None:
    signer = street.person()
    notices = street.notices()

    def away(message: object) -> None:
        raise Unavailable("sam is away")

    assert isinstance(notices._sam, LoopbackSam)
    notices._sam.before = away
    with pytest.raises(Unavailable):
        asyncio.run(notices.catch_up())
    notices._sam.before = None
    asyncio.run(notices.catch_up())
    assert street.events(signer) == ["key-created"]


def test_the_past_before_the_first_look_is_passed_over_and_a_put_back_log_begins_at_its_end(street: Street) -> None:
    signer = street.person()
    with street.database.write() as connection:
        connection.execute(sa.delete(notice_progress))
    street.catch_up()
    with street.database.write() as connection:
        connection.execute(sa.update(notice_progress).values(reached=10**9))
    street.catch_up()
    assert street.events(signer) == []
    wrong_pin(street, signer)
    street.catch_up()
    assert street.events(signer) == ["approval-refused"]


def test_what_is_older_than_a_week_is_told_no_more(street: Street) -> None:
    signer = street.person()
    street.clock.time = SystemClock().now() + timedelta(days=8)
    asyncio.run(street.notices().catch_up())
    assert street.events(signer) == []


def test_without_any_way_the_log_is_passed_over(street: Street) -> None:
    signer = street.person()
    nowhere = Outbox(street.database, street.clock, channels=())
    asyncio.run(street.notices(nowhere).catch_up())
    street.catch_up()
    assert street.events(signer) == []


# --- The message ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("since", "limit"), [(-1, 1), (0, 0), (0, 1001)])
def test_news_are_asked_for_in_pages(street: Street, since: int, limit: int) -> None:
    with pytest.raises(Malformed):
        street.rig.ask(p.ListNews(since=since, limit=limit))


def test_pages_of_news_join_without_gap(street: Street) -> None:
    whole = street.rig.ask(p.ListNews(since=0, limit=1000))
    assert whole.reached == whole.size
    assert street.rig.ask(p.ListNews(since=whole.size + 5)).reached == whole.size
    found: list[p.News] = []
    since = 0
    while since < whole.size:
        page = street.rig.ask(p.ListNews(since=since, limit=3))
        assert page.reached == min(since + 3, page.size)
        found += page.news
        since = page.reached
    assert tuple(found) == whole.news
    assert {one.event.kind for one in found} & {"intent", "enrolment-approved"} == set()


def test_each_text_stands_in_both_languages() -> None:
    for event, texts in KEY_TEXTS.items():
        assert texts.keys() == {"ja", "en"}, event
        for text in texts.values():
            assert "{when}" in text.paragraphs[0], event
    assert {*TOLD_AS.values(), USED, UNTOLD, "secret-closed"} == KEY_TEXTS.keys()
