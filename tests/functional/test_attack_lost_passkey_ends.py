"""A replacement of a lost passkey that ended stays ended: cancelled and completed at one instant, or with its
former row put back."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.errors import NatsuinError
from natsuin.sam import protocol as p
from rigs.lost_passkeys import Town, cancel, complete, completion, founded, proof
from rigs.web_side import ORIGIN, PIN, Signer, WebSide, assertion, digests

AT_ONCE = 16


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with founded(tmp_path_factory.mktemp("sam")) as made:
        yield made


def at_once(web: WebSide, messages: Sequence[object]) -> Counter[str]:
    def came(message: object) -> str:
        try:
            return type(web.ask(message)).__name__
        except NatsuinError as error:
            return error.code

    with ThreadPoolExecutor(len(messages)) as pool:
        return Counter(pool.map(came, messages))


def test_it_is_cancelled_and_not_completed_too(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    act_id, size = step.replacement.act_id, town.rig.sam.log.size
    offer = town.web.ask(p.OfferReplacementCancel(act_id=act_id))
    stop = p.CancelReplacement(act_id=act_id, assertion=assertion(signer.device, offer.challenge))
    secrets = {"proofs": [proof(signer.key.key_id, signer.pin)], "recovery_code": new_recovery_code()}
    device = SoftwareAuthenticator(ORIGIN)
    finish = completion(town.web, step.token, signer.user_id, secrets, device=device)
    came = at_once(town.web, [finish, stop] * (AT_ONCE // 2))
    (state,) = [one.state for one in town.web.ask(p.ListReplacements(user_id=signer.user_id, since=1)).replacements]
    kinds = Counter(entry["type"] for entry in town.told(size))
    assert kinds["replacement-cancelled"] + kinds["replacement-completed"] == kinds[f"replacement-{state}"] == 1
    # With a completion all its identical repetitions are answered; the cancellation is answered once.
    assert came["ReplacementStep"] == kinds["replacement-cancelled"]
    assert bool(came["ReplacementDone"]) == (state == "completed")
    owner = device if state == "completed" else signer.device
    (key,) = town.web.ask(p.ListKeys(user_id=signer.user_id)).keys
    wanted = digests(1)
    town.web.sign(town.web.approve(Signer(signer.user_id, key, owner, signer.pin), wanted), wanted)


@pytest.mark.parametrize("ended_by", ["the person", "five wrong tries"])
def test_a_row_put_back_revives_no_replacement_that_the_log_ended(town: Town, ended_by: str) -> None:
    """The row is genuine, seal and all, and sam runs on; only the log was not put back."""
    signer = town.person()
    step = town.waited(signer)
    database = Path(town.rig.config.sam.database.removeprefix("sqlite:///"))
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE saved AS SELECT * FROM passkey_replacement")
    if ended_by == "the person":
        cancel(town.web, step.replacement.act_id, signer.device)
    else:
        for _ in range(5):
            with pytest.raises(errors.WrongSecret):
                complete(town.web, step.token, signer, proofs=[proof(signer.key.key_id, "wrong horse 77")])
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM passkey_replacement")
        connection.execute("INSERT INTO passkey_replacement SELECT * FROM saved")
        connection.execute("DROP TABLE saved")
    assert town.state(step.replacement.act_id).state == "waiting"
    with pytest.raises(errors.AlreadyUsed, match="says the log"):
        complete(town.web, step.token, signer)
    with pytest.raises(errors.AlreadyUsed, match="says the log"):
        complete(town.web, step.token, signer, proofs=[], given_up=[signer.key.key_id], new_pin=PIN)
    wanted = digests(1)
    town.web.sign(town.web.approve(signer, wanted), wanted)
