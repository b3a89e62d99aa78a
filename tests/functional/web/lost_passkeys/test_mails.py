"""Mails about lost passkeys: they arrive at the person, once, whatever fails in between, and carry nothing secret."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from natsuin import mail_server as mail_server_module
from natsuin.cli.demo.visitor import ServerRefused
from natsuin.clock import FixedClock
from natsuin.errors import Unavailable
from natsuin.mail_server import MailFailed, Sender
from natsuin.notice_settings import NoticesSection
from natsuin.sam import protocol
from natsuin.user_management.tables import person as people
from natsuin.web.notices import MailChannel, MailServer, Outbox
from natsuin.web.notices.tables import notice_delivery
from rigs import loopback_tls
from rigs.mail_server import Mailbox, mail_server
from rigs.passkey_office import Office, Person, begin, cancel, completion, propose, token_of
from rigs.portal import PERSON, Portal

SENDER = Sender("Natsuin", "http://localhost:8710", "natsuin@example.jp")


@pytest.fixture(autouse=True)
def kind_server(mailbox: Mailbox) -> Iterator[None]:
    yield
    mailbox.refusing = False


def rows(office: Office, step: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """The mails about one replacement: state and attempts by event."""
    name = step["replacement"]["act_id"]
    with office.portal.database.read() as connection:
        found = connection.execute(sa.select(notice_delivery).where(notice_delivery.c.notice_id.startswith(name))).all()
    return {row.event: (row.state, row.attempts) for row in found}


def arrived(office: Office, person: Person) -> list[EmailMessage]:
    return [mail for _, to, mail in office.mailbox.taken if to == [person.email]]


def test_begin_end_of_waiting_and_completion_are_told_once(office: Office) -> None:
    person = office.person()
    step = begin(office, person)
    office.tell()
    office.wait()
    office.tell()
    guest = office.portal.visitor()
    guest.post("/api/replace/complete", completion(guest, step["link"]))
    office.tell()
    office.tell()
    mails = arrived(office, person)
    subjects = [str(mail["Subject"]) for mail in mails]
    assert [subject.split(" / ")[1] for subject in subjects] == [
        "[Natsuin] A new passkey was approved for you",
        "[Natsuin] You can register your new passkey",
        "[Natsuin] A new passkey was registered for you",
    ]
    assert all(subject.startswith("【Natsuin】新しいパスキー") for subject in subjects)
    assert len({mail["Message-ID"] for mail in mails}) == 3
    assert {mail["From"].addresses[0].addr_spec for mail in mails} == {"natsuin@example.jp"}


def test_a_cancellation_is_told(office: Office) -> None:
    person = office.person()
    step = begin(office, person)
    cancel(office.officers[0], step["replacement"]["act_id"])
    office.tell()
    (mail,) = (mail for mail in arrived(office, person) if "cancelled" in str(mail["Subject"]))
    assert "取り消されました" in mail.get_content()


def test_no_mail_holds_a_secret_or_a_way_in(office: Office) -> None:
    person = office.person()
    step = begin(office, person)
    office.tell()
    (mail,) = arrived(office, person)
    text = mail.as_string() + mail.get_content()
    for secret in (token_of(step["link"]), step["replacement"]["act_id"] + "#", "/replace", "#"):
        assert secret not in mail.get_content()
    assert token_of(step["link"]) not in text
    assert "http://localhost:8710" in mail.get_content()
    # In both languages, with the moment in each.
    assert "日本時間" in mail.get_content()
    assert " UTC" in mail.get_content()


def test_what_the_server_refuses_is_tried_again_less_and_less_often(office: Office) -> None:
    person = office.person()
    office.mailbox.refusing = True
    step = begin(office, person)
    office.tell()
    refused = rows(office, step)["replacement-begun"]
    assert refused[0] == "waiting"
    assert refused[1] >= 1
    office.tell()
    assert rows(office, step)["replacement-begun"] == refused
    office.mailbox.refusing = False
    office.tell()
    assert arrived(office, person) == []
    office.wait(3600)
    office.tell()
    assert len(arrived(office, person)) == 1
    assert rows(office, step)["replacement-begun"][0] == "sent"


def test_a_crash_between_sam_and_the_outbox_loses_nothing(office: Office) -> None:
    person = office.person()

    def fail(message: Any) -> None:
        if isinstance(message, protocol.ListReplacements) and not message.user_id:
            raise Unavailable("the socket broke")

    office.portal.sam.before = fail
    step = begin(office, person)
    assert rows(office, step) == {}
    office.portal.sam.before = None
    office.tell()
    assert len(arrived(office, person)) == 1


def test_a_crash_while_sending_loses_nothing(office: Office) -> None:
    person = office.person()
    office.mailbox.refusing = True
    step = begin(office, person)

    class Dying(MailServer):
        def send(self, mail: EmailMessage) -> None:
            raise SystemExit(9)

    dying = Outbox(
        office.portal.database, office.host.wall, channels=[MailChannel(Dying(office.mailbox.section, SENDER))]
    )
    office.wait(3600)
    with pytest.raises(SystemExit):
        dying.deliver("mail")
    office.mailbox.refusing = False
    office.wait(3600)
    office.tell()
    office.wait(7200)
    office.tell()
    assert len(arrived(office, person)) == 1
    assert rows(office, step)["replacement-begun"][0] == "sent"


@pytest.mark.parametrize(
    "address",
    [
        "v@example.jp\r\nBcc: all@example.jp",
        "v@example.jp, all@example.jp",
        "v@example.jp\nSubject: other",
        "<v@example.jp> <all@example.jp>",
        "not an address",
        # The parser of the standard library raises an AttributeError for it.
        "x'@[;b",
    ],
)
def test_an_address_is_one_address_and_no_header(office: Office, address: str) -> None:
    """Whoever writes DB-1 adds no recipients and no headers."""
    person = office.person()
    with office.portal.database.write() as connection:
        connection.execute(sa.update(people).where(people.c.email == person.email).values(email=address))
    before = len(office.mailbox.taken)
    step = begin(office, person)
    office.tell()
    assert rows(office, step)["replacement-begun"][0] == "given-up"
    assert len(office.mailbox.taken) == before


def test_one_bad_address_holds_up_nobody(office: Office) -> None:
    bad, good = office.person(), office.person()
    with office.portal.database.write() as connection:
        connection.execute(sa.update(people).where(people.c.email == bad.email).values(email="x'@[;b"))
    begin(office, bad)
    begin(office, good)
    office.tell()
    assert len(arrived(office, good)) == 1


def test_a_mail_that_fails_by_surprise_holds_up_nobody(office: Office) -> None:
    class Surprised(MailServer):
        def send(self, mail: EmailMessage) -> None:
            if first.email in str(mail["To"]):
                raise AttributeError("surprise")
            super().send(mail)

    office.mailbox.refusing = True
    first, second = office.person(), office.person()
    begin(office, first)
    begin(office, second)
    office.mailbox.refusing = False
    office.wait(3600)
    config = office.portal.config
    server = Surprised(config.notices, Sender(config.service.name, config.service.origin, config.notices.sender))
    outbox = Outbox(office.portal.database, office.host.wall, channels=[MailChannel(server)])
    office.tell(outbox)
    office.wait(7200)
    office.tell(outbox)
    assert arrived(office, first) == []
    assert len(arrived(office, second)) == 1


def test_an_officer_is_told_of_an_address_that_takes_no_mail(office: Office) -> None:
    with pytest.raises(ServerRefused) as refused:
        office.officers[0].invite({**PERSON, "email": "x'@[;b"})
    assert "No mail can be sent to this address" in str(refused.value)


def test_what_was_sent_is_forgotten_after_half_a_year(office: Office) -> None:
    step = begin(office, office.person())
    office.tell()

    def purged_after(days: int) -> dict[str, tuple[str, int]]:
        clock = FixedClock(office.host.wall.now() + datetime.timedelta(days=days))
        Outbox(office.portal.database, clock, channels=()).purge()
        return rows(office, step)

    assert purged_after(179)["replacement-begun"][0] == "sent"
    assert purged_after(181) == {}


def test_without_a_mail_server_the_officer_is_told(tmp_path: Path) -> None:
    portal = Portal.start(tmp_path)
    try:
        officer = portal.enrol_officer()
        signer = portal.enrol(officer)
        user_id = signer.get("/api/me")["user_id"]
        assert propose(officer, user_id)["by_mail"] is False
        page = officer.download(f"/officer/replacements/new/{user_id}").decode()
        assert "No mail will go out" in page
    finally:
        portal.stop()


def test_with_a_mail_server_the_officer_is_not_warned(office: Office) -> None:
    person = office.person()
    assert propose(office.officers[0], person.user_id)["by_mail"] is True
    page = office.officers[0].download(f"/officer/replacements/new/{person.user_id}").decode()
    assert "No mail will go out" not in page


# --- The connection to the mail server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for the loopback, which nobody trusts but who has the file."""
    return loopback_tls.certified(tmp_path_factory.mktemp("tls"))


