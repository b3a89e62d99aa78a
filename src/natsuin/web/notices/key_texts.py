"""The words of notices about keys, Japanese and English. `{name}`, `{origin}` and `{when}` are the service's own."""

from typing import Final

from natsuin.web.notices.texts import NoticeText

USED: Final = "key-used"
REFUSED: Final = "approval-refused"
CLOSED: Final = "secret-closed"
UNTOLD: Final = "use-told-no-more"

_UNKNOWN = {
    "ja": "心当たりがない場合は、ブラウザーで {origin} を開いてサインインし、"
    "「履歴」で確かめ、「自分の鍵」で鍵を一時停止して、"
    "すぐに登録担当者へ電話してください。",
    "en": "If that was not you: open {origin} in your browser, sign in, look at History, suspend the key at My keys, "
    "and call a registration officer now.",
}
_ASK = {
    "ja": "ご自身で行ったものでなく、理由も分からない場合は、登録担当者へお尋ねください。",
    "en": "If you did not do that yourself and do not know why it was done, ask a registration officer.",
}


def _texts(japanese: tuple[str, str], english: tuple[str, str], closing: dict[str, str]) -> dict[str, NoticeText]:
    """Subject and first paragraph in both languages; `closing` says what to do."""
    return {
        "ja": NoticeText(f"【{{name}}】{japanese[0]}", (japanese[1], closing["ja"])),
        "en": NoticeText(f"[{{name}}] {english[0]}", (english[1], closing["en"])),
    }


KEY_TEXTS: Final[dict[str, dict[str, NoticeText]]] = {
    USED: _texts(
        (
            "あなたの鍵で署名しました",
            "{when} に、あなたの承認にもとづき、あなたの鍵で署名しました。何に署名したかは「履歴」に表示されます。",
        ),
        ("Your key signed", "At {when} your key signed what you had approved. History shows what that was."),
        _UNKNOWN,
    ),
    REFUSED: _texts(
        (
            "あなたの鍵の使用が拒否されました",
            "{when} に、誤ったPINもしくはリカバリーコード、または認められないパスキーによる"
            "操作が、あなたの鍵に対して試みられ、拒否されました。"
            "同じ日のそのほかの拒否は、あらためてお知らせしません。",
        ),
        (
            "A use of your key was refused",
            "At {when} somebody tried to use your key with a wrong PIN or recovery code, or with a passkey that did "
            "not approve. It was refused. You are not told again of further ones on the same day.",
        ),
        _UNKNOWN,
    ),
    CLOSED: _texts(
        (
            "PINまたはリカバリーコードが使えなくなりました",
            "{when} に、誤ったPINまたはリカバリーコードが10回入力されたため、それでは鍵を使えなくなりました。"
            "もう一方が残っていれば、「自分の鍵」で新しいPINを設定できます。",
        ),
        (
            "Your PIN or recovery code is closed",
            "At {when} a wrong PIN or recovery code was given for the tenth time, and it opens your key no more. With "
            "the other of the two you can set a new PIN at My keys.",
        ),
        _UNKNOWN,
    ),
    UNTOLD: _texts(
        (
            "鍵の使用のお知らせが止められました",
            "{when} に、鍵の使用ごとのお知らせが、あなたのアカウントで止められました。そのほかのお知らせは続きます。",
        ),
        (
            "You are told of uses of your key no more",
            "At {when} notices of each use of your key were turned off in your account. All others go on.",
        ),
        _UNKNOWN,
    ),
    "passkeys-changed": _texts(
        (
            "鍵のパスキーが変更されました",
            "{when} に、あなたの鍵を承認できるパスキーが追加または削除されました。"
            "今のパスキーは「自分のアカウント」に表示されます。",
        ),
        (
            "The passkeys of your key were changed",
            "At {when} a passkey that approves for your key was added or removed. My account shows those of now.",
        ),
        _UNKNOWN,
    ),
    "pin-changed": _texts(
        ("PINが変更されました", "{when} に、あなたの鍵のPINが変更されました。"),
        ("Your PIN was changed", "At {when} the PIN of your key was changed."),
        _UNKNOWN,
    ),
    "pin-reset": _texts(
        (
            "リカバリーコードが使われました",
            "{when} に、あなたの鍵のリカバリーコードが使われ、新しいPINと新しいリカバリーコードが設定されました。",
        ),
        (
            "Your recovery code was used",
            "At {when} the recovery code of your key was used, and a new PIN and a new recovery code were set.",
        ),
        _UNKNOWN,
    ),
    "key-created": _texts(
        ("新しい鍵が作られました", "{when} に、あなたの名前で新しい鍵が作られました。「自分の鍵」に表示されます。"),
        ("A new key was made for you", "At {when} a new key was made in your name. My keys shows it."),
        _UNKNOWN,
    ),
    "key-imported": _texts(
        ("鍵が取り込まれました", "{when} に、認証局から届いた鍵が、あなたの鍵として取り込まれました。"),
        ("A key was imported for you", "At {when} a key that came from an authority was taken in as one of yours."),
        _UNKNOWN,
    ),
    "key-suspended": _texts(
        (
            "鍵が一時停止されました",
            "{when} に、あなたの鍵が一時停止されました。再開するまで署名できません。理由は「自分の鍵」に表示されます。",
        ),
        (
            "Your key was suspended",
            "At {when} your key was suspended. Until it is resumed it signs nothing. My keys says by whom.",
        ),
        _ASK,
    ),
    "key-resumed": _texts(
        ("鍵が再開されました", "{when} に、一時停止していたあなたの鍵が再開されました。"),
        ("Your key was resumed", "At {when} your suspended key was resumed, and can sign again."),
        _UNKNOWN,
    ),
    "key-revoked": _texts(
        ("証明書が失効しました", "{when} に、あなたの鍵の証明書が失効しました。その鍵ではもう署名できません。"),
        ("Your certificate was revoked", "At {when} the certificate of your key was revoked. The key signs no more."),
        _ASK,
    ),
    "key-destroyed": _texts(
        ("鍵が破棄されました", "{when} に、あなたの鍵が破棄されました。元に戻すことはできません。"),
        ("Your key was destroyed", "At {when} your key was destroyed. It cannot be brought back."),
        _ASK,
    ),
    "key-archived": _texts(
        (
            "鍵の控えが作られました",
            "{when} に、二人の担当者が、あなたの鍵の暗号化された控えを作りました。"
            "あなたのPINなしに開くことはできません。",
        ),
        (
            "A copy of your key was made",
            "At {when} two officers had an encrypted copy of your key made. It does not open without your PIN.",
        ),
        _ASK,
    ),
    "key-restored": _texts(
        (
            "鍵が控えから復元されました",
            "{when} に、二人の担当者とあなたの承認にもとづき、失われたあなたの鍵が控えから復元されました。",
        ),
        (
            "Your key was restored from a copy",
            "At {when} your lost key was restored from a copy, as two officers and you had approved.",
        ),
        _UNKNOWN,
    ),
}

TOLD_AS: Final[dict[str, str]] = {
    **{event: event for event in KEY_TEXTS if event not in (USED, REFUSED, CLOSED, UNTOLD)},
    "secret-refused": REFUSED,
    "approval-refused": REFUSED,
    "key-act-refused": REFUSED,
    "pin-reset-refused": REFUSED,
}
"""By type of entry, which notice tells of it."""
