"""One witness as the log's writer knows it: what it was last shown, and how it is asked for more.

A witness that knows another size than was thought says so (409); the proof is then made once more, from there. One that
has seen what this log does not lead to (422), or more entries than this log has, is the alarm that witnesses are there
for: the log must stop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from natsuin.clock import Clock
from natsuin.signing_log.notes import VerifierKey, parse_note
from natsuin.signing_log.refusals import BadNote, UntrustedNote, WitnessFailed, WitnessRefused
from natsuin.signing_log.witnesses.client import Answer, WitnessAddress
from natsuin.signing_log.witnesses.cosignatures import Cosignature, verify_line
from natsuin.signing_log.witnesses.requests import AddCheckpoint, encode_request, parse_lines, parse_size

TOLERANCE: Final = timedelta(minutes=10)
"""How far the clock of a witness may be from ours: a cosignature of another time says nothing about now."""
_REASONS: Final = {
    400: "the witness says that the request is malformed",
    403: "the witness does not trust the key of this log",
    404: "the witness does not know this log",
}

Prover = Callable[[int], tuple[bytes, ...]]
"""The consistency proof from a number of entries, of at least 1, to the checkpoint in question."""


@dataclass(frozen=True)
class Shown:
    """A checkpoint that witnesses are asked to cosign: its size, its note, and proofs that lead to it."""

    size: int
    note: str
    prove: Prover


class AskedWitness:
    """One witness. For one thread at a time, but for `known`, which may be read by anybody."""

    def __init__(self, key: VerifierKey, address: WitnessAddress, clock: Clock) -> None:
        self.key = key
        self._address, self._clock = address, clock
        self.known = 0
        """How many entries it has seen, as far as it told us."""

    def ask(self, shown: Shown) -> Cosignature:
        """Its cosignature over the checkpoint, verified.

        Raises `WitnessFailed` when there is none, `WitnessRefused` when the log must stop; and what `shown.prove`
        raises.
        """
        answer = self._post(shown)
        if answer.status == 409:
            told = parse_size(answer.body)
            self._require_not_ahead(told, shown)
            if told == self.known:
                raise WitnessFailed("the witness contradicts itself about what it has seen")
            self.known = told
            answer = self._post(shown)
        if answer.status == 409:
            self._require_not_ahead(parse_size(answer.body), shown)
            raise WitnessFailed("the witness contradicts itself about what it has seen")
        if answer.status == 422:
            raise WitnessRefused(
                f"the witness {self.key.name} has seen another history of this log", hint="See docs/witnesses.md."
            )
        if answer.status != 200:
            raise WitnessFailed(_REASONS.get(answer.status, f"the witness answered {answer.status}"))
        cosignature = self._verified(answer, shown)
        self.known = shown.size
        return cosignature

    def close(self) -> None:
        """Let go of the connection."""
        self._address.close()

    def _post(self, shown: Shown) -> Answer:
        self._require_not_ahead(self.known, shown)
        proof = shown.prove(self.known) if 0 < self.known < shown.size else ()
        return self._address.add_checkpoint(encode_request(AddCheckpoint(self.known, proof, shown.note)))

    def _require_not_ahead(self, size: int, shown: Shown) -> None:
        if size > shown.size:
            raise WitnessRefused(
                f"the witness {self.key.name} has seen {size} entries of this log, which has {shown.size}: the log was "
                "rolled back",
                hint="See docs/witnesses.md.",
            )

    def _verified(self, answer: Answer, shown: Shown) -> Cosignature:
        text = parse_note(shown.note.encode()).text
        lines = parse_lines(answer.body)
        mine = [line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.key_id)]
        if not mine:
            raise WitnessFailed("the witness cosigned with another key than the configured one")
        try:
            cosignature = verify_line(text, mine[0], self.key)
        except (BadNote, UntrustedNote) as error:
            raise WitnessFailed("the cosignature of the witness does not verify") from error
        if abs(cosignature.time - self._clock.now().timestamp()) > TOLERANCE.total_seconds():
            raise WitnessFailed("the clock of the witness is far from ours")
        return cosignature
