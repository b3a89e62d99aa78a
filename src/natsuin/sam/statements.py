"""The statement of a key, for its owner: everything that the signing log has about it (docs/statement.md)."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from natsuin.clock import milliseconds
from natsuin.errors import NotFound, TooLarge
from natsuin.key_management import Keys
from natsuin.sam.history import History
from natsuin.sam.protocol import KeyStatement, StateKey
from natsuin.signing_log import SigningLog, state_key

LARGEST: Final = 14 * 1024 * 1024
"""Bytes of a statement: what fits into an answer to web."""
GOOD_FOR: Final = timedelta(minutes=10)
"""How long an entry that closed a statement closes the next ones, while the key did nothing else: the log must not
grow with each click."""


class _Entry(msgspec.Struct, frozen=True):
    type: str = ""
    time: int = 0


_decode = msgspec.json.Decoder(_Entry).decode


@dataclass(frozen=True)
class Statements:
    """Answers `StateKey`. Safe from several threads; the closing entry is durable on return."""

    keys: Keys
    history: History
    log: SigningLog
    _closing: threading.Lock = field(default_factory=threading.Lock)

    def state(self, message: StateKey) -> KeyStatement:
        """The statement. Raises `NotFound` for a key that is not the owner's, `TooLarge`, `Busy` after a start."""
        if message.key_id not in {key.key_id for key in self.keys.owned_by(message.user_id)}:
            raise NotFound("there is no such key")
        with self._closing:
            last = self._close(message)
        places = [place for place in self.history.entries_about(message.key_id) if place <= last]
        with self.log.whole() as whole:
            statement = state_key(message.key_id, whole, places)
        if len(statement) > LARGEST:
            raise TooLarge(
                "the statement of this key is too long for the portal",
                hint="Make it from the log's public files with «natsuin log statement».",
            )
        return KeyStatement(statement=statement)

    def _close(self, message: StateKey) -> int:
        """The place of the entry that closes the statement: a new one unless the newest about the key is one."""
        foundation = self.keys.foundation
        places = self.history.entries_about(message.key_id)
        if places:
            newest = _decode(next(self.log.receipts(places[-1:])).leaf)
            young = newest.time > milliseconds(foundation.clock.now() - GOOD_FOR)
            if newest.type == "key-stated" and young:
                return places[-1]
        private = {"user": message.user_id}
        receipt = foundation.journal.record("key-stated", public={"key": message.key_id}, private=private)
        return self.log.place_of(receipt)
