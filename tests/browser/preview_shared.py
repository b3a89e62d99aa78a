"""Example acts of several people, and the pages that show them."""

from dataclasses import replace
from typing import Any

from preview_data import DAY, NOW

from natsuin.web.shared_acts import ArchiveView

ARCHIVE = ArchiveView(
    archive_id="4f1c9a7be2d84e5f9a0b1c2d3e4f5a6b",
    key_id="k1",
    user_id="u1",
    owner="山田 太郎",
    copy=1,
    state="kept",
    sha256="5b6cdd0f7e3b0a9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
    officers=("佐藤 花子", "鈴木 一郎"),
    created_at=NOW - 12 * DAY,
    here=True,
)
SERIAL = "5d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69788796"
BOARD = {
    "officers": [
        {
            "user_id": "o1",
            "display_name": "佐藤 花子",
            "roles": ["registration-officer", "security-officer"],
            "since": NOW,
        }
    ],
    "waiting": [],
    "stops": [],
    "all_stopped": False,
    "revocations": [
        {
            "serial": SERIAL,
            "key_id": "k1",
            "issuer": "CN=Outside CA,O=例示認証株式会社,C=JP",
            "reason": "keyCompromise",
            "revoked_at": NOW - DAY,
        }
    ],
}
TOLD = {"act": "revocation-told", "user_id": "", "name": "", "one": None, "serial": SERIAL}
COLLEAGUES = ({"user_id": "o2", "display_name": "鈴木 一郎"}, {"user_id": "o3", "display_name": "高橋 次郎"})


def waiting(kind: str, *, mine: bool) -> dict[str, Any]:
    """An act that waits for somebody."""
    return {
        "act_id": f"w-{kind}-{'mine' if mine else 'theirs'}",
        "kind": kind,
        "key_id": "" if kind == "archive" else "k1",
        "user_id": "" if kind == "archive" else "u1",
        "owner": "" if kind == "archive" else "山田 太郎",
        "officers": ("佐藤 花子", "鈴木 一郎"),
        "approved_by": ("佐藤 花子",),
        "waiting_for": ("鈴木 一郎",) if mine else ("山田 太郎",),
        "mine": mine,
        "expires_at": NOW + DAY,
    }


def shared_pages(query: Any, key: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The pages, of officers and of the owner."""
    ended = replace(ARCHIVE, archive_id="0" * 32, state="ended", copy=2, here=False)
    superseded = replace(ended, state="superseded", copy=3)
    lists = {
        "waiting": [waiting("restore", mine=True), waiting("import", mine=False), waiting("archive", mine=False)],
        "archives": [ARCHIVE, ended, superseded],
        "following": "f",
        "first": True,
        "key_id": query.get("key", ""),
        "times": {"backup_at": NOW - DAY, "rehearsal_at": 0, "overdue": True, "longest_days": 90},
    }
    about = {"key": None, "archive": None, "one": None, "colleagues": COLLEAGUES, "takes_imports": True}
    about["most_bytes"] = 262144
    pages: dict[str, tuple[str, dict[str, Any]]] = {
        "/officer/archives": ("officer_archives", lists),
        "/officer/archives/new": ("officer_act", about | {"mode": "archive", "key": key}),
        "/officer/archives/a1": ("officer_act", about | {"mode": "restore", "archive": ARCHIVE}),
        "/officer/archives/alone": ("officer_act", about | {"mode": "archive", "colleagues": ()}),
        "/officer/keys/k1/import": ("officer_act", about | {"mode": "import", "key": key}),
        "/officer/keys/off/import": ("officer_act", about | {"mode": "import", "key": key, "takes_imports": False}),
        "/officer/waiting/mine": ("officer_act", about | {"mode": "review", "one": waiting("restore", mine=True)}),
        "/officer/waiting/theirs": ("officer_act", about | {"mode": "review", "one": waiting("import", mine=False)}),
        "/officer/officers": ("officers", BOARD),
        "/officer/officers/new": ("officer_decision", TOLD),
        "/waiting/restore": ("owner_act", {"one": waiting("restore", mine=True)}),
        "/waiting/import": ("owner_act", {"one": waiting("import", mine=True)}),
    }
    return pages


PATHS = (
    "/officer/archives",
    "/officer/archives/new",
    "/officer/archives/a1",
    "/officer/archives/alone",
    "/officer/keys/k1/import",
    "/officer/keys/off/import",
    "/officer/waiting/mine",
    "/officer/waiting/theirs",
    "/officer/officers",
    "/officer/officers/new",
    "/waiting/restore",
    "/waiting/import",
)
