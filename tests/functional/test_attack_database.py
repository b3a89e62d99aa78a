"""With write access to DB-2: an edited row is found at its next use, and opens or signs nothing (P1, P3)."""

from collections.abc import Callable
from typing import Any

import pytest

from natsuin import errors
from natsuin.sam import protocol as p
from rigs.sam_process import SamProcess
from rigs.web_side import Officer, Signer, WebSide, attestation, digests

SIGNING_KEY = [
    ("passkeys", b"another"),
    ("sign_counts", b"another"),
    ("public_key", b"another"),
    ("user_id", "somebody"),
    ("algorithm", "rsa-3072"),
    ("state", "suspended"),
    ("backend", "pkcs11"),
    ("version", 2),
    ("key_blob", b"another"),
    ("certificate", b"another"),
    ("chain", b"another"),
    ("suspended_by", "officer"),
    ("one_time", 1),
    ("predecessor", "another"),
    ("created_at", 1),
    ("seal", bytes(32)),
]


@pytest.fixture
def edited(sam: SamProcess) -> Any:
    """`edited(table, column, value, where)` changes one value until the test ends."""
    undo: list[tuple[str, Any]] = []

    def edit(table: str, column: str, value: Any, where: str, *names: Any) -> None:
        (before,) = sam.sql(f"SELECT {column} FROM {table} WHERE {where}", *names)[0]  # noqa: S608
        assert before != value
        sam.sql(f"UPDATE {table} SET {column} = ? WHERE {where}", value, *names)  # noqa: S608
        undo.append((f"UPDATE {table} SET {column} = ? WHERE {where}", (before, *names)))  # noqa: S608

    yield edit
    for statement, values in reversed(undo):
        sam.sql(statement, *values)


@pytest.mark.parametrize(("column", "value"), SIGNING_KEY, ids=[column for column, _ in SIGNING_KEY])
def test_a_changed_key_row_signs_nothing(
    web: WebSide, alice: Signer, edited: Callable[..., None], column: str, value: Any
) -> None:
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    waiting = web.instruct(alice, wanted)
    edited("signing_key", column, value, "key_id = ?", alice.key.key_id)
    for attempt in (
        lambda: web.instruct(alice, wanted),
        lambda: web.activate(alice, waiting),
        lambda: web.sign(sad, wanted),
    ):
        with pytest.raises(errors.Tampered):
            attempt()


def test_the_key_row_of_one_person_under_the_name_of_another(
    web: WebSide, sam: SamProcess, alice: Signer, bob: Signer, edited: Callable[..., None]
) -> None:
    """Bob's web would like to sign with Alice's key: everything but the name is copied from her genuine row."""
    for column in ("public_key", "key_blob", "certificate", "seal"):
        (value,) = sam.sql(f"SELECT {column} FROM signing_key WHERE key_id = ?", alice.key.key_id)[0]  # noqa: S608
        edited("signing_key", column, value, "key_id = ?", bob.key.key_id)
    with pytest.raises(errors.Tampered):
        web.instruct(bob, digests(1))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("instruction_content", "digests", bytes(64)),
        ("instruction_content", "record", b"{}"),
        ("instruction_content", "seal", bytes(32)),
        ("instruction", "count", 3),
        ("instruction", "used", -1),
        ("instruction", "state", "waiting"),
        ("instruction", "expires_at", 99999999999999),
        ("instruction", "key_id", "another"),
        ("instruction", "user_id", "another"),
        ("instruction", "scheme", "ecdsa-sha384"),
        ("instruction", "sealed_signer_key", b"another"),
        ("instruction", "approval", b"another"),
    ],
)
def test_a_changed_approval_signs_nothing(
    web: WebSide, alice: Signer, edited: Callable[..., None], table: str, column: str, value: Any
) -> None:
    wanted = digests(2)
    instruction = web.instruct(alice, wanted)
    sad = web.activate(alice, instruction).sad
    edited(table, column, value, "instruction_id = ?", instruction.instruction_id)
    with pytest.raises(errors.Tampered):
        web.sign(sad, wanted)


