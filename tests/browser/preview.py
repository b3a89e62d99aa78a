"""The portal's pages with example data and a JSON API that only pretends, on loopback, under the real content policy.

For looking at pages while they are being made, and for tests of the browser's part alone: the pretended API verifies
passkeys and opens sealed secrets for real, so that what the scripts send is known to be right.

    python tests/browser/preview.py [PORT]
"""

import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import preview_data as example
import preview_keys
import preview_people
import pypdfium2
import uvicorn
import webauthn
from cryptography.hazmat.primitives import hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from webauthn.helpers import bytes_to_base64url, options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from natsuin.web.headers import SecurityHeaders
from natsuin.web.i18n import choose_language, render

STATIC = Path(example.__file__).parents[2] / "src/natsuin/web/static"
SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
INFO = {"enrol": b"natsuin/enrol/v1\0", "reset": b"natsuin/pin-reset/v1\0", "approve": b"natsuin/approve/v1\0"}


def b64(data: bytes) -> str:
    return bytes_to_base64url(data)


def unb64(text: str) -> bytes:
    return webauthn.base64url_to_bytes(text)


@dataclass
class Preview:
    """All that the pretended server remembers. `opened` holds the secrets that were unsealed, for tests to look at."""

    pdf: bytes
    port: int
    opened: list[dict[str, str]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    challenge: bytes = b""
    passkey: webauthn.registration.verify_registration_response.VerifiedRegistration | None = None
    signed: bool = False
    registered: int = 0
    marks: list[dict[str, float]] = field(default_factory=list)
    trick: str = ""
    """How the pretended server misbehaves: `record`, `challenge`, `bytes`, `wrong_secret`, `unavailable`, `signed_out`,
    `invitation_used`."""
    private_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        with pypdfium2.PdfDocument(self.pdf) as opened:
            sizes = [opened.get_page_size(index) for index in range(len(opened))]
        self.pages = [{"width": width, "height": height} for width, height in sizes]
        self.document = example.document(self.pdf, self.pages)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def hpke_public_key(self) -> str:
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return b64(self.private_key.public_key().public_bytes(*form))

    def creation_options(self, name: str) -> dict[str, Any]:
        self.challenge = hashlib.sha256(name.encode()).digest()
        options = webauthn.generate_registration_options(
            rp_id="localhost",
            rp_name="Natsuin",
            user_name=name,
            user_id=b"u1",
            challenge=self.challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
        return dict(options_to_json_dict(options))

    def request_options(self, challenge: bytes) -> dict[str, Any]:
        self.challenge = challenge
        allowed = [PublicKeyCredentialDescriptor(id=self.passkey.credential_id)] if self.passkey else None
        options = webauthn.generate_authentication_options(
            rp_id="localhost",
            challenge=challenge,
            allow_credentials=allowed,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(options_to_json_dict(options))

    def act(self, kind: str, **fields: Any) -> dict[str, Any]:
        """A record, its challenge and the passkey's options, as sam makes them."""
        content = {"v": 1, "act": kind, "service": "localhost", "id": "a1", **fields, "nonce": "00" * 16}
        record = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        challenge = hashlib.sha256(b"natsuin/approval/v1\0" + record.encode()).digest()
        if self.trick == "challenge":
            challenge = hashlib.sha256(b"another record").digest()
        return {
            "act_id": "a1",
            "record": record,
            "challenge": b64(challenge),
            "publicKey": self.request_options(challenge),
            "hpke_public_key": self.hpke_public_key,
            "expires_at": example.NOW + 3_600_000,
        }

    def register(self, credential: dict[str, Any]) -> None:
        self.passkey = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=self.challenge,
            expected_rp_id="localhost",
            expected_origin=self.origin,
            require_user_verification=True,
        )

    def verify(self, credential: dict[str, Any]) -> None:
        if self.passkey is None:
            return
        webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=self.challenge,
            expected_rp_id="localhost",
            expected_origin=self.origin,
            credential_public_key=self.passkey.credential_public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )

    def unseal(self, purpose: str, sealed: str) -> None:
        clear = SUITE.decrypt(unb64(sealed), self.private_key, info=INFO[purpose] + self.challenge)
        self.opened.append(json.loads(clear))


def problem(status: int, code: str, detail: str, hint: str) -> JSONResponse:
    body = {"code": code, "title": detail, "detail": detail, "hint": hint, "status": status, "request_id": "r-0000001"}
    return JSONResponse(body, status, media_type="application/problem+json")


def page_context(preview: Preview, path: str, query: Any) -> tuple[str, dict[str, Any]]:
    """The template of a path and what it is given."""
    error = {"status": 404, "code": "not_found", "title": "見つかりません", "request_id": "r-0000001"}
    error |= {"detail": "存在しないか、あなたのものではありません。", "hint": "一覧に戻って選び直してください。"}
    document = preview.document | {"warnings": list(query.getlist("warning")), "marks": preview.marks}
    signed = {
        "signed_at": example.NOW,
        "signed_sha256": preview.document["sha256"],
        "signed_size": len(preview.pdf),
        "certificate": example.CERTIFICATE,
        "reason": "契約の締結",
        "log_index": 1200,
    }
    rows = example.rows(preview.document)
    pages: dict[str, tuple[str, dict[str, Any]]] = {
        "/": ("index", {"next": query.get("next", "/"), "recent": rows[:3]}),
        "/enrol": ("enrol", {}),
        "/officer/enrol": ("officer_enrol", {}),
        "/officer": (
            "officer",
            {"people": example.people(), "key_algorithms": ["rsa-3072", "p-256"], "in_token": True},
        ),
        "/documents": ("documents", {"documents": rows, "max_bytes": 64 * 2**20}),
        "/documents/d1": ("document", {"document": document, "request_handle": ""} | preview_keys.for_signing()),
        "/documents/s1": ("signed", {"document": document, "signed": signed, "request_handle": "a-handle"}),
        "/history": ("history", {"entries": example.history(), "older": 1170, "newest": "before" not in query}),
        **(preview_keys.key_pages(query) | preview_people.pages()),
        "/keys/k1/pin": ("pin_reset", {"key": preview_keys.keys()[0]}),
        "/verify": ("verify", {"max_bytes": 64 * 2**20, "log_vkey": example.LOG_VKEY, "root": example.ROOT}),
        "/help/check": ("check", {"log_vkey": example.LOG_VKEY, "root": example.ROOT}),
        "/help/limits": ("limits", {}),
    }
    if preview.signed:
        pages["/documents/d1"] = pages["/documents/s1"]
    name, context = pages.get(path, ("error", error))
    return f"pages/{name}.html", context


POSTS = {
    "/api/enrol/open": "enrol_open",
    "/api/enrol/complete": "enrol_complete",
    "/api/officer/invitation": "officer_invitation",
    "/api/officer/register": "officer_register",
    "/api/officer/people": "propose",
    "/api/officer/people/a1/approve": "approve_person",
    "/api/login/options": "login_options",
    "/api/login": "login",
    "/api/logout": "nothing",
    "/api/documents": "upload",
    "/api/documents/d1/instruction": "instruct",
    "/api/instructions/i1/approval": "approve",
    "/api/instructions/i1/cancel": "nothing",
    "/api/keys/k1/pin-reset": "reset",
    "/api/keys/k1/pin-reset/a1": "reset_approve",
    "/api/verify": "check",
}
"""Which method of `Pretence` answers what is posted where."""


class Pretence:
    """The answers of the pretended server."""

    def __init__(self, preview: Preview) -> None:
        self.preview = preview

    async def page(self, request: Request) -> Response:
        path, query = request.url.path, request.query_params
        lang = choose_language(
            query=query.get("lang"), cookie=None, accept_language=request.headers.get("accept-language")
        )
        template, context = page_context(self.preview, path, query)
        me = example.OFFICER if path.split("/")[1] == "officer" else example.SIGNER
        if path in {"/enrol", "/officer/enrol", "/verify", "/help/check"} or query.get("out"):
            me = None
        html = render(template, lang, me=me, service=example.SERVICE, path=path, **context)
        return HTMLResponse(html)

    async def content(self, request: Request) -> Response:
        changed = self.preview.pdf + b"\n" if self.preview.trick == "bytes" else self.preview.pdf
        return Response(changed, media_type="application/pdf")

    async def enrol_open(self, request: Request) -> Response:
        if self.preview.trick == "invitation_used":
            return problem(409, "invitation_used", "招待は使用済みです。", "サインインしてください。")
        subject = {"common_name": "山田 太郎", "organization": "例示商事株式会社", "country": "JP"}
        options = self.preview.creation_options("山田 太郎")
        offer = {
            "user_id": "u1",
            "common_name": "山田 太郎",
            "subject": subject,
            "algorithm": "rsa-3072",
            "resident": True,
        }
        offer |= {"challenge": b64(self.preview.challenge), "publicKey": options}
        return JSONResponse(offer | {"hpke_public_key": self.preview.hpke_public_key, "expires_at": example.NOW})

    async def enrol_complete(self, request: Request) -> Response:
        body = await request.json()
        self.preview.register(body["credential"])
        self.preview.unseal("enrol", body["sealed_secrets"])
        return JSONResponse({"user_id": "u1", "key": {}})

    async def officer_invitation(self, request: Request) -> Response:
        options = self.preview.creation_options("登録 花子")
        return JSONResponse({"publicKey": options, "display_name": "登録 花子"})

    async def officer_register(self, request: Request) -> Response:
        self.preview.register((await request.json())["credential"])
        return JSONResponse({"user_id": "o1"})

    async def propose(self, request: Request) -> Response:
        body = await request.json()
        self.preview.requests.append(body)
        subject = {name: body[name] for name in ("common_name", "organization", "country")}
        if self.preview.trick == "record":
            subject["common_name"] = "悪意 ある者"
        fields = {name: body[name] for name in ("evidence", "algorithm", "resident")}
        if self.preview.trick == "resident":
            fields["resident"] = not body["resident"]
        return JSONResponse(self.preview.act("enrol", subject=subject, **fields))

    async def approve_person(self, request: Request) -> Response:
        self.preview.verify((await request.json())["credential"])
        self.preview.registered += 1
        link = f"{self.preview.origin}/enrol#{'q' * 43}"
        return JSONResponse({"user_id": "u9", "invitation_url": link, "expires_at": example.NOW + example.DAY})

    async def people(self, request: Request) -> Response:
        new = {"user_id": "u9", "common_name": "新規 登録者", "organization": "", "email": "new@example.jp"}
        new |= {"state": "invited", "proposed_at": example.NOW, "expires_at": example.NOW + example.DAY}
        known = [
            {name: person[name] for name in ("user_id", "common_name", "organization", "email", "state")}
            | {"proposed_at": person["registered_at"], "expires_at": person["invitation_expires_at"]}
            for person in example.people()
        ]
        return JSONResponse({"people": [new] * self.preview.registered + known})

    async def login_options(self, request: Request) -> Response:
        return JSONResponse({"publicKey": self.preview.request_options(hashlib.sha256(b"login").digest())})

    async def login(self, request: Request) -> Response:
        self.preview.verify((await request.json())["credential"])
        return JSONResponse({"user_id": "u1", "display_name": "山田 太郎", "roles": []})

    async def upload(self, request: Request) -> Response:
        self.preview.requests.append(
            {"name": unquote(request.headers["x-document-name"]), "body": await request.body()}
        )
        return JSONResponse({"id": "d1"}, 201)

    async def instruct(self, request: Request) -> Response:
        body = await request.json()
        self.preview.requests.append(body)
        if self.preview.trick == "signed_out":
            return problem(401, "unauthenticated", "サインインが必要です。", "サインインしてください。")
        label = {
            "name": self.preview.document["name"],
            "size": len(self.preview.pdf),
            "sha256": self.preview.document["sha256"],
        }
        if self.preview.trick == "record":
            label["sha256"] = hashlib.sha256(b"another document").hexdigest()
        certificate_hash = b64(bytes.fromhex(example.CERTIFICATE["sha256"]))
        act = self.preview.act(
            "sign",
            key=body["key_id"],
            certificate_sha256=certificate_hash,
            digests=[b64(b"\1" * 32)],
            count=1,
            documents=[label | {"sha256": b64(bytes.fromhex(label["sha256"]))}],
            purpose=body.get("reason", ""),
        )
        return JSONResponse(act | {"instruction_id": "i1", "certificate": example.CERTIFICATE, "documents": [label]})

    async def approve(self, request: Request) -> Response:
        body = await request.json()
        self.preview.requests.append(body)
        self.preview.verify(body["credential"])
        self.preview.unseal("approve", body["sealed_pin"])
        trick, self.preview.trick = self.preview.trick, ""
        if trick == "wrong_secret":
            return problem(403, trick, "PINが正しくありません。", "もう一度入力してください。")
        if trick == "unavailable":
            return problem(503, "indeterminate", "応答が時間内に届きませんでした。", "もう一度尋ねてください。")
        self.preview.signed = True
        return JSONResponse({"document_id": "d1", "state": "signed"})

    async def reset(self, request: Request) -> Response:
        return JSONResponse(self.preview.act("reset-pin", key="k1", user="u1"))

    async def reset_approve(self, request: Request) -> Response:
        body = await request.json()
        self.preview.verify(body["credential"])
        self.preview.unseal("reset", body["sealed_secrets"])
        return JSONResponse({})

    async def check(self, request: Request) -> Response:
        async with request.form() as form:
            texts = {name: value for name, value in form.items() if isinstance(value, str)}
            self.preview.requests.append({"fields": sorted(form), **texts})
        return JSONResponse(example.verdict())

    async def list_keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [preview_keys.keys()[0] | {"pin_tries_left": 9}]})

    async def nothing(self, request: Request) -> Response:
        self.preview.requests.append({"path": request.url.path})
        return Response(status_code=204)


def make_app(preview: Preview) -> Starlette:
    """The pretended server."""
    pretence = Pretence(preview)
    return Starlette(
        middleware=[Middleware(SecurityHeaders, https=False)],
        routes=[
            Mount("/static", StaticFiles(directory=STATIC)),
            *(Route(f"/api/documents/{{name}}/{kind}", pretence.content) for kind in ("content", "signed")),
            Route("/api/keys", pretence.list_keys),
            Route("/api/officer/people", pretence.people, methods=["GET"]),
            Route("/api/documents/{name}", pretence.nothing, methods=["DELETE"]),
            *(Route(path, getattr(pretence, name), methods=["POST"]) for path, name in POSTS.items()),
            Route("/{path:path}", pretence.page),
        ],
    )


def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8719
    uvicorn.run(make_app(Preview(example.contract(), port)), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
