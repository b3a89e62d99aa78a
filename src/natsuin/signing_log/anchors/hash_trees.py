"""Hash trees of evidence records (RFC 4998, 4.2 and 4.3): one token for many objects, and each one's part of the tree.

Unlike the tree of the log this one has no prefixes: the hashes below a node are sorted as bytes, joined and hashed.
A first list of one hash is refused, because implementations disagree on whether it is hashed once more.
"""

import hashlib
from collections.abc import Sequence

from natsuin.signing_log.anchors.refusals import BadRecord

Lists = tuple[tuple[bytes, ...], ...]
"""A reduced hash tree: from the object's own neighbours up."""


def reduced_trees(leaves: Sequence[bytes], algorithm: str) -> tuple[bytes, list[Lists]]:
    """What a token over all of `leaves` must cover (the bytes whose hash is stamped), and the reduced tree of each.

    Two or more different hashes of `algorithm`, as `hashlib` calls it. Raises `ValueError` for fewer.
    """
    if len(leaves) < 2 or len(set(leaves)) != len(leaves):
        raise ValueError("a hash tree is of two or more different hashes")
    trees: list[list[tuple[bytes, ...]]] = [[] for _ in leaves]
    level = [(leaf, [place]) for place, leaf in enumerate(leaves)]
    covered = b""
    while len(level) > 1:
        above = []
        for first in range(0, len(level) - 1, 2):
            (left, under_left), (right, under_right) = level[first : first + 2]
            for places, own, other in ((under_left, left, right), (under_right, right, left)):
                for place in places:
                    # Only the first list names the object's own hash; above it the hash is computed.
                    trees[place].append((other,) if trees[place] else tuple(sorted((own, other))))
            covered = b"".join(sorted((left, right)))
            above.append((hashlib.new(algorithm, covered).digest(), under_left + under_right))
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return covered, [tuple(tree) for tree in trees]


def walk_hash_tree(subject: bytes, lists: Lists | None, algorithm: str) -> bytes:
    """The bytes whose hash a token must hold, if `lists` is the reduced tree of `subject` (RFC 4998, 4.3).

    Without a tree that is the subject itself. Raises `BadRecord` when the subject is not in the tree.
    """
    if lists is None:
        return subject
    own = hashlib.new(algorithm, subject).digest()
    covered = b""
    for number, members in enumerate(lists):
        if number == 0:
            if own not in members or len(members) < 2:
                raise BadRecord("the hash tree of this evidence record is of something else")
        else:
            members = (*members, own)
        if len(set(members)) != len(members) or any(len(each) != len(own) for each in members):
            raise BadRecord("the hash tree of this evidence record is not well formed")
        covered = b"".join(sorted(members))
        own = hashlib.new(algorithm, covered).digest()
    return covered
