"""Garbage to every address that takes a POST, at a real server: always a problem in words, in the asker's language, and
never a traceback, a path or a secret."""

import re
from collections.abc import Iterator
from typing import Any, cast

import httpx2
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from starlette.routing import BaseRoute, Mount

from natsuin.cli.demo.visitor import Visitor
from natsuin.config import Config
from natsuin.web import create_app
from rigs.telling import INSIDE, assert_tells_nothing_inside
from rigs.whole_server import WholeServer

SECRET = "canary-7f3a-of-the-sender"
GARBAGE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"' + SECRET.encode() + b'"',
    b'{"token":"' + SECRET.encode() + b'"}',
    b'{"token":1,"token":2}',
    b'{"credential":{"id":"../../etc/passwd"},"pin":"' + SECRET.encode() + b'"}',
    b'{"credential":NaN}',
    b'{"token":"\\ud800"}',
    b"\xff\xfe{}",
    b"\x00" * 1000,
    b"[" * 5000 + b"]" * 5000,
    b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
)
KINDS = ("application/json", "application/pdf", "multipart/form-data; boundary=x", "application/timestamp-query")
NEEDS_NO_BODY = {
    "/api/login/options",
    "/api/documents/{document_id}/finish",
    "/api/documents/{document_id}/instruction",
    "/api/instructions/{instruction_id}/cancel",
    "/api/keys/{key_id}/pin-reset",
    "/api/logout",
    "/api/step-up/options",
    "/api/account/end-other-sessions",
}
"""An empty body means something here."""
IDENTIFIERS = ("0" * 32, "a" * 128, "x.y:z")


def application(config: Config) -> FastAPI:
    """The same routes as the running server has, to be looked at: nothing is connected."""
    return create_app(config, cast("Any", None), cast("Any", None))


def posts(routes: list[BaseRoute]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            continue
        if hasattr(route, "original_router"):
            yield from posts(route.original_router.routes)
        elif "POST" in cast("Any", route).methods:
            yield cast("Any", route).path


@pytest.fixture(scope="module")
def paths(whole_server: WholeServer) -> list[str]:
    found = sorted(set(posts(create_app(whole_server.config, cast("Any", None), cast("Any", None)).routes)))
    assert len(found) >= 20
    return found


@pytest.fixture(scope="module", params=["stranger", "signer", "officer"])
def sender(
    request: pytest.FixtureRequest, whole_server: WholeServer, whole_signer: Visitor, whole_officer: Visitor
) -> Iterator[httpx2.Client]:
    cookies = {"stranger": {}, "signer": whole_signer._http.cookies, "officer": whole_officer._http.cookies}
    headers = {"X-Natsuin": "1", "Origin": whole_server.origin}
    with httpx2.Client(
        base_url=whole_server.origin, headers=headers, cookies=dict(cookies[request.param]), timeout=60
    ) as client:
        yield client


FOR_PROGRAMS = ("/oauth2/", "/csc/")
"""Addresses that tell refusals as OAuth and the CSC API have it (RFC 6749, 5.2)."""


def assert_tells_programs_nothing_inside(answer: httpx2.Response) -> None:
    assert answer.status_code in (400, 401, 404, 501), (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.json().keys() == {"error", "error_description"}
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text


def test_garbage_is_refused_in_words(sender: httpx2.Client, paths: list[str]) -> None:
    tried = 0
    for path in paths:
        if path == "/ocsp":
            continue
        for number, body in enumerate(GARBAGE):
            language = "ja" if number % 2 else "en"
            kind = "application/json" if path.startswith("/api/") and number % 4 else KINDS[number % len(KINDS)]
            if path in NEEDS_NO_BODY and (not body or kind != "application/json"):
                continue
            address = re.sub(r"{\w+}", IDENTIFIERS[number % len(IDENTIFIERS)], path)
            answer = sender.post(address, content=body, headers={"Content-Type": kind, "Accept-Language": language})
            if path == "/tsa" and answer.status_code == 200:
                # RFC 3161 has refusals of its own, status 2 (rejection).
                assert b"\x02\x01\x02" in answer.content[:16]
                continue
            if path.startswith(FOR_PROGRAMS):
                # Without a body `info` is asked as it should be.
                if not (path.endswith("/info") and answer.status_code == 200 and not body):
                    assert_tells_programs_nothing_inside(answer)
                continue
            assert_tells_nothing_inside(answer, SECRET)
            assert answer.headers["content-language"] == language
            assert bool(re.search("[ぁ-ん一-龠]", answer.json()["title"])) == (language == "ja")
            tried += 1
    assert tried > 150


def test_ocsp_answers_garbage_as_its_standard_says(sender: httpx2.Client) -> None:
    """RFC 6960, 4.2.1: malformedRequest (1) in an OCSPResponse."""
    for body in GARBAGE[1:]:
        answer = sender.post("/ocsp", content=body, headers={"Content-Type": "application/ocsp-request"})
        assert (answer.status_code, answer.content) == (200, bytes.fromhex("30030a0101"))


def test_addresses_that_do_not_exist_are_told_in_both_languages(sender: httpx2.Client) -> None:
    for path in ("/api/nothing", "/api/documents/%00", "/api/documents/..%2f..%2fetc%2fpasswd", "/log/../config.toml"):
        for language in ("en", "ja"):
            answer = sender.get(path, headers={"Accept-Language": language})
            assert answer.status_code in (401, 403, 404), path
            assert_tells_nothing_inside(answer)
            assert answer.headers["content-language"] == language


def test_after_all_that_the_server_works(whole_server: WholeServer, whole_signer: Visitor) -> None:
    assert whole_signer.get("/readyz") == {"ready": True, "problems": []}
    said = whole_server.errors
    assert SECRET not in said
    assert "Traceback" not in said
    assert '"event": "fault"' not in said
    assert not any("died" in line for line in whole_server.lines)


def test_schemathesis_finds_no_server_error(whole_server: WholeServer, whole_signer: Visitor) -> None:
    """A few examples for each operation of the OpenAPI description, valid and not, made by schemathesis."""
    schema = schemathesis.openapi.from_dict(application(whole_server.config).openapi())
    schema.config.update(base_url=whole_server.origin)
    cookies = dict(whole_signer._http.cookies)
    headers = {"X-Natsuin": "1", "Origin": whole_server.origin}
    operations = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/api/logout":
            continue
        operations += 1
        _try(operation, headers=headers, cookies=cookies)
    assert operations > 20
    assert whole_signer.get("/api/me")["user_id"]


def _try(operation: Any, **about: Any) -> None:
    from hypothesis import given

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def examples(case: Any) -> None:
        answer = case.call(**about)
        case.validate_response(answer, checks=[not_a_server_error])
        if answer.status_code >= 400:
            assert "problem+json" in answer.headers["content-type"][0]
            assert INSIDE.search(answer.text) is None, answer.text

    examples()
