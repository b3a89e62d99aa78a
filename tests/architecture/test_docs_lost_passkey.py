"""The days, hours and tries in docs/lost-passkey.md are those that the code has."""

from datetime import timedelta
from pathlib import Path

import pytest

from natsuin.key_management.keys import MAX_TRIES
from natsuin.key_management.lost_passkey import replacements, states
from natsuin.sam.lost_passkeys import SHORTEST_WAIT
from natsuin.settings import KeysSection
from natsuin.web.notices import outbox

IN_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten"}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """The page, as one line."""
    return " ".join((root / "docs/lost-passkey.md").read_text(encoding="utf-8").split())


def test_the_waiting_period(page: str) -> None:
    default = timedelta(seconds=KeysSection().replacement_wait_seconds)
    assert f"the waiting period: {default // timedelta(seconds=1)} ({IN_WORDS[default.days]} days)" in page
    assert f"after the waiting period, {IN_WORDS[default.days]} days unless" in page
    assert f"at least {SHORTEST_WAIT // timedelta(seconds=1)} except in demonstrations" in page


def test_how_long_officers_and_the_person_may_take(page: str) -> None:
    assert f"it within {replacements.APPROVAL_LIFE // timedelta(hours=1)} hours" in page
    assert f"good for {replacements.LINK_LIFE.days} days after the waiting period" in page


def test_how_often_something_may_be_wrong(page: str) -> None:
    most = IN_WORDS[states.MOST_REFUSALS]
    assert f"After {most} wrong tries it ends" in page
    assert f"for the link ({most}) and for the key ({IN_WORDS[MAX_TRIES]}," in page
    assert (
        f"{most.capitalize()} refused approvals** end what officers proposed; {most} failed tries end the link" in page
    )
    assert f"its {most} tries" in page


def test_how_long_mails_are_tried_again(page: str) -> None:
    first, longest, whole = (
        timedelta(milliseconds=value)
        for value in (outbox.FIRST_PAUSE_MS, outbox.LONGEST_PAUSE_MS, outbox.GIVE_UP_AFTER_MS)
    )
    minutes = [IN_WORDS[first * 2**n // timedelta(minutes=1)] for n in range(3)]
    hours, weeks = IN_WORDS[longest // timedelta(hours=1)], IN_WORDS[whole // timedelta(weeks=1)]
    assert f"{', '.join(minutes)} minutes and so on up to {hours} hours, for {weeks} weeks" in page