def test_what_is_approved_cannot_be_changed_between_two_uses(
    web: WebSide, sam: SamProcess, alice: Signer, edited: Callable[..., None]
) -> None:
    """Neither by an edit nor by the genuine content of another instruction."""
    wanted, others = digests(2), digests(2)
    instruction, other = web.instruct(alice, wanted), web.instruct(alice, others)
    sad = web.activate(alice, instruction).sad
    web.sign(sad, wanted[:1])
    for column in ("digests", "record", "seal"):
        query = f"SELECT {column} FROM instruction_content WHERE instruction_id = ?"  # noqa: S608
        (genuine,) = sam.sql(query, other.instruction_id)[0]
        edited("instruction_content", column, genuine, "instruction_id = ?", instruction.instruction_id)
        for asked in (wanted[1:], others[1:]):
            with pytest.raises(errors.Tampered):
                web.sign(sad, asked)


def test_an_approval_whose_content_is_gone_signs_nothing(web: WebSide, sam: SamProcess, alice: Signer) -> None:
    wanted = digests(1)
    instruction = web.instruct(alice, wanted)
    sad = web.activate(alice, instruction).sad
    sam.sql("DELETE FROM instruction_content WHERE instruction_id = ?", instruction.instruction_id)
    with pytest.raises(errors.Tampered):
        web.sign(sad, wanted)


def test_a_use_cannot_be_taken_back(web: WebSide, sam: SamProcess, alice: Signer, edited: Callable[..., None]) -> None:
    """Deleting the use and setting the counter back would allow a second signature over what was approved once."""
    wanted = digests(1)
    instruction = web.instruct(alice, wanted)
    sad = web.activate(alice, instruction).sad
    web.sign(sad, wanted)
    edited("instruction", "used", 0, "instruction_id = ?", instruction.instruction_id)
    sam.sql("DELETE FROM use WHERE instruction_id = ?", instruction.instruction_id)
    with pytest.raises(errors.Tampered):
        web.sign(sad, wanted)


@pytest.mark.parametrize(("column", "value"), [("failures", -100), ("salt", bytes(16)), ("wrapped", b"another")])
def test_a_changed_pin_slot_opens_nothing(
    web: WebSide, alice: Signer, edited: Callable[..., None], column: str, value: Any
) -> None:
    instruction = web.instruct(alice, digests(1))
    edited("key_slot", column, value, "key_id = ? AND name = 'pin'", alice.key.key_id)
    with pytest.raises(errors.Tampered):
        web.activate(alice, instruction)


@pytest.mark.parametrize(
    ("column", "value"), [("public_key", b"another"), ("roles", "auditor"), ("credential_id", b"x")]
)
def test_a_changed_officer_approves_nothing(
    web: WebSide, officer: Officer, edited: Callable[..., None], column: str, value: Any
) -> None:
    edited("officer", column, value, "user_id = ?", officer.user_id)
    with pytest.raises(errors.Tampered):
        web.invite(officer)


def test_an_inserted_officer_is_none(web: WebSide, sam: SamProcess, officer: Officer) -> None:
    sam.sql(
        "INSERT INTO officer SELECT 'intruder', display_name, roles, x'01', public_key, sign_count, created_at, seal "
        "FROM officer WHERE user_id = ?",
        officer.user_id,
    )
    try:
        with pytest.raises(errors.Tampered):
            web.propose(Officer("intruder", officer.device))
    finally:
        sam.sql("DELETE FROM officer WHERE user_id = 'intruder'")


def test_an_enrolment_cannot_be_declared_approved(web: WebSide, sam: SamProcess, officer: Officer) -> None:
    from natsuin.key_management.officers import token_hash

    act = web.propose(officer)
    sam.sql(
        "UPDATE enrolment SET state = 'invited', token_hash = ?, challenge = ?, expires_at = 99999999999999 "
        "WHERE act_id = ?",
        token_hash("chosen"),
        bytes(32),
        act.act_id,
    )
    with pytest.raises(errors.Tampered):
        web.ask(p.OpenInvitation(token="chosen"))
    with pytest.raises(errors.Tampered):
        web.ask(
            p.CompleteEnrolment(
                token="chosen", attestation=attestation(web.device(), bytes(32), "x"), sealed_secrets=b""
            )
        )
