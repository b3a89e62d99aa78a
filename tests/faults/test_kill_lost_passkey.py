"""kill -9 between the entry and the row of each step of a lost passkey: everything as it was, or all done (P6)."""

import time
from collections.abc import Callable

import pytest

from natsuin import errors
from natsuin.config import load
from natsuin.sam import protocol as p
from natsuin.sam.process import invite_officer
from rigs.lost_passkeys import approve, begin, cancel, complete, propose
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Officer, Signer, digests

STEPS = ("propose", "begin", "complete", "cancel")
AT = {"NATSUIN_FAULT_AT": "replacement.after_entry"}


def two_officers(sam: SamProcess, officer: Officer) -> list[Officer]:
    """A second one, invited on the host, with a waiting period of a second."""
    sam.stop()
    file = sam.folder / "config.toml"
    file.write_text(file.read_text() + "\n[keys]\nreplacement_wait_seconds = 1\n")
    token = invite_officer(load(file), "Second officer")
    sam.start()
    return [officer, sam.web.register_officer(token)]


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_entry_and_row(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer, step: str
) -> None:
    sam = fresh_sam()
    officers = two_officers(sam, officer)
    web = sam.web
    act = propose(web, officers[0], alice.user_id)
    done = {"propose": 0, "begin": 1, "complete": 2, "cancel": 2}[step]
    steps = [approve(web, act, one) for one in officers[:done]]
    token = steps[-1].token if steps else ""
    waits(sam, token)
    sam.stop()
    sam.start(**AT)
    acting = {
        "propose": lambda: approve(sam.web, act, officers[0]),
        "begin": lambda: approve(sam.web, act, officers[1]),
        "complete": lambda: complete(sam.web, token, alice),
        "cancel": lambda: cancel(sam.web, act.act_id, alice.device),
    }[step]
    with pytest.raises(ConnectionLost):
        acting()
    assert sam.wait_for_death() == -9
    sam.start()
    wanted = digests(1)
    if step == "cancel":
        # What the log says was cancelled is.
        with pytest.raises(errors.AlreadyUsed):
            complete(sam.web, token, alice)
        sam.web.sign(sam.web.approve(alice, wanted), wanted)
        begin(sam.web, officers, alice.user_id)
        return
    # Anything else is done again, with the same link.
    answer = acting()
    if isinstance(answer, Signer):
        sam.web.sign(sam.web.approve(answer, wanted), wanted)
        with pytest.raises(errors.ApprovalRefused):
            sam.web.approve(alice, wanted)
    else:
        assert isinstance(answer, p.ReplacementStep)
        assert answer.replacement.state == {"propose": "proposed", "begin": "waiting"}[step]


def waits(sam: SamProcess, token: str) -> None:
    """Until the waiting period is over, if one runs."""
    deadline = time.monotonic() + 30
    while token and not sam.web.ask(p.OpenReplacement(token=token)).replacement.waited:
        if time.monotonic() > deadline:
            pytest.fail("the waiting period does not end")
        time.sleep(0.05)
