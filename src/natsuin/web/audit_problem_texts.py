"""What auditors are told."""

from natsuin.web.problem_words import Texts, both

AUDIT_TEXTS: dict[str, Texts] = {
    "reading_over": both(
        (
            "閲覧が始まっていません",
            "ログの閲覧は、パスキーで始めてから30分間だけできます。時間が過ぎたか、一度の閲覧の上限に達したか、まだ始めていません。",
            "「監査」のページで、パスキーを使ってもう一度閲覧を始めてください。",
        ),
        (
            "No reading is open",
            "The log is read for half an hour after the passkey opened it. That time is over, or has not begun.",
            "Begin a new reading with your passkey on the page Audit.",
        ),
    ),
}
