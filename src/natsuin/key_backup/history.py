"""What the signing log tells of one key, whatever the databases say: its end, its secrets, wrong tries, its moves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from natsuin.key_management import ENDED, MAX_TRIES, MOVE_OF, PIN_SLOT, RECOVERY_SLOT, KeyState, Move

CLOSING = frozenset({"pin-changed", "pin-reset", "passkeys-changed", "passkeys-replaced", "certificate-installed"})
"""After one of these an older archive would bring back what was replaced."""
_ENDS = {Move.REVOKE: KeyState.REVOKED, Move.DESTROY: KeyState.DESTROYED}


@dataclass
class KeyHistory:
    """One key in the log. `failures` are wrong tries by slot since the last success that the log shows; `moves` the
    entries of moves, and `replaced` whether secrets were, from the index that was asked for."""

    end: KeyState | None = None
    replaced: bool = False
    failures: dict[str, int] = field(default_factory=lambda: {PIN_SLOT: 0, RECOVERY_SLOT: 0})
    moves: list[dict[str, Any]] = field(default_factory=list)

    @property
    def locked(self) -> bool:
        """Whether the tries of the PIN are used up."""
        return self.failures[PIN_SLOT] >= MAX_TRIES

    def state_after(self, state: KeyState, suspended_by: str) -> tuple[KeyState, str]:
        """What a key that was in `state` is now, and who suspended it."""
        for entry in self.moves:
            move = MOVE_OF[entry["type"]]
            if move in _ENDS:
                return _ENDS[move], ""
            if move is Move.SUSPEND:
                state, suspended_by = KeyState.SUSPENDED, entry["by"]
            elif move is Move.RESUME:
                state, suspended_by = KeyState.ACTIVE, ""
        return state, suspended_by

    def note(self, entry: Mapping[str, Any]) -> None:
        """Take in one entry of the key, in order."""
        kind = entry["type"]
        if kind == "secret-refused":
            self.failures[entry["slot"]] += 1
        elif kind in ("approved", "pin-changed", "key-restored"):
            self.failures[PIN_SLOT] = 0
        elif kind in ("pin-reset", "passkeys-changed", "passkeys-replaced"):
            self.failures = dict.fromkeys(self.failures, 0)
        elif kind in MOVE_OF and MOVE_OF[kind] in _ENDS:
            self.end = _ENDS[MOVE_OF[kind]]


def read_history(entries: Iterable[tuple[int, bytes]], key_id: str, *, since: int) -> KeyHistory:
    """The history of a key from all `entries` of the log; moves and replaced secrets count from index `since`."""
    history = KeyHistory()
    name = key_id.encode()
    for index, leaf in entries:
        if name not in leaf:
            continue
        entry = msgspec.json.decode(leaf)
        if entry.get("key") != key_id:
            continue
        history.note(entry)
        if index >= since:
            history.replaced = history.replaced or entry["type"] in CLOSING
            if entry["type"] in MOVE_OF:
                history.moves.append(entry)
    return history


def is_end(state: str) -> bool:
    """Whether a key in `state` is gone for ever."""
    return KeyState(state) in ENDED
