"""Finding people among a million: by an index of words, with a bound on the work for one question."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.user_management.tables import person_word
from natsuin.user_management.words import terms_of, words_of

LOOKED_THROUGH = 5_000
"""Candidates of the rarest word that one question looks through, so that no question holds the database up."""


@dataclass(frozen=True)
class Found:
    """Ids of people. Not `complete` where there are more of them, or where not every candidate was looked through."""

    user_ids: tuple[str, ...]
    complete: bool


def note_words(connection: Connection, user_id: str, texts: Collection[str]) -> None:
    """Make the person findable by these texts, and by those of before that `drop_words` did not drop."""
    known = set(connection.execute(sa.select(person_word.c.word).where(person_word.c.user_id == user_id)).scalars())
    if fresh := [{"word": word, "user_id": user_id} for word in sorted(words_of(texts) - known)]:
        connection.execute(sa.insert(person_word), fresh)


def drop_words(connection: Connection, user_id: str) -> None:
    """Make the person not to be found by any word."""
    connection.execute(sa.delete(person_word).where(person_word.c.user_id == user_id))


def find_people(connection: Connection, question: str, *, most: int) -> Found:
    """People who have a word with each of the beginnings in `question`; nobody if there is none in it."""
    terms = terms_of(question)
    if not terms:
        return Found((), complete=True)
    counted = sorted((_candidates(connection, term), term) for term in terms)
    amount, rarest = counted[0]
    candidates = _beginning(rarest).limit(LOOKED_THROUGH).subquery()
    wanted = sa.select(candidates.c.user_id).distinct()
    for _, term in counted[1:]:
        other = person_word.alias()
        also = sa.select(other.c.user_id).where(other.c.user_id == candidates.c.user_id, *_between(other, term))
        wanted = wanted.where(also.exists())
    user_ids = tuple(connection.execute(wanted.limit(most + 1)).scalars())
    return Found(user_ids[:most], complete=len(user_ids) <= most and amount < LOOKED_THROUGH)


def _beginning(term: bytes) -> sa.Select[tuple[str]]:
    return sa.select(person_word.c.user_id).where(*_between(person_word, term))


def _between(table: sa.FromClause, term: bytes) -> tuple[sa.ColumnElement[bool], ...]:
    # No byte of UTF-8 is 0xff, so everything that begins with the term lies below.
    return table.c.word >= term, table.c.word < term + b"\xff"


def _candidates(connection: Connection, term: bytes) -> int:
    some = _beginning(term).limit(LOOKED_THROUGH).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
