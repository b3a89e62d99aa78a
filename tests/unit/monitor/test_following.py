"""Logs that change between two visits as they must not: every such log is real, signed by the log's own key."""

import json
import shutil
from itertools import repeat
from pathlib import Path

import pytest

from natsuin.errors import NatsuinError
from natsuin.monitor.following import _batches
from natsuin.signing_log import Checkpoint, verify_log
from natsuin.signing_log.checkpoints import sign_checkpoint
from rigs.watched_log import ALICE, BOB, Watch, WatchedLog, watch_of


def test_what_is_new_is_read_once(log: WatchedLog, watch: Watch) -> None:
    log.add({"type": "clock-stepped", "seconds": -60})
    assert watch.visit() == {"main": "holds"}
    (alarm,) = watch.alarms()
    assert (alarm["kind"], alarm["entry"], alarm["facts"]) == ("clock-stepped", 2, {"seconds": -60})
    watch.visit()
    assert watch.alarms() == []


def test_a_log_rebuilt_by_a_thief_of_its_key_is_a_fork(tmp_path: Path, log: WatchedLog, watch: Watch) -> None:
    """As long or longer than before, valid by itself: only memory tells. The thief shows it at the same address."""
    thief = log.copy(tmp_path / "thief")
    log.signature()
    watch.visit()
    watch.alarms()
    thief.signature(BOB)
    for growth in (0, 1):
        for _ in range(growth):
            thief.signature(BOB)
        log.show(thief)
        verify_log(log.folder, log.vkey)
        assert watch.visit() == {"main": "refused"}
    alarms = watch.alarms()
    assert [alarm["kind"] for alarm in alarms] == ["log-forked", "log-forked"]
    assert alarms[0]["severity"] == "critical"
    for alarm in alarms:
        # Both notes are there for anybody who has the log's key.
        for name in alarm["facts"]["evidence"].split():
            note = (watch.base / "state/evidence" / name).read_text()
            assert note.startswith("sign.example.jp/log\n")
        assert len(alarm["facts"]["evidence"].split()) == 2


def test_a_fork_is_told_once_and_its_end_too(tmp_path: Path, log: WatchedLog, watch: Watch) -> None:
    thief, honest = log.copy(tmp_path / "thief"), log.copy(tmp_path / "honest")
    honest.signature()
    thief.signature(BOB)
    log.show(honest)
    watch.visit()
    watch.alarms()
    log.show(thief)
    for _ in range(3):
        watch.visit()
    assert watch.kinds() == ["log-forked"]
    log.clock.advance(2 * 86400)
    watch.visit()
    assert watch.kinds() == ["log-forked"], "what lasts is told again each day"
    log.show(honest)
    watch.visit()
    assert watch.kinds() == ["log-recovered"]


def test_a_log_that_is_rolled_back(tmp_path: Path, log: WatchedLog, watch: Watch) -> None:
    yesterday = log.copy(tmp_path / "yesterday")
    log.signature()
    watch.visit()
    watch.alarms()
    log.show(yesterday)
    assert watch.visit() == {"main": "refused"}
    (alarm,) = watch.alarms()
    assert (alarm["kind"], alarm["facts"]["older"], alarm["facts"]["size"]) == ("log-rolled-back", 5, 2)


def test_a_log_of_another_key_or_cut_or_changed_does_not_verify(tmp_path: Path, log: WatchedLog, watch: Watch) -> None:
    whole = log.copy(tmp_path / "whole")
    log.signature()
    bundle = max((log.folder / "tile/entries").glob("**/*[0-9]"), key=lambda path: path.is_file() and int(path.name))
    content = bytearray(bundle.read_bytes())
    content[-5] ^= 1
    bundle.write_bytes(content)
    assert watch.visit() == {"main": "refused"}
    (alarm,) = watch.alarms()
    assert (alarm["kind"], alarm["facts"]) == ("log-unverified", {"reason": "log_damaged"})
    log.show(whole)
    key = next(log.folder.glob("checkpoint"))
    key.write_text(key.read_text().replace("sign.example.jp/log\n", "sign.example.jp/lag\n", 1))
    assert watch.visit() == {"main": "refused"}
    (alarm,) = watch.alarms()
    assert alarm["facts"] == {"reason": "log_untrusted_note"}


def test_a_gap_in_the_chain_of_a_key(log: WatchedLog, watch: Watch) -> None:
    """The key of the log is stolen, and an entry about a key written that names a place further on."""
    log.signature()
    hidden = {"v": 1, "time": 1, "type": "approved", "key": ALICE, "key_number": 5, "key_previous": "A" * 43}
    next_one = log.whole(hidden)
    log.add_raw(json.dumps(next_one, sort_keys=True, separators=(",", ":")).encode())
    watch.visit()
    broken = [alarm for alarm in watch.alarms() if alarm["kind"] == "chain-broken"]
    assert [(alarm["entry"], alarm["facts"]) for alarm in broken] == [(5, {"key": ALICE})]
    with pytest.raises(NatsuinError):
        verify_log(log.folder, log.vkey)
    # The chain is followed from there; the chain of another key never stopped.
    log.clock.advance(7200)
    log.add_raw(*_continued(log, 6, b'"approved"'))
    watch.visit()
    assert "chain-broken" not in watch.kinds()


