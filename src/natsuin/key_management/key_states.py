"""The life of a signing key as a state machine: which moves there are, and what each leads to.

    pre-active --certify--> active <--resume-- suspended
                              |  \\--suspend------^
                              |                   |
                              +-----revoke--------+--> revoked
    every state but the last two --destroy----------> destroyed

Revoked and destroyed are ends: the encrypted key and both ways to open it are erased in the same transaction, so
nothing can bring it back but a forged database, and that is found (`natsuin.signing.recovery`).
"""

from enum import StrEnum

from natsuin.errors import Conflict


class KeyState(StrEnum):
    """Life of a key. Only an active key signs."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    DESTROYED = "destroyed"


class Move(StrEnum):
    """What changes a key's state."""

    CERTIFY = "certify"
    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"
    DESTROY = "destroy"


class Mover(StrEnum):
    """Who makes a move. What one suspended, only the same kind, or an officer, resumes."""

    OWNER = "owner"
    OFFICER = "officer"
    SERVICE = "service"


ENDED = frozenset({KeyState.REVOKED, KeyState.DESTROYED})
"""States without a way out, in which no key material is left."""

_MOVES: dict[tuple[KeyState, Move], KeyState] = {
    (KeyState.PRE_ACTIVE, Move.CERTIFY): KeyState.ACTIVE,
    (KeyState.PRE_ACTIVE, Move.DESTROY): KeyState.DESTROYED,
    (KeyState.ACTIVE, Move.SUSPEND): KeyState.SUSPENDED,
    (KeyState.ACTIVE, Move.REVOKE): KeyState.REVOKED,
    (KeyState.ACTIVE, Move.DESTROY): KeyState.DESTROYED,
    (KeyState.SUSPENDED, Move.RESUME): KeyState.ACTIVE,
    (KeyState.SUSPENDED, Move.REVOKE): KeyState.REVOKED,
    (KeyState.SUSPENDED, Move.DESTROY): KeyState.DESTROYED,
}


class IllegalMove(Conflict):
    """The key's state does not allow this."""

    code = "illegal_move"


def after(state: KeyState, move: Move) -> KeyState:
    """The state that `move` leads to. Raises `IllegalMove`."""
    try:
        return _MOVES[state, move]
    except KeyError:
        raise IllegalMove(
            f"a key that is {state.value} cannot be {_DONE[move]}",
            hint="Look at the key's present state.",
        ) from None


def require_may_resume(suspended_by: str, mover: Mover) -> None:
    """An owner takes back their own suspension only; an officer any. Raises `IllegalMove`."""
    if mover is Mover.OWNER and suspended_by != Mover.OWNER:
        raise IllegalMove(
            "the key was not suspended by its owner", hint="Ask your registration officer why, and to resume it."
        )


_DONE = {
    Move.CERTIFY: "given a certificate",
    Move.SUSPEND: "suspended",
    Move.RESUME: "resumed",
    Move.REVOKE: "revoked",
    Move.DESTROY: "destroyed",
}
