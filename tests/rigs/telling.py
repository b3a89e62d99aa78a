"""What an answer to a person may hold: a cause and a next step, and nothing of the inside."""

import re

import httpx2

INSIDE = re.compile(
    r"Traceback|File \"|site-packages|\.py\b|/tmp|/work|/home|/usr|/root|/run/|sam\.sock|master\.key|\.sqlite|"
    r"sqlalchemy|psycopg|SELECT |INSERT |UPDATE |natsuin\.[a-z_]+\.|msgspec|pydantic|pikepdf|pyhanko|Error\(|"
    r"Exception|0x[0-9a-f]{6,}"
)
"""Traces of a program: places, libraries, statements."""


def assert_tells_nothing_inside(answer: httpx2.Response, *secrets: str) -> None:
    """A problem (RFC 9457) with every member that a person needs, and no traceback, path, or one of `secrets`."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    problem = answer.json()
    assert {"type", "title", "status", "code", "detail", "hint"} <= problem.keys()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"] or problem["hint"]
    told = answer.text + str(answer.headers)
    found = INSIDE.search(told)
    assert found is None, (found, answer.text)
    for secret in secrets:
        assert secret not in told