def mail() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = SENDER.address, "v@example.jp", "s"
    made.set_content("t")
    return made


def test_starttls_and_a_password(
    certified: tuple[ssl.SSLContext, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, pem = certified
    secret = tmp_path / "password"
    secret.write_text("open sesame\n")
    with mail_server(tls=context, known={b"natsuin": b"open sesame"}) as box:
        wished: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": box.port,
            "sender": SENDER.address,
            "user": "natsuin",
            "password": f"file:{secret}",
        }
        section = NoticesSection(**wished)
        # A server whose certificate nobody vouches for gets neither password nor mail.
        with pytest.raises(MailFailed):
            MailServer(section, SENDER).send(mail())
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        MailServer(section, SENDER).send(mail())
        secret.write_text("wrong\n")
        with pytest.raises(MailFailed):
            MailServer(section, SENDER).send(mail())
        # One that was told to offer no encryption gets none either.
        with pytest.raises(MailFailed):
            MailServer(NoticesSection(**{**wished, "port": 1}), SENDER).send(mail())
    assert len(box.taken) == 1


def test_no_mail_leaves_without_encryption_where_it_is_asked_for(mailbox: Mailbox) -> None:
    before = len(mailbox.taken)
    section = NoticesSection(host="127.0.0.1", port=mailbox.port, sender=SENDER.address)
    with pytest.raises(MailFailed):
        MailServer(section, SENDER).send(mail())
    assert len(mailbox.taken) == before


@contextmanager
def dawdling_server() -> Iterator[int]:
    """The port of a mail server that greets with one letter each hundredth of a second, and never ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def dawdle() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 ")
            while not over.wait(0.01):
                with suppress(OSError):
                    connection.sendall(b"x")

    thread = threading.Thread(target=dawdle)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()


def test_a_server_that_dawdles_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each letter comes in time; the mail as a whole does not. Nor does a second one begin meanwhile."""
    monkeypatch.setattr(mail_server_module, "WHOLE_SECONDS", 0.3)
    with dawdling_server() as port:
        server = MailServer(NoticesSection(host="127.0.0.1", port=port, security="none", sender="a@example.jp"), SENDER)
        with pytest.raises(MailFailed, match="TimeoutError"):
            server.send(mail())
        with pytest.raises(MailFailed, match="TimeoutError"):
            server.send(mail())
        assert sum(thread.name == "mail" for thread in threading.enumerate()) == 1
