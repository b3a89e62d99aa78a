"""`/api/officer/people-file`: what a CSV file of people says, line by line, before anybody is registered.

Nothing is kept of the file. Each person is then proposed and approved as one who was typed in, by the officer's passkey
over that person's own record; the register remembers the file's hash and the line. So whoever was interrupted brings
the same file again, and goes on with the lines that nobody was registered from.
"""

import hashlib
from typing import Any

from anyio import to_thread
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.user_management import ENCODINGS, PeopleLine, PersonRecords, Register, read_people
from natsuin.web.api.officers import PersonBody, mail_address
from natsuin.web.callers import Access
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.requests import media_type
from natsuin.web.routing import ApiRoutes

_COMMON_NAME_BYTES = 64
"""As many as a certificate takes (X.520, and `natsuin.certification.names`)."""
_TEXTS = {
    "common_name": ("the name", 64),
    "organization": ("the organization", 64),
    "name_kana": ("the reading in kana", 100),
    "name_romanised": ("the name in Latin letters", 100),
    "job_title": ("the job title", 100),
    "reference": ("the reference", 200),
}
_NEEDED = {"common_name", "reference"}


class PeopleFileAPI:
    """Officers only."""

    def __init__(self, records: PersonRecords, *, register: Register) -> None:
        self._records = records
        self._register = register

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the route."""
        routes.add_plain("POST", "/api/officer/people-file", self.preview, access=Access.REGISTRAR)

    async def preview(self, request: Request) -> Response:
        """What each line says, what is wrong with it, and who of them is registered already."""
        if media_type(request) != "text/csv":
            raise UnsupportedMediaType("the body must be text/csv")
        encoding = request.query_params.get("encoding", "utf-8")
        if encoding not in ENCODINGS:
            raise Malformed("the encoding is not one of those that are taken")
        content = await request.body()
        return JSONResponse(await to_thread.run_sync(self._preview, content, encoding))

    def _preview(self, content: bytes, encoding: str) -> dict[str, Any]:
        file = hashlib.sha256(content).hexdigest()
        lines, done = read_people(content, encoding=encoding), self._register.done_of(file)
        told = [_told(line, file) | {"user_id": done.get(line.number, "")} for line in lines]
        known = self._records.names_known(
            {(str(one["person"]["common_name"]), str(one["person"]["email"])) for one in told if one["person"]}
        )
        for one in told:
            person = one["person"]
            one["alike"] = bool(person) and not one["user_id"] and (person["common_name"], person["email"]) in known
        return {"file": file, "lines": told}


def _told(line: PeopleLine, file: str) -> dict[str, Any]:
    """A line as the page shows it. `person` is what is proposed, or None where something is wrong."""
    if not line.whole:
        return {"line": line.number, "name": "", "wrong": ["columns"], "person": None}
    fields = {name: value for name, value in line.fields.items() if value and not name.startswith("evidence_")}
    evidence: dict[str, Any] = {name: line.fields[f"evidence_{name}"] for name in ("kind", "reference", "level")}
    if evidence["level"] in ("1", "2", "3"):
        evidence["level"] = int(evidence["level"])
    name = line.fields["common_name"][:64]
    try:
        body = PersonBody.model_validate({**fields, "evidence": evidence, "file": file, "line": line.number})
    except ValidationError as error:
        wrong = {"_".join(str(part) for part in entry["loc"]) for entry in error.errors()}
        return {"line": line.number, "name": name, "wrong": sorted(wrong), "person": None}
    wrong, person = _checked(body)
    return {"line": line.number, "name": name, "wrong": sorted(wrong), "person": None if wrong else person}


def _checked(body: PersonBody) -> tuple[set[str], dict[str, Any]]:
    """Fields whose text could not be shown, mailed to, or stand in a certificate, as proposing would find; and the
    body with every text in the form in which the record will have it."""
    person = body.model_dump()
    wrong: set[str] = set()
    for name, (what, most) in _TEXTS.items():
        place = person["evidence"] if name == "reference" else person
        try:
            place[name] = plain_text(place[name], what, most=most, required=name in _NEEDED)
        except Malformed:
            wrong.add("evidence_reference" if name == "reference" else name)
    if len(person["common_name"].encode()) > _COMMON_NAME_BYTES:
        wrong.add("common_name")
    try:
        mail_address(body.email)
    except Malformed:
        wrong.add("email")
    return wrong, person
