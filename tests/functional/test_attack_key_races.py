"""A hostile web that sends everything at the same instant: whatever the order, a key that was ended stays so, nothing
is signed twice, and the log tells of each move once and in a possible order."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from rigs.invariants import check_invariants
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Officer, Signer, WebSide, assertion, digests

ENDED = {"revoked", "destroyed"}


def at_once(sam: SamProcess, messages: Sequence[Any]) -> list[Any]:
    """What sam answers to each, or the error, when a thread of its own and a connection of its own sends each."""
    start, told = threading.Barrier(len(messages)), [None] * len(messages)

    def send(place: int) -> None:
        try:
            sam.ask(p.Hello())
            start.wait(60)
            told[place] = sam.ask(messages[place])
        except (errors.NatsuinError, ConnectionLost, OSError) as error:
            told[place] = error

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(messages))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return told


def approval(web: WebSide, signer: Signer, act: str, officer: Officer | None = None, **wishes: Any) -> p.ApproveKeyAct:
    """The approval of an act, not sent yet."""
    proposed = web.propose_act(signer, act, officer=officer, **wishes)
    device = officer.device if officer else signer.device
    sealed = b""
    if act == "renew":
        sealed = web.seal(p.HPKE_INFO_RENEW, proposed.challenge, pin=signer.pin, recovery_code=new_recovery_code())
    return p.ApproveKeyAct(
        act_id=proposed.act_id, assertion=assertion(device, proposed.challenge), sealed_secrets=sealed
    )


def test_the_whole_life_of_a_key_at_one_instant(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer
) -> None:
    sam = fresh_sam()
    web = sam.web
    wanted = digests(12)
    sad = web.approve(alice, wanted)
    messages: list[Any] = [p.Sign(sad=sad, dtbs=(each,)) for each in wanted for _ in range(2)]
    messages.append(approval(web, alice, "suspend"))
    messages.append(approval(web, alice, "suspend", officer))
    messages.append(approval(web, alice, "revoke", officer, reason="unspecified"))
    messages.append(approval(web, alice, "revoke", reason="superseded"))
    messages.append(approval(web, alice, "destroy"))
    messages += [approval(web, alice, "renew") for _ in range(2)]
    messages.append(p.StateKey(user_id=alice.user_id, key_id=alice.key.key_id))
    assert len(messages) == 32
    told = at_once(sam, messages)
    received = [each for each in told if isinstance(each, p.Signed)]
    assert all(isinstance(each, p.Message | errors.NatsuinError) for each in told), told
    assert not [each for each in told if isinstance(each, errors.NatsuinError) and each.code == "internal"]
    # The same request twice is one signature, and two different ones never are.
    pairs = [told[2 * place : 2 * place + 2] for place in range(len(wanted))]
    assert all(len({each for each in pair if isinstance(each, p.Signed)}) <= 1 for pair in pairs)
    check_life(sam, alice, received)


def test_renewals_and_suspensions_at_one_instant(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer
) -> None:
    sam = fresh_sam()
    web = sam.web
    messages = [approval(web, alice, "renew") for _ in range(8)]
    messages += [approval(web, alice, "suspend", officer) for _ in range(8)]
    messages += [approval(web, alice, "destroy") for _ in range(8)]
    told = at_once(sam, messages)
    assert all(isinstance(each, p.Message | errors.NatsuinError) for each in told), told
    check_life(sam, alice, [])


def check_life(sam: SamProcess, signer: Signer, received: Sequence[p.Signed]) -> None:
    """The log's account of the key is one that could be, agrees with DB-2, and at most one key lives."""
    entries = check_invariants(sam.config.sam.log_folder, sam.web.info.log_vkey, received)
    mine = [entry for entry in entries if entry.get("key") == signer.key.key_id]
    assert [entry["key_number"] for entry in mine] == list(range(len(mine)))
    kinds = [entry["type"] for entry in mine]
    ends = [place for place, kind in enumerate(kinds) if kind in ("key-revoked", "key-destroyed", "key-renewed")]
    assert len({kinds[place] for place in ends}) == len(ends), kinds
    assert "intent" not in kinds[ends[0] :] if ends else True, kinds
    states = {key.key_id: key.state for key in sam.web.ask(p.ListKeys(user_id=signer.user_id)).keys}
    assert list(states.values()).count("active") <= 1, states
    if ends:
        assert states[signer.key.key_id] in ENDED
