"""Every entry about a key has its number in the chain of that key and names the one before."""

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from natsuin import base64url, signing_log
from natsuin.signing_log import Known, Shard, adopt_shards, key_chains, verify_log
from natsuin.signing_log.key_chains import ChainReader, KeyChains, Leaf
from natsuin.signing_log.merkle import leaf_hash
from natsuin.signing_log.refusals import BadEntry, ChainBroken, EntryTooLarge
from unit.signing_log.conftest import ORIGIN, LogPlace


def written(log: Shard) -> list[bytes]:
    return [content for _, content in log.entries()]


def chain_of(log: Shard, key: str) -> list[bytes]:
    return [content for content in written(log) if json.loads(content).get("key") == key]


def assert_whole(chain: list[bytes]) -> None:
    for number, content in enumerate(chain):
        entry = json.loads(content)
        assert entry["key_number"] == number
        expected = None if number == 0 else base64url.encode(leaf_hash(chain[number - 1]))
        assert entry["key_previous"] == expected


def test_each_key_is_counted_by_itself(place: LogPlace) -> None:
    log = place.open()
    log.add_all([{"key": "a"}, {"key": "b"}, {"n": 1}, {"key": "a", "n": 2}])
    log.add({"key": "a", "n": 3})
    assert [json.loads(one).get("key_number") for one in written(log)] == [0, 0, None, 1, 2]
    assert_whole(chain_of(log, "a"))
    assert "key_number" not in json.loads(written(log)[2])


def test_the_receipt_holds_the_entry_with_its_number(place: LogPlace) -> None:
    log = place.open()
    log.add({"key": "a"})
    receipt = log.add({"key": "a", "type": "outcome"})
    assert json.loads(receipt.leaf)["key_number"] == 1
    log.publish()
    assert written(log)[1] == receipt.leaf


def test_the_chain_goes_on_after_a_restart(place: LogPlace) -> None:
    log = place.open()
    log.add_all([{"key": "a", "n": n} for n in range(3)])
    log.close()
    again = place.open()
    again.add({"key": "a", "n": 3})
    chain = chain_of(again, "a")
    assert len(chain) == 4
    assert_whole(chain)


