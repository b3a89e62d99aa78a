"""Example people, documents and keys for looking at the portal's pages without a server behind them."""

import hashlib
import time
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY = 86_400_000
NOW = int(time.time() * 1000)

SERVICE = {"name": "Natsuin 捺印", "origin": "http://localhost", "rp_id": "localhost", "demo": True, "version": "0.1.0"}
_NO_OFFICE = {"is_registrar": False, "is_security_officer": False, "is_administrator": False, "holds_keys": False}
_NOBODY = {**_NO_OFFICE, "is_signer": False, "is_auditor": False}
SIGNER = {**_NOBODY, "user_id": "u1", "display_name": "山田 太郎", "is_signer": True}
OFFICER = {
    **_NOBODY,
    "user_id": "o1",
    "display_name": "登録 花子",
    "is_registrar": True,
    "is_security_officer": True,
    "holds_keys": True,
}

LOG_VKEY = "localhost/log+3a1f09c2+AYb1ZmFrZS1sb2cta2V5LWZvci1wcmV2aWV3LW9ubHkh"
CERTIFICATE = {
    "common_name": "山田 太郎",
    "subject": "CN=山田 太郎, O=例示商事株式会社, C=JP",
    "issuer": "CN=Natsuin Demo Issuing CA, C=JP",
    "serial": "4b1f0c6a2e9d83f7715a0be2d4c9",
    "not_before": NOW - 3 * DAY,
    "not_after": NOW + 362 * DAY,
    "sha256": hashlib.sha256(b"certificate").hexdigest(),
}


ROOT = CERTIFICATE | {
    "common_name": "Natsuin Demo Root CA",
    "subject": "CN=Natsuin Demo Root CA, C=JP",
    "sha256": hashlib.sha256(b"root").hexdigest(),
}


def contract() -> bytes:
    """The repository's example contract: several pages of Japanese text."""
    return (EXAMPLES / "gyomu-itaku-keiyakusho.pdf").read_bytes()


def document(pdf: bytes, pages: list[dict[str, float]], *, state: str = "ready") -> dict[str, Any]:
    """What the page of one document is given."""
    return {
        "id": "d1",
        "name": "業務委託契約書（例示商事・見本工業）.pdf",
        "size": len(pdf),
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "pages": pages,
        "warnings": [],
        "existing_signatures": 0,
        "marks": [],
        "state": state,
        "created_at": NOW - 5 * 60_000,
    }


def rows(example: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the list of documents, in every state."""
    names = [example["name"], "秘密保持契約書 2026-11.pdf", "Purchase order 4711.pdf", "覚書.pdf"]
    states = ["ready", "waiting", "signing", "signed"]
    return [
        {
            "id": f"d{number + 1}" if state != "signed" else "s1",
            "name": name,
            "size": example["size"] * (number + 1),
            "sha256": example["sha256"],
            "page_count": 4 + number,
            "state": state,
            "created_at": NOW - number * DAY,
            "signed_at": NOW if state == "signed" else None,
        }
        for number, (name, state) in enumerate(zip(names, states, strict=True))
    ]


def people() -> list[dict[str, Any]]:
    """One person in each state."""
    states = ["invited", "enrolled", "expired", "proposed"]
    names = ["鈴木 一郎", "山田 太郎", "John Example", "佐藤 さくら"]
    return [
        {
            "user_id": f"u{number}",
            "common_name": name,
            "organization": "例示商事株式会社" if number % 2 == 0 else "",
            "email": f"person{number}@example.jp",
            "state": state,
            "registered_at": NOW - number * DAY,
            "invitation_expires_at": NOW + DAY if state == "invited" else None,
        }
        for number, (name, state) in enumerate(zip(names, states, strict=True))
    ]


def history() -> list[dict[str, Any]]:
    """One entry of each kind that people meet."""
    kinds = [
        *("outcome-signed", "approved", "approval-refused", "secret-refused", "instruction-cancelled", "pin-reset"),
        *("key-suspended", "key-resumed", "key-created", "enrolment-approved"),
    ]
    with_document = {"outcome-signed", "approved", "approval-refused", "instruction-cancelled"}
    return [
        {
            "at": NOW - number * 3_600_000,
            "kind": kind,
            "document_id": "s1" if kind in with_document else None,
            "document_name": "覚書.pdf" if kind in with_document else "",
            "key_id": "k1",
            "log_index": 1200 - 3 * number,
            "reason": {"approval-refused": "wrong_secret", "key-suspended": "requested"}.get(kind, ""),
            "secret": "pin" if kind == "secret-refused" else "",
            "tries_left": 9 if kind == "secret-refused" else None,
        }
        for number, kind in enumerate(kinds)
    ]


def verdict() -> dict[str, Any]:
    """A report with good, bad and unknown lines, as `/api/verify` tells it."""

    def line(aspect: str, status: str, ja: str, en: str, step: tuple[str, str] = ("", "")) -> dict[str, str]:
        words = {"text_ja": ja, "text_en": en, "next_ja": step[0], "next_en": step[1]}
        return words | {"aspect": aspect, "status": status, "code": status}

    step = ("信頼するルート証明書を入れてください。", "Install the root certificate you trust.")
    signature = {
        "field": "Signature1",
        "level": "B-T",
        "signer": "山田 太郎",
        "issuer": "Natsuin Demo Issuing CA",
        "certificate_sha256": CERTIFICATE["sha256"],
        "reason": "契約の締結",
        "signed_at": NOW,
        "claimed_at": NOW - 2000,
        "proven_at": NOW,
        "lines": [
            line("integrity", "good", "署名された内容は変わっていません。", "The signed bytes are unchanged."),
            line("coverage", "bad", "署名の後に内容が加えられました。", "Something was added after the signature."),
            line("trust", "unknown", "証明書の発行者が分かりません。", "The issuer is not known.", step),
            line("revocation", "unknown", "失効していないかは確認していません。", "Revocation was not checked."),
            line("time", "good", "タイムスタンプで確認できました。", "Proved by a time-stamp."),
            line("log", "unknown", "受領証がありません。", "No receipt was given."),
        ],
    }
    return {
        "overall": "cannot_tell",
        "summary": line("", "unknown", "確認できないことがあります。", "Something could not be checked.", step),
        "checked_at": NOW,
        "signatures": [signature],
    }
