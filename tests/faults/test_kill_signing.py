"""kill -9 at every named point between reserve and release: sam heals by itself, and no digest is ever signed twice
(P2, P5, P6)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import natsuin.signing.sign
from natsuin import errors
from natsuin.sam.protocol import Signed
from rigs.invariants import check_invariants
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Signer, digests

SIGN_POINTS = re.findall(r'faults\.point\("(sign\.[a-z_]+)"\)', Path(natsuin.signing.sign.__file__).read_text())
LOG_POINTS = [
    f"log.{name}:{commit}"
    for name, commits in {
        "queued": (3, 4),
        "before_bundles": (3, 4),
        "after_bundles": (3, 4),
        "after_tiles": (3, 4),
        "before_sign": (3, 4),
        "before_swap": (3, 4),
        "after_swap": (3, 4),
        "before_publish": (4, 5),
        "after_publish": (4, 5),
    }.items()
    for commit in commits
]
"""After the start, commit 1 is `boot`, 2 `approved`, 3 the intent and 4 the outcome; opening publishes once."""

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


def _check_story(point: str, entries: list[dict[str, object]], received: list[Signed]) -> None:
    unknown = [entry for entry in entries if entry.get("result") == "unknown"]
    undelivered = [entry for entry in entries if entry["type"] == "undelivered"]
    assert len(unknown) + len(undelivered) <= 1
    if point == "sign.after_outcome":
        assert len(undelivered) == 1, "logged as signed, never recorded, and the log says that it never left"
    if point in {"sign.after_intent", "sign.after_open", "sign.after_signature", "sign.after_check"}:
        assert len(unknown) == 1
