"""The state machine of a key: what is not written down here cannot happen."""

import pytest

from natsuin.key_management import IllegalMove, KeyState, Move, Mover, after
from natsuin.key_management.key_states import ENDED, require_may_resume

LEGAL = {
    ("pre-active", "certify"): "active",
    ("pre-active", "destroy"): "destroyed",
    ("active", "suspend"): "suspended",
    ("active", "revoke"): "revoked",
    ("active", "destroy"): "destroyed",
    ("suspended", "resume"): "active",
    ("suspended", "revoke"): "revoked",
    ("suspended", "destroy"): "destroyed",
}


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("state", list(KeyState))
def test_every_pair(state: KeyState, move: Move) -> None:
    expected = LEGAL.get((state.value, move.value))
    if expected is None:
        with pytest.raises(IllegalMove, match=state.value):
            after(state, move)
    else:
        assert after(state, move) == expected


def test_nothing_leaves_an_end() -> None:
    assert {KeyState.REVOKED, KeyState.DESTROYED} == ENDED
    assert not [pair for pair in LEGAL if pair[0] in ENDED]


@pytest.mark.parametrize(
    ("suspended_by", "mover", "may"),
    [
        ("owner", Mover.OWNER, True),
        ("officer", Mover.OWNER, False),
        ("service", Mover.OWNER, False),
        ("owner", Mover.OFFICER, True),
        ("service", Mover.OFFICER, True),
    ],
)
def test_who_may_resume(suspended_by: str, mover: Mover, may: bool) -> None:
    if may:
        require_may_resume(suspended_by, mover)
    else:
        with pytest.raises(IllegalMove):
            require_may_resume(suspended_by, mover)
