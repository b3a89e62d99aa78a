"""Example people: who was found, and one record with its history."""

from typing import Any

import preview_keys
from preview_data import DAY, NOW


def people() -> list[dict[str, Any]]:
    """Two who were found."""
    return [person(1, "山田 太郎", "ヤマダ タロウ"), person(2, "山田 花子", "ヤマダ ハナコ", state="invited")]


def person(number: int, name: str, kana: str, **different: Any) -> dict[str, Any]:
    """One record."""
    usual = {
        "user_id": f"u{number}",
        "common_name": name,
        "name_kana": kana,
        "name_romanised": "Yamada Taro",
        "job_title": "経理部長",
        "email": f"person{number}@example.jp",
        "country": "JP",
        "organization": "例示商事株式会社",
        "state": "enrolled",
        "evidence_kind": "my-number-card",
        "evidence_reference": "台帳 2026-118",
        "evidence_level": 3,
        "checked_at": NOW - 3 * DAY,
        "proposed_at": NOW - 3 * DAY,
    }
    return usual | different


def event(kind: str, days: int, by: str, source: str, **changes: tuple[str, str]) -> dict[str, Any]:
    """One line of a history."""
    return {
        "at": NOW - days * DAY,
        "kind": kind,
        "by_user_id": "o1",
        "by_name": by,
        "source": source,
        "changes": changes,
    }


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """The pages, by path."""
    history = [
        event(
            "corrected",
            1,
            "登録 花子",
            "page",
            name_kana=("ヤマタ タロウ", "ヤマダ タロウ"),
            job_title=("", "経理部長"),
        ),
        event("enrolled", 2, "山田 太郎", "invitation"),
        event("invited", 3, "登録 花子", "9f2c44d0a1b2c3d4e5f6"),
        event("proposed", 3, "登録 花子", "9f2c44d0a1b2c3d4e5f6"),
    ]
    shown = {
        "person": people()[0],
        "checked_by": "登録 花子",
        "history": history,
        "keys": preview_keys.keys()[:2],
        "correctable": ("name_kana", "name_romanised", "job_title"),
    }
    return {
        "/officer/people-file": ("people_file", {"most_lines": 1000}),
        "/officer/people": ("people", {"words": "山田", "people": people(), "complete": False}),
        "/officer/people/u1": ("person", shown),
    }
