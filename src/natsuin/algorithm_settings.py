"""The section [algorithms] of the configuration: what an operator may take away from the table of algorithms.

It can only tighten: a later end than the table's, or a word that the table does not know, is refused with the key.
"""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from natsuin.algorithm_policy import Act, AlgorithmPolicy, Choice, Standing, table
from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.settings import Section

_EXPERIMENTAL_MARK = "-experimental"


def _key_algorithm(name: str) -> KeyAlgorithm:
    plain = name.lower().removesuffix(_EXPERIMENTAL_MARK)
    for algorithm in KeyAlgorithm:
        if plain == algorithm.value.removesuffix(_EXPERIMENTAL_MARK):
            return algorithm
    known = ", ".join(algorithm.value for algorithm in KeyAlgorithm)
    raise ValueError(f"{name!r} is no kind of key; there are {known}")


def _of_standing(standing: Standing) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if table().rules[_key_algorithm(name)].standing is not standing:
                fitting = [key.value for key, rule in table().rules.items() if rule.standing is standing]
                raise ValueError(f"only {', '.join(fitting)} can stand here, not {name!r}")
        return names

    return check


def _no_later_than_the_table(act: Act) -> Callable[[dict[str, date]], dict[str, date]]:
    def check(days: dict[str, date]) -> dict[str, date]:
        for name, day in days.items():
            last = table().last_day(act, _key_algorithm(name))
            if last is not None and day > last:
                raise ValueError(f"{name} ends on {last} in CRYPTREC's years: write that day or an earlier one")
        return days

    return check


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in set(SignatureScheme):
            _key_algorithm(name)
    return names


class AlgorithmsSection(Section):
    """What is taken away from the table. Names are those of `natsuin.algorithms`."""

    refused: Annotated[tuple[str, ...], AfterValidator(_known)] = ()
    """Kinds of key and signature schemes that are not used here at all."""
    generate_until: Annotated[dict[str, date], AfterValidator(_no_later_than_the_table(Act.GENERATE))] = Field(
        default={}
    )
    """By kind of key, the last day (UTC) on which new ones are made."""
    import_until: Annotated[dict[str, date], AfterValidator(_no_later_than_the_table(Act.IMPORT))] = Field(default={})
    """The same for keys made elsewhere."""
    sign_until: Annotated[dict[str, date], AfterValidator(_no_later_than_the_table(Act.SIGN))] = Field(default={})
    """The same for signatures; certificates end no later."""
    transition: Annotated[tuple[str, ...], AfterValidator(_of_standing(Standing.TRANSITION))] = ()
    """Kinds in transition of which new keys are made nevertheless, until their end."""
    experimental: Annotated[tuple[str, ...], AfterValidator(_of_standing(Standing.EXPERIMENTAL))] = ()
    """Kinds that are not on CRYPTREC's list and are used nevertheless."""

    @cached_property
    def policy(self) -> AlgorithmPolicy:
        """The table, so narrowed."""
        algorithms = self
        schemes = set(algorithms.refused) & set(SignatureScheme)
        # Ed25519 and ML-DSA are names of both: refusing one refuses the other.
        keys = {name for name in algorithms.refused if name not in schemes or name in set(KeyAlgorithm)}
        days = {
            Act.GENERATE: algorithms.generate_until,
            Act.IMPORT: algorithms.import_until,
            Act.SIGN: algorithms.sign_until,
        }
        return AlgorithmPolicy(
            Choice(
                refused_keys=frozenset(_key_algorithm(name) for name in keys),
                refused_schemes=frozenset(SignatureScheme(name) for name in schemes),
                last_days={act: {_key_algorithm(name): day for name, day in of.items()} for act, of in days.items()},
                named=frozenset(_key_algorithm(name) for name in (*algorithms.transition, *algorithms.experimental)),
            )
        )
