"""What people are told who replace a lost passkey."""

from natsuin.web.problem_words import Texts, both

REPLACEMENT_TEXTS: dict[str, Texts] = {
    "replacement_unknown": both(
        (
            "このリンクは無効です",
            "このサービスが出したリンクではありません。一部が書き換わったか、別のサービスのものです。",
            "受け取ったリンクをもう一度そのまま開いてください。それでも開けない場合は、登録担当者に連絡してください。",
        ),
        (
            "Link not known",
            "This service made no such link: it was changed on its way, or it belongs to another service.",
            "Open it again exactly as you were given it. If that does not help, tell your registration officer.",
        ),
    ),
    "replacement_over": both(
        (
            "この手続きは終わっています",
            "新しいパスキーの登録は、すでに済んだか、取り消されたか、誤りが続いたため打ち切られました。",
            "登録した覚えがなければ、すぐに登録担当者へ電話してください。続ける場合は、初めからやり直しを依頼してください。",
        ),
        (
            "This is over",
            "The new passkey was registered already, or it was cancelled, or ended after too many wrong tries.",
            "If it was not you who registered, call a registration officer now. Otherwise ask to begin again.",
        ),
    ),
    "replacement_waiting": both(
        (
            "待機期間が終わっていません",
            "新しいパスキーは、待機期間が終わるまで登録できません。",
            "待機期間が終わってから、同じリンクをもう一度開いてください。",
        ),
        (
            "The waiting period is not over",
            "The new passkey cannot be registered before the waiting period ends.",
            "Open the same link again when it is over.",
        ),
    ),
}
