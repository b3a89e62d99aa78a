"""Which names the log's files may have (C2SP tlog-tiles)."""

import pytest

from natsuin.web.log_files import _TILE


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/000",
        "tile/0/x001/x234/067",
        "tile/63/000",
        "tile/entries/000",
        "tile/entries/x001/000.p/255",
        "tile/0/000.p/1",
    ],
)
def test_tiles_have_these_names(name):
    assert _TILE.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/1000",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/01",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/..",
        "tile/../config.toml",
        "/tile/0/000",
        "tile/0/٠٠٠",
        "state",
        "",
    ],
)
def test_nothing_else_does(name):
    assert not _TILE.fullmatch(name)
