"""kill -9 at every named point between reserve and release: sam heals by itself, and no digest is ever signed twice
(P2, P5, P6)."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import natsuin.signing.sign
from natsuin import errors
from natsuin.sam.protocol import Signed
from natsuin.signing_log.writer import PUBLISH_SECONDS
from rigs.invariants import check_invariants
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Signer, digests

SIGN_POINTS = re.findall(r'faults\.point\("(sign\.[a-z_]+)"\)', Path(natsuin.signing.sign.__file__).read_text())
LOG_POINTS = [
    f"log.{name}:{commit}"
    for name, commits in {
        "queued": (3, 4),
        "before_sign": (3, 4),
        "before_swap": (3, 4),
        "after_swap": (3, 4),
    }.items()
    for commit in commits
]
"""After the start, commit 1 is `boot`, 2 `approved`, 3 the intent and 4 the outcome."""
FOLDER_POINTS = [
    f"log.{name}:4" for name in ("before_bundles", "after_bundles", "after_tiles", "before_publish", "after_publish")
]
"""Opening publishes once, `boot` and `approved` at most once each."""

ANSWERED = {"sign.before_reserve", "sign.after_record", "sign.before_release"}
"""Killed before anything began, or after the answer was recorded: the same request is answered after the restart."""


def test_there_are_enough_points() -> None:
    assert len(set(SIGN_POINTS)) == len(SIGN_POINTS) >= 11


@pytest.mark.parametrize("point", [*SIGN_POINTS, *LOG_POINTS])
def test_kill(fresh_sam: Callable[..., SamProcess], alice: Signer, point: str) -> None:
    sam = fresh_sam(NATSUIN_FAULT_AT=point)
    web, received = sam.web, []
    wanted = digests(2)
    sad = web.approve(alice, wanted)
    with pytest.raises(ConnectionLost):
        web.sign(sad, wanted[:1])
    assert sam.wait_for_death() == -9

    sam.start()
    web = sam.web
    if point in ANSWERED:
        received.append(web.sign(sad, wanted[:1]))
        assert received[0] == web.sign(sad, wanted[:1])
    else:
        with pytest.raises(errors.Conflict, match="nothing was released"):
            web.sign(sad, wanted[:1])
    received.append(web.sign(sad, wanted[1:]))
    received.append(web.sign(web.approve(alice, fresh := digests(1)), fresh))
    entries = check_invariants(sam.config.sam.log_folder, web.info.log_vkey, received)
    _check_story(point, entries, received)


@pytest.mark.parametrize("point", FOLDER_POINTS)
def test_kill_while_the_folder_follows(fresh_sam: Callable[..., SamProcess], alice: Signer, point: str) -> None:
    """The folder follows what is durable: whoever got an answer has it for good, whoever got none loses no more than
    the digests under way."""
    sam = fresh_sam(NATSUIN_FAULT_AT=point)
    web, received = sam.web, []
    wanted = digests(100)
    sad = web.approve(alice, wanted)

    def sign_slowly() -> None:
        for digest in wanted:
            received.append(web.sign(sad, (digest,)))
            time.sleep(PUBLISH_SECONDS)

    with pytest.raises(ConnectionLost):
        sign_slowly()
    assert sam.wait_for_death() == -9

    sam.start()
    web, last = sam.web, len(received)
    assert [web.sign(sad, (digest,)) for digest in wanted[:last]] == received
    # The digest under way was either recorded, and its answer is told again, or is lost with its approval.
    with suppress(errors.Conflict):
        received.append(web.sign(sad, (wanted[last],)))
    received.append(web.sign(sad, (wanted[last + 1],)))
    check_invariants(sam.config.sam.log_folder, web.info.log_vkey, received)


def _check_story(point: str, entries: list[dict[str, object]], received: list[Signed]) -> None:
    unknown = [entry for entry in entries if entry.get("result") == "unknown"]
    undelivered = [entry for entry in entries if entry["type"] == "undelivered"]
    assert len(unknown) + len(undelivered) <= 1
    if point == "sign.after_outcome":
        assert len(undelivered) == 1, "logged as signed, never recorded, and the log says that it never left"
    if point in {"sign.after_intent", "sign.after_open", "sign.after_signature", "sign.after_check"}:
        assert len(unknown) == 1
