"""Which algorithms may be used for what, and until when: CRYPTREC's years as a table, and an operator's choice.

The table is data (`algorithm_table.toml`). A configuration may end things earlier and refuse them, and must name what
stands on the table as in transition or experimental before it is used; it can allow nothing that the table does not.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType

from natsuin.algorithms import FACTS, MEMBERS, SCHEMES_OF, KeyAlgorithm, SchemeFamily, SignatureScheme
from natsuin.errors import Refused

WARNING_TIME = timedelta(days=365)
"""How long before an end people are told of it."""


class AlgorithmRefused(Refused):
    """Policy does not allow this algorithm, or not any more."""

    code = "algorithm_refused"


class Act(StrEnum):
    """What can be done with an algorithm. The last is no act of its own but how far a certificate may reach."""

    GENERATE = "generate"
    IMPORT = "import"
    SIGN = "sign"
    CERTIFICATE = "certificate"


class Standing(StrEnum):
    """How the table sees a kind of key."""

    RECOMMENDED = "recommended"
    TRANSITION = "transition"
    EXPERIMENTAL = "experimental"


_SENTENCES = {
    Act.GENERATE: "no new {name} keys are made",
    Act.IMPORT: "no {name} keys are imported",
    Act.SIGN: "{name} makes no new signatures",
    Act.CERTIFICATE: "no certificate of a {name} key may last",
}
_NEXT_STEPS = {
    Act.GENERATE: "Choose a stronger kind of key.",
    Act.IMPORT: "Make a new key of a stronger kind here.",
    Act.SIGN: "Renew the key with a stronger one.",
    Act.CERTIFICATE: "Ask for a certificate that ends earlier, or renew the key with a stronger one.",
}


@dataclass(frozen=True)
class Rule:
    """What the table says of one kind of key. `last_days`: by act, in UTC, inclusive; an act not in it has no end."""

    strength: int
    standing: Standing
    last_days: Mapping[Act, date]
    transition: date | None
    """From this day on everybody should move away from it."""


@dataclass(frozen=True)
class Table:
    """CRYPTREC's years."""

    rules: Mapping[KeyAlgorithm, Rule]
    hashes: Mapping[str, date | None]
    """Hash functions that may be signed over, by hashlib's name, and the last day of that; None if there is no end."""

    def last_day(self, act: Act, algorithm: KeyAlgorithm) -> date | None:
        """The last day, or None if there is no end."""
        return self.rules[algorithm].last_days.get(act)


@cache
def table() -> Table:
    """The table as this version of Natsuin ships it."""
    told = tomllib.loads(resources.files("natsuin").joinpath("algorithm_table.toml").read_text(encoding="utf-8"))
    strengths = told["strengths"]
    rules = {}
    for name, row in told["keys"].items():
        years = strengths[str(row["strength"])]
        days = {act: years[act.value] for act in Act if act.value in years}
        rules[KeyAlgorithm(name)] = Rule(
            row["strength"], Standing(row["standing"]), MappingProxyType(days), years.get("transition")
        )
    hashes = {name: strengths[str(bits)].get(Act.SIGN.value) for name, bits in told["hashes"].items()}
    return Table(MappingProxyType(rules), MappingProxyType(hashes))


@dataclass(frozen=True)
class Choice:
    """What one operator wants. Whether it only tightens is checked by `natsuin.algorithm_settings.AlgorithmsSection`;
    here a later day than the table's has no effect."""

    refused_keys: frozenset[KeyAlgorithm] = frozenset()
    refused_schemes: frozenset[SignatureScheme] = frozenset()
    last_days: Mapping[Act, Mapping[KeyAlgorithm, date]] = field(default_factory=dict)
    named: frozenset[KeyAlgorithm] = frozenset()
    """Kinds in transition or experimental that are wanted nevertheless."""


@dataclass(frozen=True)
class Notice:
    """What the owner and the operator should know of a kind of key in good time."""

    kind: str
    """`ending` within a year of the last signature, `transition` in the years before, `experimental`, or `ended`."""
    last_day: date | None


