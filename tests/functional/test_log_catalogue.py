"""Every event of docs/log.md happens at the boundary and is found in the log (R61), and nothing is in any entry that
could name somebody or open anything: no secret, no document, no person (R70, A54)."""

import hashlib
import re
from pathlib import Path

import pytest

from natsuin import base64url
from rigs import log_catalogue
from rigs.log_worlds import World, as_text

PAGE = (Path(__file__).parents[2] / "docs/log.md").read_text()
CATALOGUE = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \| \S.* \|$", PAGE, re.MULTILINE)
"""Types, public fields and committed fields; another test compares them with the code."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[World]:
    parts = log_catalogue.acts, log_catalogue.town, log_catalogue.outside, log_catalogue.token, log_catalogue.resident
    parts += (log_catalogue.reading,)
    made = [part(tmp_path_factory.mktemp("world")) for part in parts]
    return [*made, *log_catalogue.rotated(tmp_path_factory.mktemp("world"))]


def test_every_event_has_its_entry(worlds: list[World]) -> None:
    driven = {kind for world in worlds for kind in world.found}
    assert driven == {kind for kind, _, _ in CATALOGUE}


def test_every_entry_has_the_fields_of_the_catalogue_and_no_others(worlds: list[World]) -> None:
    public = {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields, _ in CATALOGUE}
    chained, committed = {"key_number", "key_previous"}, {"tx", "commitment"}
    for world in worlds:
        for entry in world.entries():
            kind = entry["type"]
            assert set(entry) - {"v", "type", "time"} - chained - committed <= public[kind] - committed, entry
            assert ("key" in entry) == (chained <= set(entry)), entry
            assert ("commitment" in entry) == (kind not in ("outcome", "undelivered")), entry


def test_nothing_private_is_in_any_public_file(worlds: list[World]) -> None:
    for world in worlds:
        assert world.secret.secrets
        assert world.private.secrets
        for path in world.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert world.secret.found_in(content) | world.private.found_in(content) == set(), path


def test_no_plain_hash_of_anything_private_is_in_the_log(worlds: list[World]) -> None:
    """Whoever can guess it would otherwise have it confirmed."""
    for world in worlds:
        text = as_text(world)
        for name, values in (*world.secret.secrets.items(), *world.private.secrets.items()):
            for value in values:
                hashed = hashlib.sha256(value)
                for spelt in (hashed.hexdigest(), base64url.encode(hashed.digest())):
                    assert spelt not in text, name


def test_no_secret_is_in_what_entries_commit_to(worlds: list[World]) -> None:
    for world in worlds:
        assert len(world.openings) > 5
        for opening in world.openings:
            assert world.secret.found_in(opening) == set(), opening


def test_what_is_private_is_committed_to(worlds: list[World]) -> None:
    """The scanner finds it there, so it would find it in an entry."""
    everything = b"\n".join(worlds[0].openings)
    assert {"user", "officer", "instruction", "note", "ground"} <= worlds[0].private.found_in(everything)
