"""The words of notices about lost passkeys, Japanese and English. `{name}`, `{origin}` and `{when}` are the service's
own."""

from dataclasses import dataclass

BEGUN = "replacement-begun"
READY = "replacement-ready"
COMPLETED = "replacement-completed"
CANCELLED = "replacement-cancelled"


@dataclass(frozen=True)
class NoticeText:
    """Subject and paragraphs in one language."""

    subject: str
    paragraphs: tuple[str, ...]


CLOSING = {
    "ja": "このお知らせには、何かを実行するリンクはありません。"
    "PINやリカバリーコードを、メールや電話でお尋ねすることは決してありません。",
    "en": "This notice holds no link that does anything. Nobody of this service ever asks for your PIN or recovery "
    "code by mail or telephone.",
}

TEXTS: dict[str, dict[str, NoticeText]] = {
    BEGUN: {
        "ja": NoticeText(
            "【{name}】新しいパスキーの登録が承認されました",
            (
                "パスキーをすべて失くされたとの届け出により、二人の登録担当者が、あなたの新しいパスキーの登録を承認しました。"
                "新しいパスキーは {when} 以降に登録できます。",
                "お届けになったのがあなた自身であれば、それまで何もする必要はありません。",
                "心当たりがない場合は、ブラウザーで {origin} を開き、お手元のパスキーでサインインして、"
                "どのページにも表示されるお知らせから取り消してください。サインインできない場合は、すぐに登録担当者へ電話してください。",
            ),
        ),
        "en": NoticeText(
            "[{name}] A new passkey was approved for you",
            (
                "Two registration officers approved that you get a new passkey, because all of yours were reported "
                "lost. It can be registered from {when}.",
                "If that was you, there is nothing to do until then.",
                "If it was not you: open {origin} in your browser, sign in with your passkey, and cancel it by the "
                "notice that every page shows. If you cannot sign in, call a registration officer now.",
            ),
        ),
    },
    READY: {
        "ja": NoticeText(
            "【{name}】新しいパスキーを登録できます",
            (
                "待機期間が終わりました。登録担当者から受け取った一度きりのリンクで、"
                "{when} までに新しいパスキーを登録してください。"
                "鍵を引き継ぐには、鍵のPINまたはリカバリーコードが必要です。",
                "心当たりがない場合は、ブラウザーで {origin} を開き、お手元のパスキーでサインインして取り消すか、"
                "すぐに登録担当者へ電話してください。",
            ),
        ),
        "en": NoticeText(
            "[{name}] You can register your new passkey",
            (
                "The waiting period is over. Register your new passkey before {when}, by the one-time link that a "
                "registration officer handed you. To keep your key you need its PIN or its recovery code.",
                "If you did not ask for this: open {origin} in your browser, sign in with your passkey and cancel it, "
                "or call a registration officer now.",
            ),
        ),
    },
    COMPLETED: {
        "ja": NoticeText(
            "【{name}】新しいパスキーが登録されました",
            (
                "{when} に新しいパスキーが登録され、これまでのパスキーはすべて使えなくなりました。"
                "あなたの名前でのサインインもすべて終了しました。",
                "心当たりがない場合は、すぐに登録担当者へ電話し、鍵を失効させてください。",
            ),
        ),
        "en": NoticeText(
            "[{name}] A new passkey was registered for you",
            (
                "At {when} a new passkey was registered. All earlier ones sign in and approve nothing any more, and "
                "everybody who was signed in as you was signed out.",
                "If that was not you, call a registration officer now and have your key revoked.",
            ),
        ),
    },
    CANCELLED: {
        "ja": NoticeText(
            "【{name}】新しいパスキーの登録が取り消されました",
            (
                "{when} に取り消されました。これまでのパスキーと鍵に変わりはありません。",
                "ご自身が届け出たもので、取り消した覚えがない場合は、登録担当者へお尋ねください。",
            ),
        ),
        "en": NoticeText(
            "[{name}] Your new passkey was cancelled",
            (
                "It was cancelled at {when}. Your passkeys and your keys are as they were.",
                "If you had asked for it and did not cancel it yourself, ask a registration officer who did, and why.",
            ),
        ),
    },
}