@dataclass(frozen=True)
class AlgorithmPolicy:
    """The table as one operator's choice narrows it. Pure; times are aware."""

    choice: Choice = field(default_factory=Choice)

    @cached_property
    def _ends(self) -> dict[tuple[Act, KeyAlgorithm], datetime | None]:
        return {(act, algorithm): _end_of(self.last_day(act, algorithm)) for act in Act for algorithm in KeyAlgorithm}

    def last_day(self, act: Act, algorithm: KeyAlgorithm) -> date | None:
        """The last day on which `act` is allowed, in UTC, or None if there is no end."""
        # A certificate promises that its key may sign, so it ends with that.
        acts = (act, Act.SIGN) if act is Act.CERTIFICATE else (act,)
        days = [table().last_day(each, algorithm) for each in acts]
        days += [self.choice.last_days.get(each, {}).get(algorithm) for each in acts]
        return min((day for day in days if day is not None), default=None)

    def standing(self, algorithm: KeyAlgorithm) -> Standing:
        """How the table sees it."""
        return table().rules[algorithm].standing

    def allows(self, act: Act, what: KeyAlgorithm | SignatureScheme, at: datetime) -> bool:
        """Whether `act` is allowed at this time."""
        return self._refusal(act, what, at) is None

    def require(self, act: Act, what: KeyAlgorithm | SignatureScheme, at: datetime) -> None:
        """Raise `AlgorithmRefused`, which names algorithm, day and next step, unless `act` is allowed at this time."""
        refusal = self._refusal(act, what, at)
        if refusal is not None:
            raise refusal

    def require_signing(self, algorithm: KeyAlgorithm, scheme: SignatureScheme, at: datetime) -> None:
        """Raise `AlgorithmRefused` unless keys of `algorithm` may sign in this way at this time."""
        self.require(Act.SIGN, algorithm, at)
        self.require(Act.SIGN, scheme, at)
        if scheme not in SCHEMES_OF[algorithm]:
            raise self._not_a_scheme_of(algorithm)

    def scheme_for(self, name: str, algorithm: KeyAlgorithm, at: datetime) -> SignatureScheme:
        """The scheme called `name`, if keys of `algorithm` may use it now. Raises `AlgorithmRefused`."""
        known = {scheme.value: scheme for scheme in SCHEMES_OF[algorithm]}
        if name not in known:
            raise self._not_a_scheme_of(algorithm)
        self.require_signing(algorithm, known[name], at)
        return known[name]

    def require_choice(self, name: str, algorithm: KeyAlgorithm, at: datetime) -> None:
        """Raise `AlgorithmRefused` unless keys of `algorithm` may now use the scheme `name`, or one of the family."""
        if name not in MEMBERS:
            self.scheme_for(name, algorithm, at)
            return
        members = MEMBERS[SchemeFamily(name)] & SCHEMES_OF[algorithm]
        left = members - self.choice.refused_schemes
        if not members:
            raise self._not_a_scheme_of(algorithm)
        self.require_signing(algorithm, min(left or members), at)

    def schemes(self, algorithm: KeyAlgorithm) -> tuple[SignatureScheme, ...]:
        """What keys of `algorithm` may sign with, in the order of their names."""
        return tuple(sorted(SCHEMES_OF[algorithm] - self.choice.refused_schemes))

    def offered(self, at: datetime) -> tuple[KeyAlgorithm, ...]:
        """Kinds of key that are made at this time, in the order of `KeyAlgorithm`."""
        return tuple(algorithm for algorithm in KeyAlgorithm if self.allows(Act.GENERATE, algorithm, at))

    def certificate_end(self, algorithm: KeyAlgorithm) -> datetime | None:
        """The last second that a certificate of such a key may reach, or None if there is no end."""
        end = self._ends[Act.CERTIFICATE, algorithm]
        return end and end.replace(microsecond=0)

    def require_certificate(self, algorithm: KeyAlgorithm, not_after: datetime) -> None:
        """Raise `AlgorithmRefused` for a certificate that outlives its key's algorithm."""
        end = self.certificate_end(algorithm)
        if end is not None and not_after > end:
            raise _over(Act.CERTIFICATE, algorithm, end)

    def notice(self, algorithm: KeyAlgorithm, at: datetime) -> Notice | None:
        """What should be said of such keys at this time, or None."""
        last = self.last_day(Act.SIGN, algorithm)
        end = self._ends[Act.SIGN, algorithm]
        rule = table().rules[algorithm]
        if end is not None and at > end:
            return Notice("ended", last)
        if end is not None and at > end - WARNING_TIME:
            return Notice("ending", last)
        if rule.standing is Standing.EXPERIMENTAL:
            return Notice("experimental", last)
        if rule.transition is not None and at.astimezone(UTC).date() >= rule.transition:
            return Notice("transition", last)
        return None

    def _refusal(self, act: Act, what: KeyAlgorithm | SignatureScheme, at: datetime) -> AlgorithmRefused | None:
        if isinstance(what, SignatureScheme):
            return self._scheme_refusal(what, at)
        if what in self.choice.refused_keys:
            return self._refused_here(what.value)
        end = self._ends[act, what]
        if end is not None and at > end:
            return _over(act, what, end)
        standing = self.standing(what)
        needs_naming = standing is Standing.EXPERIMENTAL or (standing is Standing.TRANSITION and act is Act.GENERATE)
        if needs_naming and what not in self.choice.named:
            return AlgorithmRefused(
                f"{what.value} is {_STANDINGS[standing]}, and this server's operator has not asked for it",
                hint=_NEXT_STEPS[Act.GENERATE],
            )
        return None

    def _scheme_refusal(self, scheme: SignatureScheme, at: datetime) -> AlgorithmRefused | None:
        hash_name = FACTS[scheme].hash_name
        if scheme in self.choice.refused_schemes or hash_name not in table().hashes:
            return self._refused_here(scheme.value)
        end = _end_of(table().hashes[hash_name])
        if end is not None and at > end:
            return _over(Act.SIGN, scheme, end)
        refusals = [self._refusal(Act.SIGN, key, at) for key in KeyAlgorithm if scheme in SCHEMES_OF[key]]
        return None if None in refusals else refusals[-1]

    def _refused_here(self, name: str) -> AlgorithmRefused:
        return AlgorithmRefused(f"this server does not use {name}", hint="Choose another kind of key or signature.")

    def _not_a_scheme_of(self, algorithm: KeyAlgorithm) -> AlgorithmRefused:
        return AlgorithmRefused(
            f"a {algorithm.value} key does not sign with this scheme",
            hint=f"It signs with {', '.join(scheme.value for scheme in self.schemes(algorithm))}.",
        )


_STANDINGS = {
    Standing.TRANSITION: "on the list only until everybody has moved to stronger keys",
    Standing.EXPERIMENTAL: "an experiment",
}


def _over(act: Act, what: KeyAlgorithm | SignatureScheme, end: datetime) -> AlgorithmRefused:
    return AlgorithmRefused(f"{_SENTENCES[act].format(name=what.value)} after {end:%Y-%m-%d}", hint=_NEXT_STEPS[act])


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, UTC)
