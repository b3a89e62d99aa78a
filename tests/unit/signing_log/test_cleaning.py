"""Partial tiles go away some time after the full one came, and only then."""

from pathlib import Path

import pytest

from natsuin.signing_log import Shard, commit, verify_log


@pytest.fixture(autouse=True)
def settle_often(monkeypatch):
    monkeypatch.setattr(commit, "_SETTLE_ENTRIES", 1)


def add_settled(log: Shard, times: int = 1) -> None:
    """Add entries, and wait until those before the last are settled and noticed."""
    for _ in range(times):
        log.add_all([{"n": "one more"}, {"n": "and one"}])
        log._writer._publish()


def partial(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob("tile/**/*.p")}


def test_partial_tiles_are_kept_for_a_while(place):
    log = place.open()
    for n in range(300):
        log.add({"n": n})
    add_settled(log, 2)
    before = partial(place.folder)
    assert before == {
        "tile/0/000.p", "tile/0/001.p", "tile/1/000.p", "tile/entries/000.p", "tile/entries/001.p",
    }  # fmt: skip
    place.clock.advance(601)
    add_settled(log, 3)
    assert partial(place.folder) == before - {"tile/0/000.p", "tile/entries/000.p"}
    log.close()
    assert verify_log(place.folder, log.vkey).entries == 310


def test_what_an_earlier_process_left_is_found(place):
    for start in range(0, 600, 50):
        place.fill(50, start=start)
    assert {"tile/0/000.p", "tile/0/001.p", "tile/entries/001.p"} <= partial(place.folder)
    log = place.open()
    add_settled(log, 2)
    place.clock.advance(601)
    add_settled(log, 3)
    assert partial(place.folder) == {"tile/0/002.p", "tile/1/000.p", "tile/entries/002.p"}
    log.close()
    assert verify_log(place.folder, log.vkey).entries == 610


def test_what_cannot_be_removed_stays(place):
    place.fill(255)
    (place.folder / "tile/0/000.p/folder").mkdir()
    log = place.open()
    add_settled(log, 3)
    place.clock.advance(601)
    add_settled(log, 3)
    assert "tile/0/000.p" in partial(place.folder)
    assert "tile/entries/000.p" not in partial(place.folder)
