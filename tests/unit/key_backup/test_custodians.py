"""Shares of the master key: any m of n give it, fewer give nothing, and what is typed wrong is found."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shamir_mnemonic.wordlist import WORDLIST

from natsuin.errors import Malformed, NatsuinError
from natsuin.key_backup import SharesRefused, check_share, combine, split, threshold_of
from natsuin.key_management import MasterKey

MASTER = MasterKey(bytes(range(32)))


def words_of(shares: object) -> list[str]:
    return [" ".join(share.words) for share in shares]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (2, 3), (3, 5)])
def test_any_that_are_enough_give_the_key(threshold: int, count: int) -> None:
    shares = words_of(split(MASTER, threshold=threshold, shares=count))
    assert threshold_of(shares[0]) == threshold
    for some in combinations(shares, threshold):
        assert combine(some).secret == MASTER.secret
        assert combine([words.upper().replace(" ", "\n") for words in some]).secret == MASTER.secret


@pytest.mark.parametrize(("threshold", "count"), [(2, 3), (3, 5)])
def test_a_minority_gives_nothing(threshold: int, count: int) -> None:
    shares = words_of(split(MASTER, threshold=threshold, shares=count))
    for size in range(threshold):
        for some in combinations(shares, size):
            with pytest.raises(SharesRefused):
                combine(some)


def test_shares_of_two_sets_do_not_mix() -> None:
    first, second = (words_of(split(MASTER, threshold=2, shares=3)) for _ in range(2))
    with pytest.raises(SharesRefused):
        combine([first[0], second[1]])
    with pytest.raises(SharesRefused):
        combine([first[0], first[0]])


@pytest.mark.parametrize("place", range(33))
def test_a_wrong_word_is_found(place: int) -> None:
    words = list(split(MASTER, threshold=2, shares=2)[0].words)
    words[place] = next(word for word in WORDLIST if word != words[place])
    with pytest.raises(SharesRefused):
        check_share(" ".join(words))


@given(st.text())
def test_only_own_errors_come_out(words: str) -> None:
    for read in (check_share, lambda text: combine([text, text])):
        try:
            read(words)
        except NatsuinError:
            continue
        raise AssertionError("text was taken for shares")


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_what_protects_nothing_is_refused(threshold: int, count: int) -> None:
    with pytest.raises(Malformed):
        split(MASTER, threshold=threshold, shares=count)
