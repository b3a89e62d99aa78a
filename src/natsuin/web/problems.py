"""The one table from errors to HTTP: status, and what people are told, in Japanese and English (RFC 9457).

Everything that leaves the web process as an error passes through `problem_of`. An error whose code has no row of its
own is told as the nearest class above it that has one. Nothing of an unknown exception is told but that it happened.
"""

from dataclasses import dataclass

from natsuin.errors import Malformed, NatsuinError, NotFound, Refused
from natsuin.web.problem_texts import TEXTS
from natsuin.web.problem_words import Text

STATUS: dict[str, int] = {
    "error": 500,
    "refused": 422,
    "malformed": 400,
    "not_found": 404,
    "unauthenticated": 401,
    "forbidden": 403,
    "approval_refused": 403,
    "wrong_secret": 403,
    "locked": 423,
    "expired": 410,
    "already_used": 409,
    "conflict": 409,
    "too_large": 413,
    "tampered": 409,
    "unavailable": 503,
    "busy": 503,
    "indeterminate": 504,
    "storage_failed": 503,
    "clock_behind": 503,
    "log_not_witnessed": 503,
    "sign_in_failed": 401,
    "step_up_required": 403,
    "too_many_attempts": 429,
    "people_file": 422,
    "people_file_encoding": 422,
    "people_file_header": 422,
    "people_file_too_long": 413,
    "unsupported_media_type": 415,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "wrong_host": 421,
    "foreign_request": 403,
    "storage_quota": 413,
    "not_a_pdf": 422,
    "encrypted_document": 422,
    "broken_document": 422,
    "document_timeout": 422,
    "changes_forbidden": 422,
    "placement_refused": 422,
    "missing_characters": 422,
    "certificate_refused": 409,
    "certificate_unusable": 409,
    "signature_mismatch": 409,
    "time_stamp_failed": 503,
    "weak_pin": 422,
    "algorithm_refused": 422,
    "algorithm_not_offered": 422,
    "resident_not_offered": 422,
    "resident_not_archived": 409,
    "vault_resident_key_missing": 409,
    "vault_unavailable": 503,
    "vault_interrupted": 503,
    "weak_key": 422,
    "key_known": 409,
    "key_is_dead": 409,
    "key_not_lost": 409,
    "archive_outdated": 409,
    "archive_tampered": 409,
    "key_import_off": 403,
    "key_envelope_malformed": 400,
    "key_envelope_refused": 422,
    "not_approved": 403,
    "signing_stopped": 409,
    "scheme_not_approved": 403,
    "invitation_unknown": 404,
    "invitation_used": 409,
    "invitation_expired": 410,
    "invitation_withdrawn": 410,
    "person_ended": 409,
    "replacement_unknown": 404,
    "replacement_over": 409,
    "replacement_waiting": 409,
    "reading_over": 403,
    "oauth_refused": 400,
    "oauth_unknown_recipient": 400,
    "access_request_over": 404,
    "application_document_missing": 409,
    "credential_refused": 409,
    "illegal_move": 409,
    "key_cannot_sign": 409,
    "certificate_unreadable": 400,
    "certificate_not_accepted": 422,
    "certificate_key_does_not_match": 422,
    "certificate_subject_differs": 422,
}
"""Status by error code. A row here needs a text in `problem_texts`, which a test checks."""


class UnsupportedMediaType(Malformed):
    """The body is of another kind than this address takes."""

    code = "unsupported_media_type"


class MethodNotAllowed(Refused):
    """This address exists and does not do that."""

    code = "method_not_allowed"


class RequestTimeout(Refused):
    """The body stopped coming before it was complete."""

    code = "request_timeout"


class WrongHost(NotFound):
    """The request names another host than this service has."""

    code = "wrong_host"


class ForeignRequest(Refused):
    """A request that changes something and does not come from a page of this service."""

    code = "foreign_request"


class InvalidFields(Malformed):
    """Fields of a body are missing, unknown or of the wrong kind; `fields` names them, never their values."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__("these fields are missing, unknown or of the wrong kind: " + ", ".join(fields))
        self.fields = fields


@dataclass(frozen=True)
class Problem:
    """An error as it is told. `detail` names the cause, `hint` the next step."""

    status: int
    code: str
    title: str
    detail: str
    hint: str
    retry_after: int | None = None
    fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The members of application/problem+json."""
        members: dict[str, object] = {
            "type": f"urn:natsuin:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
        }
        if self.fields:
            members["fields"] = list(self.fields)
        return members


def problem_of(error: BaseException, lang: str) -> Problem:
    """How `error` is told in `lang` (`ja` or `en`). Total: any exception gives a problem, and none gives its
    internals."""
    if not isinstance(error, NatsuinError):
        return _told("error", "error", lang)
    row = row_code(error)
    text = TEXTS[row].ja if lang == "ja" else TEXTS[row].en
    told = _told(error.code, row, lang)
    # Messages of errors are written in English and for people; where a table's sentence is all there is in Japanese,
    # the English page tells the more exact cause.
    detail = error.message if lang == "en" and isinstance(error, Refused) and error.message else text.detail
    hint = error.hint if lang == "en" and error.hint else text.hint
    return Problem(
        status=told.status,
        code=error.code,
        title=text.title,
        detail=_sentence(detail),
        hint=hint,
        retry_after=getattr(error, "retry_after", 1 if told.status == 503 else None),
        fields=getattr(error, "fields", ()),
    )


def row_code(error: NatsuinError) -> str:
    """The code of the row that tells this error: its own (which sam may have set), or that of the nearest class
    above."""
    if error.code in STATUS:
        return error.code
    for ancestor in type(error).__mro__:
        code = ancestor.__dict__.get("code")
        if isinstance(code, str) and code in STATUS:
            return code
    return "error"


def _told(code: str, row: str, lang: str) -> Problem:
    text: Text = TEXTS[row].ja if lang == "ja" else TEXTS[row].en
    return Problem(STATUS[row], code, text.title, text.detail, text.hint)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "。", "!", "?")) else ".") if text else text
