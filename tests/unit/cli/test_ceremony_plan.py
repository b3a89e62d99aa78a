"""Plans of ceremonies that somebody wrote who wants others to agree to what they do not see, or to stop the command."""

import hashlib
import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.cli.ceremony.dialogue import agree
from natsuin.cli.ceremony.plan import LARGEST, Plan, read_plan, template
from natsuin.cli.ceremony.transcript import Transcript
from natsuin.clock import FixedClock

GOOD = template("split", ["佐藤 花子", "Suzuki"], 2).replace("Write why.", "first shares")


def read(folder: Path, text: str) -> Plan:
    file = folder / "plan.toml"
    file.write_bytes(text.encode())
    return read_plan(file)


def test_a_plan_may_have_japanese_comments_and_tabs(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD.replace("\n", "\r\n") + "#\t立会人なし\n")
    assert plan.custodians == ("佐藤 花子", "Suzuki")
    assert plan.text.endswith("立会人なし\n")


@pytest.mark.parametrize(
    "line",
    [
        "# \u202e tilps",  # the direction of what follows
        "# \u009b2J",  # clears a screen, as one character
        "# \u200b",  # no width
        "# \u2028kind",  # another end of a line
    ],
)
def test_what_cannot_be_seen_is_not_agreed_to(tmp_path: Path, line: str) -> None:
    with pytest.raises(errors.Malformed, match="cannot be seen"):
        read(tmp_path, f"{GOOD}{line}\n")


@pytest.mark.parametrize("second", ["佐藤 花子 ", "佐藤\\u00a0花子", "佐藤 花\\u200b子", "", " "])
def test_one_custodian_is_not_two(tmp_path: Path, second: str) -> None:
    with pytest.raises(errors.Malformed):
        read(tmp_path, GOOD.replace("Suzuki", second))


@pytest.mark.parametrize("reason", ["", " ", "x" * 101])
def test_a_reason_is_given(tmp_path: Path, reason: str) -> None:
    with pytest.raises(errors.Malformed):
        read(tmp_path, GOOD.replace("first shares", reason))


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 10_000,
        "a = " + "{a = " * 3000,
        GOOD.replace("threshold = 2", f"threshold = {'1' * 5000}"),
        f"# {'x' * LARGEST}\n{GOOD}",
        # A few hundred kilobytes of this took all memory that there was.
        "a" + ".a" * 200_000 + " = 1",
        GOOD + "more = 1\n",
    ],
    ids=["brackets", "tables", "number", "long", "dots", "more"],
)
def test_a_hostile_plan_is_refused_as_a_plan(tmp_path: Path, text: str) -> None:
    with pytest.raises(errors.Malformed):
        read(tmp_path, text)


def test_a_plan_whose_hash_begins_like_the_reviewed_one_is_another(tmp_path: Path) -> None:
    """Whoever writes plans finds, in a second, two of which the first eight characters are the same."""
    reviewed = {sha256(text)[:8]: text for text in (plan_text(3, number) for number in range(1 << 17))}
    others = (plan_text(2, number) for number in itertools.count())
    other = next(text for text in others if sha256(text)[:8] in reviewed)
    digest, plan = sha256(other), read(tmp_path, other)
    for typed in (digest[:8], sha256(reviewed[digest[:8]]), digest[:-1], f"{digest}0"):
        with pytest.raises(errors.Conflict):
            agree(plan, typed)
    for typed in (digest, digest.upper(), " ".join(digest[place : place + 8] for place in range(0, 64, 8))):
        agree(plan, typed)


def plan_text(threshold: int, number: int) -> str:
    return f"""# {number}
kind = "split"
reason = "a trial"
threshold = {threshold}
custodians = ["Sato", "Suzuki", "Takahashi"]
witnesses = []
"""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_transcripts_of_one_second_lie_side_by_side(tmp_path: Path) -> None:
    transcripts = [Transcript(read(tmp_path, GOOD), FixedClock(datetime(2026, 4, 1, tzinfo=UTC))) for _ in range(3)]
    for number, transcript in enumerate(transcripts):
        transcript.note(f"step of ceremony {number}")
    files = [transcript.write(tmp_path) for transcript in transcripts]
    assert [file.name for file in files] == [
        f"ceremony-split-20260401T000000Z{number}.txt" for number in ("", "-2", "-3")
    ]
    assert all(f"step of ceremony {number}" in file.read_text() for number, file in enumerate(files))