def _continued(log: WatchedLog, number: int, kind: bytes) -> list[bytes]:
    from natsuin import base64url
    from natsuin.signing_log.merkle import leaf_hash

    with log.opened() as opened:
        *_, (_, last) = opened.entries()
    entry = log.whole(
        {
            "type": json.loads(kind),
            "key": ALICE,
            "key_number": number,
            "key_previous": base64url.encode(leaf_hash(last)),
        }
    )
    return [json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()]


def test_a_key_that_begins_in_the_middle(log: WatchedLog, watch: Watch) -> None:
    """Its earlier entries were never shown."""
    entry = log.whole({"type": "approved", "key": BOB, "key_number": 3, "key_previous": "A" * 43})
    log.add_raw(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
    watch.visit()
    assert watch.kinds() == ["chain-broken"]


def test_the_past_is_counted_and_not_told(tmp_path: Path, log: WatchedLog) -> None:
    for _ in range(3):
        log.signature(result="failed", reason="vault_unavailable")
    log.add({"type": "database-restored", "known": 1, "size": 2})
    watch = watch_of(tmp_path / "late", log.folder, log.vkey, log.clock)
    watch.visit()
    (alarm,) = watch.alarms()
    assert alarm["kind"] == "first-reading"
    assert alarm["facts"] == {"entries": 12, "found": "database-restored 1, outcome-failed 3"}


def test_a_gap_in_the_past_is_told(tmp_path: Path, log: WatchedLog) -> None:
    log.add({"type": "outcome", "key": ALICE, "intent": 0, "result": "signed"})
    watch = watch_of(tmp_path / "late", log.folder, log.vkey, log.clock)
    watch.visit()
    assert watch.kinds() == ["outcome-unmatched", "first-reading"]


def test_a_log_that_cannot_be_read(log: WatchedLog, watch: Watch) -> None:
    shutil.move(log.folder, log.base / "away")
    assert watch.visit() == {"main": "unreachable"}
    assert watch.kinds() == [], "it may be back in a moment"
    log.clock.advance(1000)
    watch.visit()
    assert watch.kinds() == ["log-unreachable"]
    shutil.move(log.base / "away", log.folder)
    watch.visit()
    assert watch.kinds() == ["log-recovered"]


def test_a_silent_log(tmp_path: Path, log: WatchedLog) -> None:
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, "[limits]\nsilent_seconds = 600\n")
    watch.visit()
    log.clock.advance(700)
    watch.visit()
    assert watch.kinds() == ["first-reading", "log-silent"]
    log.add({"type": "shutdown", "version": "0.1.0"})
    watch.visit()
    assert watch.kinds() == ["log-recovered"]


def test_an_intent_without_outcome(log: WatchedLog, watch: Watch) -> None:
    log.add({"type": "intent", "key": ALICE, "tx": "7" * 32})
    watch.visit()
    assert watch.kinds() == []
    log.clock.advance(301)
    watch.visit()
    watch.visit()
    (alarm,) = watch.alarms()
    assert (alarm["kind"], alarm["entry"], alarm["facts"]) == ("intent-open", 2, {"key": ALICE})


def test_a_watched_key_is_told_to_whom_the_settings_name(tmp_path: Path, log: WatchedLog) -> None:
    settings = f'[[watch]]\nkey = "{BOB}"\n'
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, settings)
    watch.visit()
    watch.alarms()
    log.signature(ALICE)
    watch.visit()
    assert watch.kinds() == []
    log.signature(BOB)
    watch.visit()
    (alarm,) = watch.alarms()
    assert (alarm["kind"], alarm["facts"]) == ("watched-key", {"key": BOB, "type": "approved"})
    log.clock.advance(3700)
    watch.visit()
    (summary,) = watch.alarms()
    assert (summary["id"], summary["sequence"], summary["count"]) == (alarm["id"], 2, 3)


def test_another_verifier_key_under_a_known_name_is_refused(log: WatchedLog, watch: Watch) -> None:
    from natsuin.signing_log import make_verifier_key

    other = str(make_verifier_key("other.example.jp/log", bytes(32)))
    watch.settings = watch.settings.replace(log.vkey, other)
    with pytest.raises(NatsuinError, match="another verifier key"):
        watch.visit()


def test_entries_of_the_largest_size_are_read_few_at_a_time() -> None:
    sizes = [sum(map(len, batch)) for batch in _batches(repeat(bytes(65_535), 1000))]
    assert (sum(sizes), max(sizes) < 9_000_000, len(sizes)) == (65_535_000, True, 8)
    assert [len(batch) for batch in _batches(repeat(b"", 10_000))] == [4096, 4096, 1808]


def test_a_checkpoint_that_is_signed_but_has_no_files(log: WatchedLog, watch: Watch) -> None:
    """A thief of the key who has nothing to show for a great size."""
    note = sign_checkpoint(Checkpoint("sign.example.jp/log", 2**62, bytes(32)), log._key)
    (log.folder / "checkpoint").write_text(note)
    assert watch.visit() == {"main": "refused"}
    assert watch.kinds() == ["log-unverified"]
