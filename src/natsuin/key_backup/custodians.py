"""Sharing the master key among custodians: any m of n shares give it back, fewer give nothing.

Shares are words by SLIP-0039 (Shamir's scheme with a checksum in each share), 33 of them for 32 bytes: they can be
written on paper by hand, kept in safes and typed again, and other programs read them. Its reference implementation is
used as it is. Its makers warn that it is not hardened against somebody who measures it at work; a ceremony runs on a
host where nobody else is.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics

from natsuin.errors import Malformed, Refused
from natsuin.key_management import MasterKey

WORDS = 33
MOST_CUSTODIANS = 16


class SharesRefused(Refused):
    """The shares that were given do not make a master key."""

    code = "shares_refused"


@dataclass(frozen=True)
class CustodianShare:
    """One custodian's share. `number` counts from 1; `set_name` is the same for all shares of one splitting."""

    number: int
    set_name: str
    words: tuple[str, ...] = field(repr=False)


def split(master: MasterKey, *, threshold: int, shares: int) -> tuple[CustodianShare, ...]:
    """As many shares, of which any `threshold` give the key back. Each call makes a new set; sets do not mix.

    Raises:
        Malformed: fewer than two would be enough, or more would be needed than there are.
    """
    if not 2 <= threshold <= shares <= MOST_CUSTODIANS:
        raise Malformed(f"of at most {MOST_CUSTODIANS} custodians at least two, and no more than there are, must meet")
    (mnemonics,) = generate_mnemonics(1, [(threshold, shares)], master.secret)
    made = tuple(
        CustodianShare(number, set_name_of(words), tuple(words.split())) for number, words in enumerate(mnemonics, 1)
    )
    # What is handed out is tried before anybody relies on it: the first and the last that would be enough.
    for some in (made[:threshold], made[-threshold:]):
        given_back = combine([" ".join(share.words) for share in some]).secret
        if not hmac.compare_digest(given_back, master.secret):
            raise SharesRefused("the shares just made do not give the key back", hint="Do not use them; begin again.")
    return made


def combine(shares: Sequence[str]) -> MasterKey:
    """The master key, from as many shares as its splitting asked for: words, separated by blanks.

    Raises:
        SharesRefused: a word is wrong, the shares are of different sets, or there are too few or too many.
    """
    try:
        return MasterKey(combine_mnemonics([normal_words(words) for words in shares]))
    except MnemonicError as error:
        raise SharesRefused(
            f"the shares do not fit together: {error}", hint="Compare every word with the paper; use one set only."
        ) from error


def check_share(words: str) -> str:
    """The words as they count, if they are one whole share (its checksum is right). Raises `SharesRefused`."""
    normal = normal_words(words)
    try:
        Share.from_mnemonic(normal)
    except MnemonicError as error:
        raise SharesRefused("this is not a share, or a word in it is wrong", hint="Compare every word.") from error
    return normal


def threshold_of(words: str) -> int:
    """How many shares of this one's set are needed."""
    return int(Share.from_mnemonic(check_share(words)).member_threshold)


def set_name_of(words: str) -> str:
    """What all shares of one set have in common, for labels: four hexadecimal digits."""
    return f"{Share.from_mnemonic(normal_words(words)).identifier:04x}"


def normal_words(words: str) -> str:
    """Lower case, one blank between words."""
    return " ".join(words.lower().split())
