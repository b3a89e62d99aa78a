"""Alarms about a hostile log reach mail, webhook and terminal as our own words: real SMTP, real sockets."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import pytest
from click.testing import CliRunner

from natsuin.cli.monitor import monitor
from natsuin.monitor.kinds import FACTS, KINDS
from natsuin.webhooks import WebhookFailed, post, signature
from rigs.loopback_tls import certified
from rigs.mail_server import Mailbox, mail_server
from rigs.watched_log import ALICE, BOB, SECRET, Watch, WatchedLog, hook, hook_settings, watch_of

EVIL = "\r\nBcc: everybody@example.jp\r\n\r\n\x1b[2J\x1b]0;owned\x07[red]<script>alert(1)</script>\u202e\ud83d\ude00"
"""For headers, terminals, markup and pages."""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


def mail_settings(box: Mailbox, *to: str, least: str = "warning") -> str:
    return (
        f'[mail]\nhost = "127.0.0.1"\nport = {box.port}\nsecurity = "none"\nsender = "monitor@example.jp"\n'
        f'to = {json.dumps(to)}\nleast = "{least}"\n'
    )


def raw(log: WatchedLog, **members: object) -> bytes:
    return json.dumps(log.whole(members), ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def poison(log: WatchedLog) -> None:
    """Entries whose every text is hostile, signed by the log's own key."""
    evil = EVIL.encode("utf-16", "surrogatepass").decode("utf-16")
    log.add_raw(
        raw(log, type="signing-refused", reason=evil),
        raw(log, type="outcome", key=evil, intent=0, tx=evil, result=evil, reason=evil),
        raw(log, type=evil),
        raw(log, type="boot", version=evil, backend=evil),
        raw(log, type="resident-key-finding", key=evil, finding=evil),
    )


def test_mails_arrive_in_both_languages_once(log: WatchedLog, tmp_path: Path, mailbox: Mailbox) -> None:
    settings = mail_settings(mailbox, "a@example.jp", "b@example.jp")
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, settings)
    watch.visit()
    assert mailbox.taken == [], "a notice is less than a warning"
    log.add({"type": "clock-stepped", "seconds": -3600})
    for _ in range(2):
        watch.visit()
    assert sorted(to for _, (to,), _ in mailbox.taken) == ["a@example.jp", "b@example.jp"]
    mail = mailbox.taken[0][2]
    assert mail["Subject"] == "[Natsuin WARNING] main: clock-stepped / 警告"
    assert mail["From"].addresses[0].addr_spec == "monitor@example.jp"
    body = mail.get_content()
    assert "サービスの時計が動かされました。" in body
    assert "The service's clock was moved." in body
    assert "seconds: -3600" in body
    (alarm,) = (alarm for alarm in watch.alarms() if alarm["kind"] == "clock-stepped")
    assert mail["Message-ID"] == f"<{alarm['id']}.1@example.jp>"


def test_a_mail_server_that_refuses_is_tried_again(log: WatchedLog, tmp_path: Path, mailbox: Mailbox) -> None:
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, mail_settings(mailbox, "a@example.jp"))
    watch.visit()
    mailbox.refusing = True
    log.add({"type": "clock-stepped", "seconds": 9})
    watch.visit()
    mailbox.refusing = False
    watch.visit()
    assert mailbox.taken == [], "not at once"
    log.clock.advance(11)
    watch.visit()
    assert mailbox.subjects("a@example.jp") == ["[Natsuin WARNING] main: clock-stepped / 警告"]


def test_a_hostile_log_writes_into_no_header_terminal_or_page(
    log: WatchedLog, tmp_path: Path, mailbox: Mailbox
) -> None:
    with hook() as receiver:
        more = mail_settings(mailbox, "a@example.jp", least="notice") + hook_settings(receiver, tmp_path / "m")
        watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, more)
        watch.visit()
        mailbox.taken.clear()
        poison(log)
        assert watch.visit() == {"main": "holds"}
        assert receiver.forged == []
        assert len(receiver.taken) > 5
    for _, to, mail in mailbox.taken:
        assert to == ["a@example.jp"]
        assert set(mail.keys()) <= {
            *("To", "From", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
            *("Content-Type", "Content-Transfer-Encoding"),
        }
        assert str(mail["Subject"]).split(": ")[1].split(" ")[0] in KINDS
        body = mail.get_content().replace("\r\n", "\n")
        assert all(character.isprintable() or character == "\n" for character in body)
        assert "\u202e" not in body
        assert not any(line.startswith("Bcc") for line in body.splitlines())
    assert watch.output.getvalue().isascii()
    shown = CliRunner().invoke(monitor, ["status", "--config", str(watch.base / "monitor.toml")]).output
    assert "signing-refused" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "[red]" in shown, "as text"
    assert all(character.isprintable() or character == "\n" for character in shown)
    told = CliRunner().invoke(monitor, ["status", "--json", "--config", str(watch.base / "monitor.toml")]).output
    assert {alarm["kind"] for alarm in json.loads(told)["alarms"]} >= {"signing-refused", "entry-unknown"}


def test_a_webhook_is_signed_and_known_again(log: WatchedLog, tmp_path: Path) -> None:
    with hook() as receiver:
        more = hook_settings(receiver, tmp_path / "m", "warning")
        watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, more)
        watch.visit()
        log.add({"type": "clock-stepped", "seconds": 9})
        receiver.status = 500
        watch.visit()
        receiver.status = 302
        log.clock.advance(11)
        watch.visit()
        receiver.status = 200
        log.clock.advance(21)
        watch.visit()
        watch.visit()
        (taken,) = receiver.taken
        assert (taken["kind"], taken["log"], taken["entry"]) == ("clock-stepped", "main", 2)
        assert receiver.tries == [f"{taken['id']}.1"] * 3, "one id; a redirection is a refusal and not followed"
        assert receiver.forged == []


