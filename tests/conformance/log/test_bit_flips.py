"""A thousand bits of a log that fell over on the disk: this project's verifier and Go's library find each."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.log.go_checker import GoRefused, check_log_with_go
from natsuin.cli.log import log as log_command
from natsuin.errors import Refused
from natsuin.signing_log import LogUnreachable, Unwitnessed, WitnessPolicy, verify_shards
from rigs.two_shards import TwoShards, write_two_shards

FLIPS = 1000
SEED = 20261123
COMMAND = 20
"""How many of them the whole command is asked about."""
KINDS = ("checkpoint", "tile/0/000", "tile/0/001.p/", "tile/1/000.p/", "tile/entries/000", "tile/entries/001.p/")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> TwoShards:
    """Two shards, each with a full and a partial tile and bundle, and a tile of the second level."""
    return write_two_shards(tmp_path_factory.mktemp("flips"), first=258, second=275)


def verify(shards: TwoShards) -> None:
    """What `natsuin log verify --witness ...` asks."""
    report = verify_shards(shards.folder, shards.vkeys[0])
    WitnessPolicy.of(shards.witnesses).require(report.checkpoint)


def verify_with_go(shards: TwoShards) -> None:
    check_log_with_go(shards.folder, shards.vkeys[0], witnesses=shards.witnesses)


def natsuin_log_verify(shards: TwoShards) -> int:
    """The exit code of the command, asking for all witnesses."""
    witnesses = [part for each in shards.witnesses for part in ("--witness", each)]
    arguments = ["verify", str(shards.folder), "--vkey", shards.vkeys[0], *witnesses]
    return CliRunner().invoke(log_command, arguments).exit_code


def files_of_each_kind(shards: TwoShards) -> list[list[Path]]:
    """Every file of the log, by kind."""
    found = {kind: [] for kind in KINDS}
    for path in shards.folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(shards.newest if shards.newest in path.parents else shards.folder).as_posix()
            (kind,) = [kind for kind in KINDS if name == kind or (kind.endswith("/") and name.startswith(kind))]
            found[kind].append(path)
    assert all(len(paths) == 2 for paths in found.values()), found
    return list(found.values())


def test_the_log_itself_is_accepted_by_both(shards: TwoShards) -> None:
    verify(shards)
    report = check_log_with_go(shards.folder, shards.vkeys[0], witnesses=shards.witnesses)
    assert (report.size, report.shards) == (258 + 275, 2)


def test_a_thousand_random_bits_are_all_found(shards: TwoShards) -> None:
    chance = random.Random(SEED)  # noqa: S311  # the same bits each time
    kinds = files_of_each_kind(shards)
    for number in range(FLIPS):
        path = chance.choice(kinds[number % len(kinds)])
        honest = path.read_bytes()
        place, bit = chance.randrange(len(honest)), chance.randrange(8)
        changed = bytearray(honest)
        changed[place] ^= 1 << bit
        where = f"bit {bit} of byte {place} of {path}"
        try:
            path.write_bytes(changed)
            with pytest.raises((Refused, LogUnreachable, Unwitnessed)):
                must_find(verify, shards, where)
            with pytest.raises(GoRefused):
                must_find(verify_with_go, shards, where)
            if number % (FLIPS // COMMAND) == 0:
                assert natsuin_log_verify(shards) in (1, 2), where
        finally:
            path.write_bytes(honest)
    verify(shards)
    verify_with_go(shards)
    assert natsuin_log_verify(shards) == 0


def must_find(judge: Callable[[TwoShards], None], shards: TwoShards, where: str) -> None:
    judge(shards)
    raise AssertionError(f"{judge.__name__} did not find {where}")