def test_many_threads_make_one_chain(place: LogPlace) -> None:
    log = place.open()
    threads = [
        threading.Thread(target=lambda n=n: [log.add({"key": f"k{i % 3}", "by": n, "n": i}) for i in range(30)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in ("k0", "k1", "k2"):
        chain = chain_of(log, key)
        assert len(chain) == 80
        assert_whole(chain)


def test_keys_that_are_forgotten_are_read_again(place: LogPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_chains, "_REMEMBERED", 2)
    log = place.open()
    for turn in range(3):
        for key in "abcdef":
            log.add({"key": key, "turn": turn})
    for key in "abcdef":
        assert_whole(chain_of(log, key))


def test_nobody_gives_an_entry_a_number_of_their_own(place: LogPlace) -> None:
    log = place.open()
    for entry in ({"key": "a", "key_number": 7}, {"key_previous": None}, {"key": 1}, {"key": ""}, {"key": None}):
        with pytest.raises(BadEntry):
            log.add(entry)
    with pytest.raises(EntryTooLarge):
        log.add({"key": "a", "text": "x" * 65_480})
    assert log.size == 0
    log.add({"key": "a"})
    assert_whole(chain_of(log, "a"))


def test_what_was_not_written_takes_no_number() -> None:
    chains = KeyChains(lambda _: None)
    waiting = [key_chains.prepare({"key": "a", "n": 1})]
    first, _ = chains.link(waiting)
    second, heads = chains.link(waiting)
    assert first == second
    chains.advance(heads)
    assert json.loads(chains.link(waiting)[0][0].content)["key_number"] == 1


def test_a_log_that_was_brought_back_goes_on_with_its_chains(place: LogPlace, tmp_path: Path) -> None:
    log = place.open()
    log.add_all([{"key": key, "n": n} for n in range(100) for key in "abc"])
    vkey = log.vkey
    log.close()
    other = LogPlace(tmp_path / "other")
    shutil.copytree(place.folder, other.folder)
    adopt_shards(signing_log.LogPlace(other.folder, other.state, ORIGIN), vkey)
    with closing(sqlite3.connect(place.state)) as before, closing(sqlite3.connect(other.state)) as after:
        query = "SELECT * FROM key_head ORDER BY key"
        assert before.execute(query).fetchall() == after.execute(query).fetchall()
    again = other.open()
    again.add({"key": "b"})
    assert_whole(chain_of(again, "b"))


def entries_of_one_key(count: int) -> list[bytes]:
    chains = KeyChains(lambda _: None)
    leaves, _ = chains.link([key_chains.prepare({"key": "a", "n": n}) for n in range(count)])
    return [leaf.content for leaf in leaves]


def read_all(entries: list[bytes]) -> ChainReader:
    reader = ChainReader()
    reader.read(0, entries)
    return reader


def test_who_reads_everything_knows_the_newest_entries() -> None:
    entries = [*entries_of_one_key(5), b'{"n":1}', b"no JSON", b"[1]", b'{"key":5}']
    heads = read_all(entries).heads()
    assert heads["a"].number == 4
    assert heads["a"].digest == leaf_hash(entries[4])


@pytest.mark.parametrize("hidden", range(4))
def test_a_hidden_entry_is_found(hidden: int) -> None:
    entries = entries_of_one_key(5)
    del entries[hidden]
    with pytest.raises(ChainBroken, match=f"entry {hidden} "):
        read_all(entries)


def test_two_entries_with_one_number_are_found() -> None:
    entries = entries_of_one_key(3)
    other = Leaf.of(entries[2].replace(b'"n":2', b'"n":9')).content
    with pytest.raises(ChainBroken, match="entry 3 "):
        read_all([*entries, other])


@pytest.mark.parametrize(
    "changed",
    [
        {"key_number": 1},
        {"key_number": 2.0},
        {"key_previous": "A" * 43},
        {"key_previous": None},
        {"key_number": None},
    ],
)
def test_a_wrong_place_is_found(changed: dict[str, object]) -> None:
    entries = entries_of_one_key(3)
    last = json.loads(entries[2])
    entries[2] = json.dumps({**last, **changed}).encode()
    with pytest.raises(ChainBroken):
        read_all(entries)


def test_true_is_no_number() -> None:
    entries = entries_of_one_key(2)
    entries[1] = entries[1].replace(b'"key_number":1', b'"key_number":true')
    with pytest.raises(ChainBroken):
        read_all(entries)


def test_an_entry_without_a_place_is_found() -> None:
    with pytest.raises(ChainBroken):
        read_all([b'{"key":"a"}'])


def test_a_second_chain_of_a_key_is_found_by_who_verifies_the_log(place: LogPlace) -> None:
    log = place.open()
    log.add_all([{"key": "a", "n": n} for n in range(300)])
    log.publish()
    assert verify_log(place.folder, log.vkey).entries == 300
    checkpoint = log.checkpoint
    log._writer._committer._chains = KeyChains(lambda _: None)
    log.add({"key": "a", "n": 300})
    log.publish()
    with pytest.raises(ChainBroken, match="entry 300 "):
        verify_log(place.folder, log.vkey)
    with pytest.raises(ChainBroken, match="entry 300 "):
        verify_log(place.folder, log.vkey, since=Known(checkpoint, 300))


def test_who_reads_on_from_the_middle_believes_only_the_first_place() -> None:
    entries = entries_of_one_key(6)
    reader = ChainReader(entries=3)
    reader.read(3, entries[3:5])
    with pytest.raises(ChainBroken):
        ChainReader().read(3, entries[3:4])
    with pytest.raises(ChainBroken):
        reader.read(5, entries_of_one_key(7)[6:])


def test_who_reads_on_with_what_was_kept_believes_nothing() -> None:
    entries = entries_of_one_key(6)
    first = ChainReader()
    first.read(0, entries[:4])
    kept = dict(first.standing()[1])
    with pytest.raises(ChainBroken):
        ChainReader(kept, entries=4).read(4, entries[5:])
    with pytest.raises(ChainBroken, match="entry 4 "):
        ChainReader({}, entries=4).read(4, entries[4:])
    again = ChainReader(kept, entries=4)
    again.read(2, entries[2:])
    assert again.heads() == read_all(entries).heads()


def test_what_breaks_a_chain_is_not_taken() -> None:
    entries = entries_of_one_key(6)
    reader = ChainReader()
    with pytest.raises(ChainBroken):
        reader.read(0, [*entries[:3], entries[4]])
    assert reader.standing() == (0, {})
    reader.read(0, entries)
    assert reader.standing()[0] == 6


def test_a_number_that_is_too_large_is_refused_where_the_first_place_is_believed() -> None:
    with pytest.raises(ChainBroken):
        ChainReader(entries=3).read(3, [b'{"key":"a","key_number":%d,"key_previous":"x"}' % 2**70])
