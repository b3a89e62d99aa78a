"""Example keys in every state, with every warning, and the pages that show them."""

from collections import Counter
from typing import Any

import preview_shared
from preview_data import CERTIFICATE, DAY, NOW

ACTS = ("change-pin", "add-passkey", "remove-passkey", "renew", "suspend", "revoke", "destroy")
REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAzCBqQIBADBHMQ==\n-----END CERTIFICATE REQUEST-----\n"


def passkey(number: int, *, signs_in: bool = True) -> dict[str, Any]:
    """A passkey of a key, as My keys shows it."""
    return {
        "credential_id": f"cGFzc2tleS{number}",
        "signs_in": signs_in,
        "added_at": NOW - number * 40 * DAY,
        "synced": number % 2 == 1,
        "last_used_at": NOW - number * DAY,
    }


def key(number: int, state: str, **different: Any) -> dict[str, Any]:
    """One key as its owner's page is given it."""
    usual = {
        "key_id": f"k{number}",
        "user_id": f"u{number}",
        "owner": "山田 太郎",
        "name": "山田 太郎",
        "algorithm": "p-256",
        "state": state,
        "suspended_by": "",
        "one_time": False,
        "origin": "generated",
        "backend": "software",
        "created_at": NOW - number * 30 * DAY,
        "last_used_at": NOW - number * 3_600_000,
        "pin_tries_left": 10,
        "passkey_count": 2,
        "algorithm_last_day": "2030-12-31",
        "certificate": CERTIFICATE,
        "certificate_request": "",
        "passkeys": (passkey(1), passkey(2)),
        "warnings": (),
        "cannot_sign": "",
        "acts": ACTS,
    }
    return usual | different


def warning(kind: str, *, grave: bool = False, days: int = 0, count: int = 0) -> dict[str, Any]:
    """Something to be told of a key."""
    return {"kind": kind, "grave": grave, "days": days, "count": count}


def keys() -> list[dict[str, Any]]:
    """A key in each state, and every warning."""
    low = (warning("pin_tries_low", count=4), warning("certificate_ends", days=21), warning("one_passkey"))
    ended = (warning("certificate_ended", grave=True), warning("algorithm_ended", grave=True))
    more = (warning("pin_locked", grave=True), warning("algorithm_ending"), warning("algorithm_transition"))
    few = tuple(act for act in ACTS if act != "remove-passkey")
    resumable = ("resume", "revoke", "destroy")
    return [
        key(1, "active", algorithm="rsa-3072", pin_tries_left=4, warnings=low, passkeys=(passkey(1),), acts=few),
        key(2, "active", warnings=(*more, warning("algorithm_experimental")), cannot_sign="pin_locked"),
        key(3, "active", warnings=ended, cannot_sign="certificate_ended", backend="pkcs11", origin="imported"),
        key(4, "suspended", suspended_by="owner", cannot_sign="suspended", acts=resumable),
        key(5, "suspended", suspended_by="officer", cannot_sign="suspended", acts=resumable[1:]),
        key(
            6,
            "pre-active",
            certificate=None,
            certificate_request=REQUEST,
            cannot_sign="pre-active",
            acts=("destroy",),
            last_used_at=0,
            warnings=(warning("certificate_awaited"),),
            passkeys=(passkey(2, signs_in=False),),
        ),
        key(7, "revoked", pin_tries_left=0, cannot_sign="revoked", acts=()),
        key(8, "destroyed", pin_tries_left=0, cannot_sign="destroyed", acts=()),
    ]


def for_signing() -> dict[str, Any]:
    """What the page of a document is given of them."""
    return {"keys": keys()[:1], "other_keys": keys()[1:]}


def key_pages(query: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """The pages about keys, of the owner and of an officer."""
    both = [preview_shared.waiting("restore", mine=True), preview_shared.waiting("import", mine=True)]
    algorithms = ("rsa-3072", "p-256", "p-384", "ed25519")
    filters = {"states": ("active", "suspended"), "name": query.get("name", ""), "state": query.get("state", "")}
    rows = {"keys": keys(), "following": "k8", "first": "after" not in query}
    pages: dict[str, tuple[str, dict[str, Any]]] = {
        "/keys": ("keys", {"keys": keys(), "damaged": True, "waiting": both, "copies": Counter({"k1": 2})}),
        "/officer/keys": ("officer_keys", rows | filters),
    }
    for act in (*ACTS, "resume"):
        chosen = passkey(2) if act == "remove-passkey" else None
        context = {"key": keys()[0], "act": act, "passkey": chosen, "key_algorithms": algorithms}
        pages[f"/keys/k1/{act}"] = ("key_act", context)
    for one in keys():
        pages[f"/officer/keys/{one['key_id']}"] = ("officer_key", {"key": one})
    return pages | preview_shared.shared_pages(query, keys()[0])
