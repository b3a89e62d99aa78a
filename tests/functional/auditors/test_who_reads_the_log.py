"""Who reads the signing log as an auditor: with the own passkey, for a while, and in no other role."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.errors import (
    ApprovalRefused,
    Conflict,
    Expired,
    Forbidden,
    Malformed,
    NotFound,
    StorageFailed,
    Tampered,
)
from natsuin.key_management import AUDITOR, REGISTRATION_OFFICER, ROLES, SECURITY_OFFICER, SYSTEM_ADMINISTRATOR
from natsuin.key_management import officer as officer_table
from natsuin.sam import protocol as p
from natsuin.sam import readings
from natsuin.sam.process import open_sam
from rigs.auditors import Auditor, Hands, committed, entries_of, invite_auditor, sign_once, told
from rigs.sam_in_process import SamRig
from rigs.web_side import ORIGIN, PIN, Officer, Signer, WebSide, assertion, attestation

# --- Who may read ----------------------------------------------------------------------------------------------------


def test_an_auditor_reads_what_the_log_has_and_the_log_tells_of_it(
    sam: SamRig, web: WebSide, alice: Signer, auditor: Auditor
) -> None:
    sign_once(web, alice)
    whole = entries_of(sam)
    found = auditor.begin().search()
    (begun,) = [entry for entry in entries_of(sam) if entry["type"] == "audit-begun"]
    assert told(found) == [*whole, begun][::-1]
    assert [entry.index for entry in found.entries] == list(range(len(whole), -1, -1))
    assert found.matching == len(whole) + 1
    assert not found.more
    newest = entries_of(sam)[-1]
    assert found.noted == len(whole) + 1
    assert (newest["type"], newest["reading"]) == ("audit-read", "search")
    assert "auditor" not in newest
    assert committed(sam, newest)["auditor"] == auditor.who.user_id
    assert committed(sam, newest)["count"] == len(whole) + 1
    said = committed(sam, begun)
    assert (said["auditor"], said["purpose"]) == (auditor.who.user_id, "年次監査")
    assert said["reading"] == committed(sam, newest)["session"]


@pytest.mark.parametrize("secret", [b"", b"\0" * 32, "flipped"])
def test_web_without_the_auditors_passkey_reads_and_opens_nothing(
    sam: SamRig, auditor: Auditor, secret: bytes | str
) -> None:
    auditor.begin()
    if isinstance(secret, str):
        secret = bytes([auditor.reading[0] ^ 1]) + auditor.reading[1:]
    auditor.reading = secret
    size = sam.sam.log.size
    for ask in (auditor.search, lambda: auditor.activity(20_000, 30), lambda: auditor.open(0)):
        with pytest.raises(Forbidden, match="no reading of yours is open"):
            ask()
    assert sam.sam.log.size == size


def test_a_reading_of_one_auditor_is_not_anothers(sam: SamRig, auditor: Auditor) -> None:
    auditor.begin()
    other = Auditor.register(sam, "Second auditor")
    other.reading = auditor.reading
    with pytest.raises(Forbidden, match="no reading of yours"):
        other.open(0)
    # Nor can the other one end it.
    other.web.ask(p.EndReading(auditor_id=other.who.user_id, reading=auditor.reading))
    assert auditor.search(limit=1).entries


def test_officers_and_signers_cannot_propose_a_reading(web: WebSide, officer: Officer, alice: Signer) -> None:
    for user_id in (officer.user_id, alice.user_id, "nobody"):
        with pytest.raises(Forbidden, match="only an auditor"):
            web.ask(p.ProposeReading(auditor_id=user_id, purpose="x"))


def test_only_the_auditors_own_passkey_begins_one_and_a_wrong_answer_spends_the_act(
    sam: SamRig, web: WebSide, officer: Officer, auditor: Auditor
) -> None:
    act = auditor.propose()
    with pytest.raises(ApprovalRefused):
        web.ask(p.BeginReading(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))
    assert entries_of(sam)[-1]["type"] == "audit-refused"
    assert committed(sam, entries_of(sam)[-1])["auditor"] == auditor.who.user_id
    good = assertion(auditor.who.device, act.challenge)
    with pytest.raises(NotFound):
        web.ask(p.BeginReading(act_id=act.act_id, assertion=good))
    # An approval of one record opens no other.
    other = auditor.propose()
    with pytest.raises(ApprovalRefused):
        web.ask(p.BeginReading(act_id=other.act_id, assertion=good))
    assert "audit-begun" not in {entry["type"] for entry in entries_of(sam)}


def test_an_approval_is_good_once(web: WebSide, auditor: Auditor) -> None:
    act = auditor.propose()
    message = p.BeginReading(act_id=act.act_id, assertion=assertion(auditor.who.device, act.challenge))
    web.ask(message)
    with pytest.raises(NotFound):
        web.ask(message)


def test_a_proposal_and_a_reading_end_with_their_time(clock: Hands, auditor: Auditor) -> None:
    act = auditor.propose()
    clock.shown += timedelta(minutes=11)
    with pytest.raises((Expired, NotFound)):
        auditor.web.ask(p.BeginReading(act_id=act.act_id, assertion=assertion(auditor.who.device, act.challenge)))
    auditor.begin()
    clock.shown += readings.LIFE - timedelta(seconds=1)
    assert auditor.search(limit=1).entries
    clock.shown += timedelta(seconds=1)
    with pytest.raises(Forbidden, match="no reading of yours"):
        auditor.open(0)


def test_a_reading_ends_when_it_is_ended_and_with_sam(sam: SamRig, auditor: Auditor, clock: Hands) -> None:
    auditor.begin()
    auditor.web.ask(p.EndReading(auditor_id=auditor.who.user_id, reading=auditor.reading))
    with pytest.raises(Forbidden):
        auditor.search()
    auditor.begin()
    sam.reopen(clock=clock)
    with pytest.raises(Forbidden):
        auditor.search()


def test_one_reading_asks_only_so_much(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "ANSWERS", 3)
    monkeypatch.setattr(readings, "OPENINGS", 2)
    auditor.begin()
    auditor.open(0, 1)
    with pytest.raises(Forbidden, match="more than one reading may ask"):
        auditor.open(2)
    auditor.search()
    auditor.search()
    with pytest.raises(Forbidden, match="more than one reading may ask"):
        auditor.search()


# --- The role --------------------------------------------------------------------------------------------------------


def test_an_auditor_can_do_nothing_that_officers_do(
    web: WebSide, officer: Officer, alice: Signer, auditor: Auditor
) -> None:
    who, key = auditor.who, alice.key.key_id
    with pytest.raises(Forbidden):
        web.propose(who)
    with pytest.raises(Forbidden):
        web.propose_act(alice, "suspend", officer=who)
    evidence = p.IdentityEvidence(kind="passport", reference="file 12", level=2, checked_by="x", checked_at=1)
    for message in (
        p.ProposeKeyArchive(officer_ids=(who.user_id, officer.user_id), key_id=key),
        p.ProposeReplacement(officer_id=who.user_id, user_id=alice.user_id, evidence=evidence),
    ):
        with pytest.raises(Forbidden):
            web.ask(message)


def test_an_officers_act_is_not_approved_by_an_auditors_passkey(
    web: WebSide, officer: Officer, alice: Signer, auditor: Auditor
) -> None:
    act = web.propose_act(alice, "suspend", officer=officer)
    with pytest.raises(ApprovalRefused):
        web.approve_act(act, auditor.who.device)


@pytest.mark.parametrize(
    "roles",
    [
        (),
        ("signer",),
        ("auditor registration-officer",),
        *((AUDITOR, role) for role in ROLES if role is not AUDITOR),
        (SECURITY_OFFICER, SYSTEM_ADMINISTRATOR),
        (REGISTRATION_OFFICER, SECURITY_OFFICER, SYSTEM_ADMINISTRATOR),
    ],
)
def test_nobody_is_invited_in_roles_that_exclude_each_other(sam: SamRig, roles: tuple[str, ...]) -> None:
    with pytest.raises(Malformed):
        sam.sam.handlers.officers.invite("Somebody", roles)


def test_an_auditor_has_nobodys_name_unless_the_host_says_namesake(sam: SamRig, web: WebSide, officer: Officer) -> None:
    invite = sam.sam.handlers.officers.invite
    web.register_officer(invite("佐藤 一郎", (REGISTRATION_OFFICER,)))
    web.enrol(web.invite(officer, name="Alice Example"))
    for name in ("佐藤 一郎", "佐藤\u3000一郎", "ALICE EXAMPLE", "ａｌｉｃｅ ｅｘａｍｐｌｅ"):
        with pytest.raises(Conflict, match="somebody of this name"):
            invite(name, (AUDITOR,))
    assert invite("佐藤 一郎", (AUDITOR,), namesake=True)
    invite_auditor(sam, "鈴木 次郎")
    with pytest.raises(Conflict):
        invite("鈴木　次郎", (REGISTRATION_OFFICER,))
    # Two of one role may have one name.
    invite_auditor(sam, "鈴木 次郎")


def copied(monkeypatch: pytest.MonkeyPatch, device: SoftwareAuthenticator, offer: Any) -> p.Attestation:
    """A registration with the key pair that `device` holds already."""
    (held,) = device._held.values()
    with monkeypatch.context() as patched:
        patched.setattr(ec, "generate_private_key", lambda _: held.key)
        return attestation(SoftwareAuthenticator(ORIGIN), offer.challenge, offer.user_id)


def test_a_passkey_is_of_an_auditor_or_of_somebody_else(
    sam: SamRig, web: WebSide, officer: Officer, alice: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = Auditor.register(sam)
    for name, role, device in (
        ("Another", REGISTRATION_OFFICER, auditor.who.device),
        ("Third", AUDITOR, officer.device),
        ("Fourth", AUDITOR, alice.device),
    ):
        token = sam.sam.handlers.officers.invite(name, (role,))
        offer = web.ask(p.OpenOfficerInvitation(token=token))
        with pytest.raises(Conflict, match="has this passkey"):
            web.ask(p.RegisterOfficer(token=token, attestation=copied(monkeypatch, device, offer)))
    opened = web.ask(p.OpenInvitation(token=(token := web.invite(officer).token)))
    with pytest.raises(Conflict, match="an auditor has no other role"):
        web.ask(
            p.CompleteEnrolment(
                token=token,
                attestation=copied(monkeypatch, auditor.who.device, opened),
                sealed_secrets=web.seal(
                    p.HPKE_INFO_ENROL, opened.challenge, pin=PIN, recovery_code=new_recovery_code()
                ),
            )
        )


def test_an_auditors_account_never_gets_a_key(web: WebSide, officer: Officer, auditor: Auditor) -> None:
    with pytest.raises(Conflict, match="an auditor has no other role"):
        web.ask(
            p.ProposeEnrolment(
                officer_id=officer.user_id,
                user_id=auditor.who.user_id,
                subject=p.Subject(common_name="Hanako"),
                evidence=p.IdentityEvidence(kind="passport", reference="1", level=2, checked_by="x", checked_at=1),
                algorithm="p-256",
            )
        )


def test_a_row_that_was_changed_makes_no_auditor(sam: SamRig, web: WebSide, officer: Officer) -> None:
    """Who writes to DB-2 gives nobody a role: rows carry a seal."""
    with sam.sam.database.write() as connection:
        connection.execute(
            officer_table.update().where(officer_table.c.user_id == officer.user_id).values(roles=AUDITOR)
        )
    with pytest.raises(Tampered):
        web.ask(p.ProposeReading(auditor_id=officer.user_id, purpose="x"))


def test_what_cannot_be_logged_is_not_told(sam: SamRig, auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor.begin()
    assert auditor.search().entries

    def full(entry: Any) -> None:
        raise StorageFailed("no room")

    monkeypatch.setattr(sam.sam.log, "add", full)
    for ask in (auditor.search, lambda: auditor.activity(20_000, 30), lambda: auditor.open(0)):
        with pytest.raises(StorageFailed):
            ask()
    with pytest.raises(StorageFailed):
        Auditor(auditor.web, auditor.who).begin()


def test_the_host_invites_by_command(sam: SamRig) -> None:
    """`natsuin officer invite` while sam is stopped; the link is for an auditor, and the log commits to the role."""
    file = str(sam.config.file)
    sam.close()

    def invite(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "natsuin.cli", "officer", "invite", "--config", file, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    made = invite("--name", "監査 花子", "--role", "auditor")
    assert made.returncode == 0, made.stderr
    # What the command answers, and nothing of what sam says while it is open.
    assert "event" not in made.stdout
    assert '"event": "opened"' in made.stderr
    token = made.stdout.strip().rpartition("#")[2]
    namesake = invite("--name", "監査　花子")
    assert namesake.returncode != 0
    assert "--namesake" in namesake.stderr
    assert invite("--name", "監査　花子", "--namesake").returncode == 0
    assert invite("--name", "X", "--role", "owner").returncode == 2
    sam.sam = open_sam(sam.config)
    assert sam.web.ask(p.OpenOfficerInvitation(token=token)).roles == ("auditor",)
    both = ["registration-officer", "security-officer"]
    invited = [committed(sam, entry)["roles"] for entry in entries_of(sam) if entry["type"] == "officer-invited"]
    assert invited == [both, ["auditor"], both]