def test_https_goes_to_a_certified_receiver_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, pem = certified(tmp_path)
    with hook(context) as receiver:
        with pytest.raises(WebhookFailed, match="SSL"):
            post(receiver.url, SECRET, "id.1", b"{}", now=1)
        assert receiver.tries == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with pytest.raises(WebhookFailed, match="SSL"):
            post(receiver.url.replace("127.0.0.1", "localhost"), SECRET, "id.1", b"{}", now=1)
        assert receiver.tries == [], "its name is another one"
        post(receiver.url, SECRET, "id.1", b"{}", now=1)
        assert (receiver.tries, receiver.forged) == (["id.1"], [])


def test_the_signature_is_that_of_the_specification() -> None:
    """The example in the specification's own reference libraries."""
    key = __import__("base64").b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    name, moment = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    assert signature(key, name, moment, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@contextmanager
def hostile(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a receiver that takes a request and then does what `answer` does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(1 << 20)
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def drip(pieces: Iterator[bytes], pause: float) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        lambda connection: None,
        lambda connection: connection.sendall(b"HTTP/1.1 200"),
        lambda connection: connection.sendall(b"220 smtp.example.jp ESMTP\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 2000000000000000000000 OK\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n"),
        lambda connection: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda connection: connection.sendall(b"\0" * (1 << 20)),
        drip(chain(repeat(b"H", 2000)), 0.05),
        drip(iter([b"HTTP/1.1 ", b"", b"200 "]), 5),
        lambda connection: time.sleep(3),
    ],
)
def test_a_hostile_receiver_gets_nothing_but_time_that_is_bounded(answer: Callable[[socket.socket], None]) -> None:
    with hostile(answer) as url, pytest.raises(WebhookFailed):
        post(url, SECRET, "id.1", b"{}", now=1, seconds=0.5)


def test_a_long_answer_is_not_read_to_its_end() -> None:
    endless = drip(chain([b"HTTP/1.1 204 Fine\r\n"], repeat(b"X: y\r\n" * 10_000, 50)), 0)
    with hostile(endless) as url:
        post(url, SECRET, "id.1", b"{}", now=1, seconds=5)


def test_every_kind_has_both_languages() -> None:
    for kind in KINDS.values():
        for english, japanese in (kind.says, kind.advises):
            assert english.isascii()
            assert english[-1] in ".?"
            assert any("\u3040" <= character <= "\u30ff" for character in japanese)
            assert japanese.endswith("。")
    assert all(english.isascii() and not japanese.isascii() for english, japanese in FACTS.values())


def test_status_speaks_japanese_and_needs_a_memory(watch: Watch, tmp_path: Path) -> None:
    file = watch.base / "monitor.toml"
    shown = CliRunner().invoke(monitor, ["status", "--lang", "ja", "--config", str(file)])
    assert "初めて" in shown.output.replace("\n", "")
    other = tmp_path / "other.toml"
    other.write_text(file.read_text().replace('state = "state"', 'state = "nowhere"'))
    assert CliRunner().invoke(monitor, ["status", "--config", str(other)]).exit_code != 0
    assert not (tmp_path / "nowhere").exists(), "looking makes nothing"


def test_two_keys_two_owners(log: WatchedLog, tmp_path: Path, mailbox: Mailbox) -> None:
    more = mail_settings(mailbox)
    for key, name in ((ALICE, "alice"), (BOB, "bob")):
        more += f'[[watch]]\nkey = "{key}"\nmail = ["{name}@example.jp"]\n'
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, more)
    watch.visit()
    log.signature(BOB)
    log.add({"type": "clock-stepped", "seconds": 9})
    watch.visit()
    assert [to for _, to, _ in mailbox.taken] == [["bob@example.jp"]], "owners hear of their own key only"
