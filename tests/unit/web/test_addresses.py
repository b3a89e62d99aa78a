"""Where people are sent back to after signing in: to a page of this site, and nowhere else."""

import pytest

from natsuin.web.addresses import local_path, sign_in_address


@pytest.mark.parametrize("path", ["/", "/documents/d-1", "/history?before=12", "/keys/k1/pin"])
def test_a_path_of_this_site_is_kept(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://evil.example/",
        "//evil.example/x",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "documents",
        "/a\r\nSet-Cookie: x=y",
        "/\tx",
        "/悪",
        "/x#fragment",
        "/" + "x" * 300,
    ],
)
def test_anything_else_is_dropped(text: str) -> None:
    assert local_path(text) == ""


def test_the_way_back_stands_in_the_address_of_signing_in() -> None:
    assert sign_in_address("/documents/d1") == "/?next=/documents/d1"
    assert sign_in_address("/") == "/"
    assert sign_in_address("//evil.example") == "/"
