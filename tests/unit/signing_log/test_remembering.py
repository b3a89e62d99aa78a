"""Verifying again: only what is new is read, an interruption costs nothing, and memory cannot be fooled by the log."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.errors import Refused
from natsuin.signing_log import (
    Known,
    LogDamaged,
    LogMemory,
    LogUnreachable,
    RightEdgeDamaged,
    parse_verifier_key,
    verify_log,
)
from natsuin.signing_log.key_chains import KeyChains
from unit.signing_log.conftest import LogPlace


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(log, ["verify", *map(str, arguments)])


def bundles_read(folder, vkey, known):
    return verify_log(folder, vkey, since=known).bundles


def test_only_what_is_new_is_read(place, tmp_path):
    vkey = place.fill(1000)
    memory = LogMemory(tmp_path / "memory")
    key = parse_verifier_key(vkey)
    assert memory.recall(key) is None
    begun = []
    report = verify_log(place.folder, vkey, begun=lambda *told: begun.append(told))
    assert (report.bundles, report.known) == (4, 0)
    memory.keep(*begun[0])
    place.fill(500, start=1000)
    again = verify_log(place.folder, vkey, since=memory.recall(key))
    assert (again.entries, again.bundles, again.known, again.chains_from) == (1500, 3, 768, 0)
    assert bundles_read(place.folder, vkey, Known(report.checkpoint)) == 6


def test_what_was_read_before_is_not_read_but_still_the_same_log(place, tmp_path):
    """A damaged old bundle is not looked at again; another history is found all the same."""
    vkey = place.fill(600)
    note = verify_log(place.folder, vkey).checkpoint
    path = place.folder / "tile/entries/000"
    path.write_bytes(path.read_bytes()[:-1] + b"~")
    assert verify_log(place.folder, vkey, since=Known(note, 600)).known == 512
    with pytest.raises(LogDamaged):
        verify_log(place.folder, vkey, since=note)
    (tmp_path / "other").mkdir()
    other = LogPlace(tmp_path / "other").create()
    other.fill(700, start=5)
    with pytest.raises(LogDamaged, match="rewritten"):
        verify_log(other.folder, vkey, since=Known(note, 600))


def test_a_verdict_is_not_gone_on_from(place, tmp_path, run):
    vkey = place.fill(2000)
    memory = tmp_path / "memory"
    place_of = place.folder / "tile/entries/005"
    hidden = place_of.rename(tmp_path / "hidden")
    assert run(place.folder, "--vkey", vkey, "--remember", memory).exit_code == 1
    assert not memory.exists()
    assert not (tmp_path / "memory.part").exists(), "a verdict is no interruption"
    assert run(place.folder, "--vkey", vkey, "--remember", memory).exit_code == 1
    hidden.rename(place_of)
    result = run(place.folder, "--vkey", vkey, "--remember", memory)
    assert (result.exit_code, "1280 known before" in result.stdout) == (0, False)
    assert memory.read_bytes() == (place.folder / "checkpoint").read_bytes()
    assert not (tmp_path / "memory.part").exists()
    full = run(place.folder, "--vkey", vkey, "--remember", memory, "--full", "--json")
    assert json.loads(full.stdout)["known"] == 0


def test_stopping_by_hand_keeps_what_was_verified(place, tmp_path, monkeypatch, run):
    from natsuin.signing_log.reader import LogReader

    vkey = place.fill(2000)
    read = LogReader.bundle

    def stopped(self: LogReader, index: int) -> list[bytes]:
        if index == 3:
            raise KeyboardInterrupt
        return read(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(LogReader, "bundle", stopped)
        result = run(place.folder, "--vkey", vkey, "--remember", tmp_path / "memory")
    assert (result.exit_code, "interrupted" in result.stderr) == (2, True)
    assert (tmp_path / "memory.part").read_text().startswith("verified 768 chains 0\n\n")
    result = run(place.folder, "--vkey", vkey, "--remember", tmp_path / "memory")
    assert (result.exit_code, "768 known before" in result.stdout) == (0, True)


def test_a_log_that_was_rolled_back_is_found_by_memory(place, tmp_path, run):
    place.fill(300)
    shutil.copytree(place.folder, tmp_path / "older")
    vkey = place.fill(300, start=300)
    memory = tmp_path / "memory"
    assert run(place.folder, "--vkey", vkey, "--remember", memory).exit_code == 0
    kept = memory.read_bytes()
    result = run(tmp_path / "older", "--vkey", vkey, "--remember", memory)
    assert (result.exit_code, "shorter" in result.stderr) == (1, True)
    assert memory.read_bytes() == kept, "what does not hold is not remembered"
    with pytest.raises(RightEdgeDamaged):
        verify_log(tmp_path / "older", vkey, since=kept.decode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("memory", "nonsense"),
        ("memory", ""),
        ("memory.part", "verified 99999 chains 0\n\n{note}"),
        ("memory.part", "verified 1_0 chains 0\n\n{note}"),
        ("memory.part", "verified -1 chains 0\n\n{note}"),
        ("memory.part", "seen 10\n\n{note}"),
        ("memory.part", "verified 10 chains 0\n\nnonsense"),
        ("memory.part", "{note}"),
        ("memory", "x" * 1_000_001),
        ("memory.chains", "verified 300 chains 0\n\n"),
        ("memory.chains", "verified 301 chains 0\n\n{note}"),
        ("memory.chains", 'verified 3 chains 0\n["a",-1,"' + "A" * 43 + '"]\n\n{note}'),
        ("memory.chains", 'verified 3 chains 0\n["a",0,"AAAA"]\n\n{note}'),
        ("memory.chains", 'verified 3 chains 0\n["a",0,"*"]\n\n{note}'),
        ("memory.chains", 'verified 3 chains 0\n["a",0]\n\n{note}'),
        ("memory.chains", 'verified 3 chains 0\n["a",99999999999999999999,"' + "A" * 43 + '"]\n\n{note}'),
        ("memory.chains", "verified 3 chains 4\n\n{note}"),
        ("memory.chains", "verified 3 chains 0\nnonsense\n\n{note}"),
        ("memory.chains", "verified 3 chains 0\n" + "x" * 1_100_000),
    ],
)
def test_memory_that_is_broken_is_no_verdict_on_the_log(place, tmp_path, run, name, content):
    vkey = place.fill(300)
    (tmp_path / name).write_text(content.replace("{note}", (place.folder / "checkpoint").read_text()))
    result = run(place.folder, "--vkey", vkey, "--remember", tmp_path / "memory")
    assert (result.exit_code, result.stdout) == (2, "")
    with pytest.raises(Refused):
        LogMemory(tmp_path / "memory").recall(parse_verifier_key(vkey))


def test_a_key_that_begins_anew_is_found_by_who_remembers(place, tmp_path, run):
    """Its chain ended long before the place where reading goes on."""
    log = place.open()
    log.add_all([{"key": "a", "n": n} for n in range(3)] + [{"n": n} for n in range(600)])
    log.publish()
    memory = tmp_path / "memory"
    assert run(place.folder, "--vkey", log.vkey, "--remember", memory).exit_code == 0
    kept = memory.read_text()
    log._writer._committer._chains = KeyChains(lambda _: None)
    log.add({"key": "a", "n": "hidden"})
    log.publish()
    result = run(place.folder, "--vkey", log.vkey, "--remember", memory)
    assert (result.exit_code, "entry 603 " in result.stderr) == (1, True)
    assert memory.read_text() == kept
    result = run(place.folder, "--vkey", log.vkey, "--remember", memory)
    assert (result.exit_code, "entry 603 " in result.stderr) == (1, True), "a verdict is not forgotten"


def test_memory_without_chains_says_so(place, tmp_path, run):
    """A checkpoint that somebody kept by hand says nothing of chains."""
    vkey = place.fill(600)
    memory = tmp_path / "memory"
    memory.write_bytes((place.folder / "checkpoint").read_bytes())
    for _ in range(2):
        result = run(place.folder, "--vkey", vkey, "--remember", memory)
        assert (result.exit_code, "from entry 512 on only" in result.stdout) == (0, True)
    full = run(place.folder, "--vkey", vkey, "--remember", memory, "--full")
    assert "on only" not in full.stdout
    assert "on only" not in run(place.folder, "--vkey", vkey, "--remember", memory).stdout


def test_a_newer_checkpoint_in_the_file_goes_before_older_chains(place, tmp_path, run):
    vkey = place.fill(300)
    memory = tmp_path / "memory"
    assert run(place.folder, "--vkey", vkey, "--remember", memory).exit_code == 0
    shutil.copytree(place.folder, tmp_path / "older")
    place.fill(300, start=300)
    memory.write_bytes((place.folder / "checkpoint").read_bytes())
    assert run(tmp_path / "older", "--vkey", vkey, "--remember", memory).exit_code == 1


def test_both_ways_to_remember_do_not_go_together(place, tmp_path, run):
    vkey = place.fill(3)
    checkpoint = place.folder / "checkpoint"
    assert run(place.folder, "--vkey", vkey, "--since", checkpoint, "--remember", tmp_path / "memory").exit_code == 2


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(place):
    vkey = place.fill(300)
    path = place.folder / "tile/entries/000"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LogUnreachable):
        verify_log(place.folder, vkey)
