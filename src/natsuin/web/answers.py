"""Answers that tell a problem: application/problem+json for programs, a page for people."""

import json

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from natsuin.web.i18n import choose_language, render
from natsuin.web.problems import Problem, problem_of


def language_of(scope: Scope) -> str:
    """The language this request wants to be answered in."""
    request = Request(scope)
    return choose_language(
        query=request.query_params.get("lang"),
        cookie=request.cookies.get("lang"),
        accept_language=request.headers.get("accept-language"),
    )


def problem_answer(error: BaseException, scope: Scope) -> Response:
    """The answer that tells `error`: a page where a browser asked for one, else RFC 9457 JSON."""
    lang = language_of(scope)
    problem = problem_of(error, lang)
    accepted = Headers(scope=scope).get("accept", "")
    if "text/html" in accepted and not scope["path"].startswith("/api/"):
        answer: Response = HTMLResponse(_problem_page(problem, scope, lang), status_code=problem.status)
    else:
        answer = Response(
            json.dumps(problem.as_json() | _request_number(scope), ensure_ascii=False),
            status_code=problem.status,
            media_type="application/problem+json",
        )
    answer.headers["content-language"] = lang
    if problem.retry_after is not None:
        answer.headers["retry-after"] = str(problem.retry_after)
    if problem.status in (408, 413, 421):
        # The rest of an unwanted body is not read to its end.
        answer.headers["connection"] = "close"
    return answer


def _request_number(scope: Scope) -> dict[str, str]:
    number = scope.get("state", {}).get("request_id")
    return {"request_id": number} if number else {}


def _problem_page(problem: Problem, scope: Scope, lang: str) -> str:
    state = scope.get("state", {})
    return render(
        "pages/error.html",
        lang,
        me=state.get("caller"),
        service=state["service"],
        path=scope["path"],
        status=problem.status,
        code=problem.code,
        title=problem.title,
        detail=problem.detail,
        hint=problem.hint,
        request_id=state.get("request_id", ""),
    )
