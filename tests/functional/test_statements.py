"""The statement of a key as its owner gets it: everything that sam did with the key, and found out if it is not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from natsuin.errors import NotFound, TooLarge, WrongSecret
from natsuin.sam import protocol as p
from natsuin.sam import statements
from natsuin.validation.check_statement import StatementReport, judge_statement
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, digests


@pytest.fixture
def sam(tmp_path: Path) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(sam: SamRig) -> WebSide:
    return sam.web


@pytest.fixture
def officer(sam: SamRig, web: WebSide) -> Officer:
    return web.register_officer(sam.token)


@pytest.fixture
def alice(web: WebSide, officer: Officer) -> Signer:
    return web.enrol(web.invite(officer))


def statement_of(web: WebSide, signer: Signer, **other: str) -> bytes:
    answer = web.ask(p.StateKey(**{"user_id": signer.user_id, "key_id": signer.key.key_id, **other}))
    assert isinstance(answer, p.KeyStatement)
    return answer.statement


def judged(sam: SamRig, statement: bytes, *, whole_log: bool = True) -> StatementReport:
    sam.sam.log.publish()
    folder = Path(sam.config.sam.log_folder) if whole_log else None
    return judge_statement(statement, sam.sam.log.vkey, log=folder)


def sign_twice_and_fail_once(web: WebSide, signer: Signer) -> None:
    for count in (1, 3):
        wanted = digests(count)
        web.sign(web.activate(signer, web.instruct(signer, wanted)).sad, wanted)
    with pytest.raises(WrongSecret):
        web.activate(signer, web.instruct(signer, digests(1)), pin="not the PIN 1")


def test_it_holds_everything_and_closes_itself(sam: SamRig, web: WebSide, alice: Signer) -> None:
    sign_twice_and_fail_once(web, alice)
    statement = statement_of(web, alice)
    report = judged(sam, statement)
    assert [line.status for line in report.lines] == ["good"] * 6, report.as_text("en")
    kinds = [json.loads(entry["entry"])["type"] for entry in json.loads(statement)["entries"]]
    assert kinds == [
        "key-created",
        *["approved", "intent", "outcome"] * 2,
        "secret-refused",
        "approval-refused",
        "key-stated",
    ]
    assert [use.split()[-1] for use in report.uses] == ["1/1", "3/3"]


def test_a_provider_that_hides_a_signature_is_found_out(sam: SamRig, web: WebSide, alice: Signer) -> None:
    sign_twice_and_fail_once(web, alice)
    told: dict[str, Any] = json.loads(statement_of(web, alice))
    for hidden in range(len(told["entries"])):
        entries = [*told["entries"][:hidden], *told["entries"][hidden + 1 :]]
        report = judged(sam, json.dumps({**told, "entries": entries}).encode(), whole_log=False)
        assert report.overall != "valid", f"entry {hidden} was hidden"


def test_it_goes_on_after_a_restart(sam: SamRig, web: WebSide, alice: Signer) -> None:
    sign_twice_and_fail_once(web, alice)
    sam.reopen()
    sign_twice_and_fail_once(sam.web, alice)
    report = judged(sam, statement_of(sam.web, alice))
    assert report.overall == "valid", report.as_text("en")
    assert len(report.uses) == 4


def test_two_peoples_statements_know_nothing_of_each_other(
    sam: SamRig, web: WebSide, officer: Officer, alice: Signer
) -> None:
    bob = web.enrol(web.invite(officer))
    sign_twice_and_fail_once(web, alice)
    sign_twice_and_fail_once(web, bob)
    for one, other in ((alice, bob), (bob, alice)):
        statement = statement_of(web, one)
        assert other.key.key_id.encode() not in statement
        assert judged(sam, statement).overall == "valid"
    with pytest.raises(NotFound):
        statement_of(web, alice, key_id=bob.key.key_id)
    with pytest.raises(NotFound):
        statement_of(web, alice, key_id="0" * 32)


def test_asking_again_and_again_does_not_grow_the_log(sam: SamRig, web: WebSide, alice: Signer) -> None:
    statement_of(web, alice)
    size = sam.sam.log.size
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: statement_of(web, alice), range(16)))
    assert sam.sam.log.size == size
    assert all(judged(sam, one).overall == "valid" for one in many)
    sign_twice_and_fail_once(web, alice)
    again = statement_of(web, alice)
    kinds = [json.loads(entry["entry"])["type"] for entry in json.loads(again)["entries"]]
    assert kinds.count("key-stated") == 2
    assert kinds[-1] == "key-stated"


def test_an_old_closing_entry_closes_nothing_new(
    sam: SamRig, web: WebSide, alice: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement_of(web, alice)
    monkeypatch.setattr(statements, "GOOD_FOR", timedelta(0))
    size = sam.sam.log.size
    statement_of(web, alice)
    assert sam.sam.log.size == size + 1


def test_one_that_is_too_long_is_refused_by_name(web: WebSide, alice: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "LARGEST", 1000)
    with pytest.raises(TooLarge, match="too long"):
        statement_of(web, alice)
