"""Accounts and the officers' register. On both databases."""

import pytest

from natsuin.clock import milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.sam.protocol import Act, IdentityEvidence, Invitation, Subject
from natsuin.user_management import Person, Proposal, Register, add_person, find_person, new_user_id


@pytest.fixture
def register(database, clock) -> Register:
    return Register(database, clock)


def proposed(register: Register, clock, name: str = "山田 太郎") -> tuple[Proposal, Act]:
    proposal = Proposal(
        user_id=new_user_id(),
        email="taro@example.jp",
        subject=Subject(common_name=name),
        evidence=IdentityEvidence(kind="passport", reference="file 1", level=2, checked_by="u-officer", checked_at=0),
        algorithm="p-256",
    )
    now = milliseconds(clock.now())
    act = Act(
        act_id=f"act-{proposal.user_id}", record=b"{}", challenge=bytes(32), credential_ids=(), expires_at=now + 600_000
    )
    register.note_proposed(proposal, act, officer_id="u-officer")
    return proposal, act


def invited(register: Register, clock, act: Act, proposal: Proposal) -> None:
    expires_at = milliseconds(clock.now()) + 86_400_000
    register.note_invited(act.act_id, Invitation(user_id=proposal.user_id, token="t" * 43, expires_at=expires_at))


def test_a_person_goes_from_proposed_to_enrolled(register, database, clock):
    proposal, act = proposed(register, clock)
    assert [line.state for line in register.people()] == ["proposed"]
    with database.read() as connection:
        assert find_person(connection, proposal.user_id) is None
    invited(register, clock, act, proposal)
    assert [line.state for line in register.people()] == ["invited"]
    with database.read() as connection:
        person = find_person(connection, proposal.user_id)
    assert (person.display_name, person.is_signer, person.offices) == ("山田 太郎", True, frozenset())
    with database.write() as connection:
        register.note_enrolled(connection, proposal.user_id)
    clock.advance(10 * 86_400)
    assert [line.state for line in register.people()] == ["enrolled"]


def test_what_nobody_used_in_time_is_shown_as_expired(register, clock):
    _, _ = proposed(register, clock)
    proposal, act = proposed(register, clock)
    invited(register, clock, act, proposal)
    clock.advance(601)
    assert sorted(line.state for line in register.people()) == ["expired", "invited"]
    clock.advance(86_400)
    assert {line.state for line in register.people()} == {"expired"}


def test_only_the_proposing_officer_approves(register, clock):
    _, act = proposed(register, clock)
    register.require_proposed_by(act.act_id, "u-officer")
    for act_id, officer_id in ((act.act_id, "u-other"), ("act-unknown", "u-officer")):
        with pytest.raises(NotFound):
            register.require_proposed_by(act_id, officer_id)


def test_two_people_with_the_same_name_are_two_accounts(register, database, clock):
    made = [proposed(register, clock) for _ in range(2)]
    for proposal, act in made:
        invited(register, clock, act, proposal)
    assert len({proposal.user_id for proposal, _ in made}) == 2
    assert len(register.people()) == 2


def test_an_account_does_not_change_its_roles_by_being_made_again(database):
    officer = Person("u-officer", "佐藤", "", ("registration-officer",))
    with database.write() as connection:
        add_person(connection, officer, now=5)
    with pytest.raises(Conflict), database.write() as connection:
        add_person(connection, Person("u-officer", "佐藤", "", ("signer",)), now=5)


def test_no_token_reaches_the_database(register, database, clock):
    proposal, act = proposed(register, clock)
    invited(register, clock, act, proposal)
    import sqlalchemy as sa

    from natsuin.user_management.tables import registration

    with database.read() as connection:
        row = connection.execute(sa.select(registration)).one()
    assert "t" * 43 not in repr(row)
