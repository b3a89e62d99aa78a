"""The web process dies between the signer's approval and the kept signature: sam's record tells what came of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import Clock, FixedClock
from natsuin.errors import Indeterminate, NotFound, Unavailable
from natsuin.sam import protocol
from natsuin.web.api.instructions import ApprovalBody
from natsuin.web.document_signing import DocumentSigning
from natsuin.web.settings import settings_of
from natsuin.web.wiring import assemble
from rigs.portal import PDF, InstantDocumentWork, LoopbackSam, Portal, approval_of


class Killed(BaseException):
    """What the dying process would not have lived to handle."""


class DyingSam(LoopbackSam):
    """A sam at whose message of one kind the web process dies, before or after sam did what it says."""

    def __init__(self, whole: LoopbackSam, kind: type, *, answered: bool) -> None:
        super().__init__(whole.rig)
        self.kind = kind
        self.answered = answered

    async def call(self, message: Any, *, deadline: float = 30.0) -> Any:
        if not isinstance(message, self.kind):
            return await super().call(message)
        if self.answered:
            await super().call(message)
        raise Killed


def another_process(portal: Portal, sam: LoopbackSam, clock: Clock | None = None) -> DocumentSigning:
    """What another web process on the same database signs documents with."""
    settings = settings_of(portal.config)
    return assemble(settings, portal.database, sam, work=InstantDocumentWork(), clock=clock).signing


@pytest.fixture
def made(alice: Visitor) -> dict[str, Any]:
    """An instruction for a new document, with the id of the document."""
    document_id = alice.post_bytes(PDF + b"crash", "crash.pdf")["id"]
    return alice.post(f"/api/documents/{document_id}/instruction", {}) | {"document_id": document_id}


def die(portal: Portal, visitor: Visitor, made: dict[str, Any], kind: type, *, answered: bool) -> dict[str, Any]:
    """Approve at a web process that is killed at this message. Returns the body of the approval."""
    body = approval_of(visitor, made)
    dying = another_process(portal, DyingSam(portal.sam, kind, answered=answered))
    with pytest.raises(Killed):
        asyncio.run(approve(dying, visitor, made, body))
    return body


async def approve(process: DocumentSigning, visitor: Visitor, made: dict[str, Any], body: dict[str, Any]) -> str:
    owner = visitor.get("/api/me")["user_id"]
    return await process.approve(owner, made["instruction_id"], ApprovalBody.model_validate(body).approval())


def document(visitor: Visitor, made: dict[str, Any]) -> dict[str, Any]:
    return visitor.get(f"/api/documents/{made['document_id']}")


def test_what_sam_released_is_there_at_the_next_visit(portal, alice, made):
    die(portal, alice, made, protocol.Sign, answered=True)
    page = alice._http.get(f"/documents/{made['document_id']}")
    assert "Download the signed PDF" in page.text
    assert document(alice, made)["state"] == "signed"
    assert portal.sam.count(protocol.Sign) == 0
    receipt = alice.download(f"/api/documents/{made['document_id']}/receipt")
    evidence = alice.download(f"/api/documents/{made['document_id']}/evidence").decode()
    assert receipt.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert '"state": "released"' in evidence


def test_the_same_approval_again_completes_the_document(portal, alice, made):
    body = die(portal, alice, made, protocol.Sign, answered=True)
    assert alice.post(f"/api/instructions/{made['instruction_id']}/approval", body)["state"] == "signed"
    assert portal.sam.count(protocol.Activate) == portal.sam.count(protocol.Sign) == 0


def test_the_next_start_completes_it_without_anybody(portal, alice, made):
    die(portal, alice, made, protocol.Sign, answered=True)
    assert asyncio.run(another_process(portal, portal.sam).finish_all(restarted=True)) == 1
    assert document(alice, made)["state"] == "signed"


@pytest.mark.parametrize(
    ("kind", "answered"), [(protocol.Activate, False), (protocol.Activate, True), (protocol.Sign, False)]
)
def test_what_was_not_signed_is_told_and_can_be_approved_anew(portal, alice, made, kind, answered):
    """The SAD died with the process. Nothing is claimed to be signed, nobody waits for a time-out, nothing can come of
    the lost SAD any more."""
    body = die(portal, alice, made, kind, answered=answered)
    refused = alice._http.post(f"/api/instructions/{made['instruction_id']}/approval", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "interrupted before anything was signed" in refused.json()["detail"]
    assert document(alice, made)["state"] == "ready"
    again = alice.post(f"/api/documents/{made['document_id']}/instruction", {})
    approved = alice.post(f"/api/instructions/{again['instruction_id']}/approval", approval_of(alice, again))
    assert approved["state"] == "signed"
    assert portal.sam.count(protocol.Sign) == 1


def test_a_new_instruction_needs_no_waiting(portal, alice, made):
    """The person begins again and does not repeat the old approval."""
    die(portal, alice, made, protocol.Sign, answered=False)
    again = alice.post(f"/api/documents/{made['document_id']}/instruction", {})
    assert again["instruction_id"] != made["instruction_id"]
    recalled = portal.sam.rig.ask(
        protocol.Recall(instruction_id=made["instruction_id"], user_id=alice.get("/api/me")["user_id"])
    )
    assert recalled == protocol.Recalled(released=(), under_way=False)


def test_a_new_instruction_does_not_replace_what_was_signed(portal, alice, made):
    die(portal, alice, made, protocol.Sign, answered=True)
    refused = alice._http.post(f"/api/documents/{made['document_id']}/instruction", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    alice._http.get(f"/documents/{made['document_id']}")
    assert document(alice, made)["state"] == "signed"


def test_a_signed_document_is_not_deleted_before_it_is_known(portal, alice, made):
    die(portal, alice, made, protocol.Sign, answered=True)
    assert alice._http.delete(f"/api/documents/{made['document_id']}").status_code == 409
    assert document(alice, made)["state"] == "signing"
    alice.post(f"/api/documents/{made['document_id']}/finish", {})


def test_while_sam_is_away_nothing_is_given_up(portal, alice, made):
    """Whether sam signed is not known, so the document stays as it is until sam can be asked."""
    body = die(portal, alice, made, protocol.Sign, answered=True)

    def away(message: Any) -> None:
        raise Unavailable("no answer")

    portal.sam.before = away
    path = f"/api/instructions/{made['instruction_id']}/approval"
    assert alice._http.post(path, json=body).status_code == 503
    assert alice._http.post(f"/api/documents/{made['document_id']}/instruction", json={}).status_code == 503
    assert alice._http.delete(f"/api/documents/{made['document_id']}").status_code == 503
    portal.sam.before = None
    assert alice.post(path, body)["state"] == "signed"


def test_an_approval_whose_time_is_over_is_settled_too(portal, alice, made):
    """The answers got lost, and the person is gone: web gives up no sooner than sam, whose record stays."""
    clock = FixedClock(datetime.now(UTC))
    process = another_process(portal, portal.sam, clock)

    def lost(message: Any) -> None:
        if isinstance(message, protocol.Sign):
            raise Indeterminate("lost")

    async def story() -> tuple[int, int]:
        portal.sam.after = lost
        with pytest.raises(Indeterminate):
            await approve(process, alice, made, approval_of(alice, made))
        portal.sam.after = None
        # While the approval could still be repeated, that is left to the person.
        early = await process.finish_all(restarted=True)
        clock.advance(3600)
        return early, await process.finish_all()

    assert asyncio.run(story()) == (0, 1)
    assert document(alice, made)["state"] == "signed"


def test_nobody_else_is_told_what_was_released(portal, alice, bob, made):
    die(portal, alice, made, protocol.Sign, answered=True)
    message = protocol.Recall(instruction_id=made["instruction_id"], user_id=bob.get("/api/me")["user_id"])
    with pytest.raises(NotFound):
        portal.sam.rig.ask(message)
    alice._http.get(f"/documents/{made['document_id']}")
