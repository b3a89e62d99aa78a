"""Whom one asks, and how many must have cosigned: the policy of a log's owner, or of somebody who checks one.

The same can be written down as a file (C2SP tlog-policy, draft), of which one form is read here: a quorum of `any`,
`all` or a number over one group, or over a single witness. Groups of groups are refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from natsuin.signing_log.notes import KeyKind, UnverifiedNote, VerifierKey, parse_note, parse_verifier_key
from natsuin.signing_log.refusals import BadKey, BadNote, BadPolicy, Unwitnessed
from natsuin.signing_log.witnesses.cosignatures import Cosignature, cosignatures_of

MOST_WITNESSES: Final = 32
_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_LARGEST: Final = 64 * 1024


@dataclass(frozen=True)
class WitnessPolicy:
    """Of `witnesses`, at least `quorum` must have cosigned. A quorum of 0 asks for none."""

    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        """Raises `BadPolicy` for what can never be met, or could be met by one witness alone though two are named."""
        if any(key.kind is not KeyKind.COSIGNATURE for key in self.witnesses):
            raise BadPolicy("a witness is named by a cosignature key, not by the key of a log")
        if len({key.public for key in self.witnesses}) != len(self.witnesses):
            raise BadPolicy("two witnesses of this policy have one key")
        if len(self.witnesses) > MOST_WITNESSES:
            raise BadPolicy("this policy names too many witnesses")
        if not 0 <= self.quorum <= len(self.witnesses):
            raise BadPolicy("this policy asks for more witnesses than it names")

    @classmethod
    def of(cls, vkeys: Sequence[str], quorum: int | None = None) -> "WitnessPolicy":
        """A policy of verifier keys; all of them without a `quorum`. Raises `BadKey`, `BadPolicy`."""
        keys = tuple(map(parse_verifier_key, vkeys))
        return cls(keys, len(keys) if quorum is None else quorum)

    def require(self, note: str) -> tuple[Cosignature, ...]:
        """Who cosigned `note`, when enough did. Whether its log signed it is not looked at.

        Raises `Unwitnessed` for too few, `BadNote`, `UntrustedNote` for a cosignature that does not verify.
        """
        found = cosignatures_of(_parsed(note), self.witnesses)
        if len(found) < self.quorum:
            raise Unwitnessed(
                f"{len(found)} of {len(self.witnesses)} witnesses cosigned this checkpoint, and {self.quorum} must have"
            )
        return found


def _parsed(note: str) -> UnverifiedNote:
    try:
        return parse_note(note.encode())
    except UnicodeEncodeError as error:
        raise BadNote("a note is UTF-8 text") from error


@dataclass(frozen=True)
class PolicyFile:
    """What a policy file says: logs and witnesses with their addresses (an empty text for none), and the quorum."""

    logs: tuple[tuple[VerifierKey, str], ...]
    urls: dict[str, str]
    """Of witnesses, by their verifier keys."""
    policy: WitnessPolicy


def parse_policy(text: str) -> PolicyFile:
    """Read a policy file. Raises `BadPolicy`."""
    reading = _Reading()
    if len(text) > _LARGEST:
        raise BadPolicy("this policy is too long")
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            try:
                reading.take(words)
            except (BadKey, BadPolicy, ValueError) as error:
                reason = error.message if isinstance(error, BadKey | BadPolicy) else "this cannot be read"
                raise BadPolicy(f"line {number} of the policy: {reason}") from error
    if reading.quorum is None:
        raise BadPolicy("this policy has no line quorum")
    return PolicyFile(tuple(reading.logs), reading.urls, reading.quorum)


class _Reading:
    """What the lines so far have defined."""

    def __init__(self) -> None:
        self.logs: list[tuple[VerifierKey, str]] = []
        self.urls: dict[str, str] = {}
        self.quorum: WitnessPolicy | None = None
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: dict[str, WitnessPolicy] = {}

    def take(self, words: Sequence[str]) -> None:
        kind, *rest = words
        if kind == "log" and len(rest) in (1, 2):
            self.logs.append((parse_verifier_key(rest[0]), rest[1] if len(rest) == 2 else ""))
        elif kind == "witness" and len(rest) in (2, 3):
            self._define(rest[0])
            self._witnesses[rest[0]] = parse_verifier_key(rest[1])
            WitnessPolicy(tuple(self._witnesses.values()))
            self.urls[rest[1]] = rest[2] if len(rest) == 3 else ""
        elif kind == "group" and len(rest) >= 3:
            self._define(rest[0])
            self._groups[rest[0]] = self._group(rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            if self.quorum is not None:
                raise BadPolicy("there is a quorum already")
            self.quorum = self._quorum(rest[0])
        else:
            raise BadPolicy("this is no line of a policy")

    def _define(self, name: str) -> None:
        if name == "none" or name in self._witnesses or name in self._groups:
            raise BadPolicy("this name is taken")

    def _group(self, wanted: str, names: Sequence[str]) -> WitnessPolicy:
        if len(set(names)) != len(names) or not all(name in self._witnesses for name in names):
            raise BadPolicy("the members of a group are witnesses that were defined before, each once")
        counts = {"any": 1, "all": len(names)}
        if wanted not in counts and not _COUNT.fullmatch(wanted):
            raise BadPolicy("a group asks for any, for all, or for a number")
        return WitnessPolicy(tuple(self._witnesses[name] for name in names), counts.get(wanted) or int(wanted))

    def _quorum(self, name: str) -> WitnessPolicy:
        if name == "none":
            return WitnessPolicy()
        if name in self._witnesses:
            return WitnessPolicy((self._witnesses[name],), 1)
        if name in self._groups:
            return self._groups[name]
        raise BadPolicy("the quorum names what was not defined")
