"""Every sentence of a verdict, in English and Japanese, by code. Braces are filled in by `line`."""

from natsuin.validation.report import Line, Status

_GOOD, _BAD, _UNKNOWN = Status.GOOD, Status.BAD, Status.UNKNOWN

_ASK_SIGNER = ("Ask the signer to sign again.", "署名者に、もう一度署名するよう依頼してください。")
_DO_NOT_RELY = (
    "Do not rely on this file; ask the sender for the original.",
    "このファイルを信用せず、送り手に元のファイルを求めてください。",
)
_NONE = ("", "")

_SENTENCES: dict[str, tuple[Status, str, str, tuple[str, str]]] = {
    # integrity
    "intact": (_GOOD, "The signed bytes are unchanged.", "署名された内容は変更されていません。", _NONE),
    "altered": (_BAD, "The signed bytes were changed.", "署名された内容が変更されています。", _DO_NOT_RELY),
    "wrong_signature": (
        _BAD,
        "The signature does not belong to this content and certificate.",
        "署名値がこの内容および証明書に対応していません。",
        _DO_NOT_RELY,
    ),
    "unreadable": (
        _BAD,
        "The signature cannot be read: {detail}.",
        "署名を読み取れません（{detail}）。",
        _DO_NOT_RELY,
    ),
    "weak_algorithm": (
        _BAD,
        "The signature uses {detail}, which no longer protects anything.",
        "安全でない方式（{detail}）が使われています。",
        _ASK_SIGNER,
    ),
    "unsupported": (
        _UNKNOWN,
        "This kind of signature ({detail}) is not supported here.",
        "この形式の署名（{detail}）には対応していません。",
        ("Check it with the program of the signer.", "署名者の使ったソフトウェアで確認してください。"),
    ),
    "integrity_not_checked": (_UNKNOWN, "Not checked.", "確認していません。", _NONE),
    # coverage
    "covers_everything": (
        _GOOD,
        "The signature covers the whole file.",
        "署名はファイル全体を対象としています。",
        _NONE,
    ),
    "covers_with_evidence": (
        _GOOD,
        "The signature covers everything; only time-stamps or validation data were added later.",
        "署名は全体を対象としており、後から追加されたのは検証情報またはタイムスタンプだけです。",
        _NONE,
    ),
    "covers_with_signatures": (
        _GOOD,
        "The signature covers everything; only further signatures were added later.",
        "署名は全体を対象としており、後から追加されたのは別の署名だけです。",
        _NONE,
    ),
    "permitted_changes": (
        _UNKNOWN,
        "After signing, changes were made of a kind that the author permitted (form filling).",
        "署名の後に、作成者が許可した種類の変更（フォーム入力）が加えられています。",
        ("Compare with the signed version.", "署名時の版と見比べてください。"),
    ),
    "changed_later": (
        _BAD,
        "The document was changed after it was signed.",
        "署名の後に文書が変更されています。",
        _DO_NOT_RELY,
    ),
    "forbidden_changes": (
        _BAD,
        "The document was changed after signing although the signature forbids it.",
        "署名で禁止されている変更が署名の後に加えられています。",
        _DO_NOT_RELY,
    ),
    "gap": (
        _BAD,
        "The signature leaves out parts of the file: {detail}.",
        "署名の対象になっていない部分があります（{detail}）。",
        _DO_NOT_RELY,
    ),
    "bytes_outside": (
        _BAD,
        "There are bytes after the end of what was signed.",
        "署名の対象の後ろに余分なデータがあります。",
        _DO_NOT_RELY,
    ),
    "coverage_not_checked": (_UNKNOWN, "Not checked.", "確認していません。", _NONE),
    # trust
    "trusted": (
        _GOOD,
        "The certificate of {signer} leads to a root that you trust.",
        "{signer} の証明書は、信頼するルート証明書まで確認できました。",
        _NONE,
    ),
    "no_roots": (
        _UNKNOWN,
        "No trusted root was given, so it is not known whether the certificate of {signer} is genuine.",
        "信頼するルート証明書が指定されていないため、{signer} の証明書が本物かどうか分かりません。",
        ("Give the root with --trust.", "ルート証明書を --trust で指定してください。"),
    ),
    "untrusted": (
        _UNKNOWN,
        "The certificate of {signer} does not lead to a root that you trust.",
        "{signer} の証明書は、信頼するルート証明書につながりません。",
        (
            "If you know the issuer ({issuer}), add its root to the trusted ones.",
            "発行者（{issuer}）を信頼できる場合は、そのルート証明書を追加してください。",
        ),
    ),
    "revoked": (
        _BAD,
        "The certificate of {signer} was revoked before the signature was made.",
        "{signer} の証明書は、署名の前に失効しています。",
        _ASK_SIGNER,
    ),
    "expired": (
        _BAD,
        "The certificate of {signer} was not valid at the time of signing.",
        "{signer} の証明書は、署名時に有効ではありませんでした。",
        _ASK_SIGNER,
    ),
    "expired_since": (
        _UNKNOWN,
        "The certificate of {signer} is not valid now, and no time-stamp proves that it was when signing.",
        "{signer} の証明書は現在有効ではなく、署名時に有効だったことを示すタイムスタンプがありません。",
        ("Ask for a copy with a time-stamp.", "タイムスタンプ付きのファイルを求めてください。"),
    ),
    "wrong_usage": (
        _BAD,
        "The certificate of {signer} is not meant for signing documents.",
        "{signer} の証明書は文書の署名用ではありません。",
        _ASK_SIGNER,
    ),
    "bad_path": (
        _BAD,
        "The certificate of {signer} fails the checks of its chain.",
        "{signer} の証明書の連鎖に問題があります。",
        _DO_NOT_RELY,
    ),
    "trust_not_checked": (_UNKNOWN, "Not checked.", "確認していません。", _NONE),
    # revocation
    "not_revoked": (
        _GOOD,
        "The certificate of {signer} was not revoked, by the lists of all authorities above it.",
        "{signer} の証明書は失効していません（上位のすべての認証局の失効リストで確認）。",
        _NONE,
    ),
    "revocation_not_checked": (
        _UNKNOWN,
        "Whether the certificate of {signer} was revoked was not checked: there is no revocation list for it here.",
        "{signer} の証明書が失効していないかは確認していません。失効リストがありません。",
        (
            "Where it matters, get the revocation list of the issuer ({issuer}) and give it, or ask the issuer.",
            "必要な場合は、発行者（{issuer}）の失効リストを入手して指定するか、発行者に確認してください。",
        ),
    ),
    "revocation_without_trust": (
        _UNKNOWN,
        "Not checked, because the certificate does not lead to a root that you trust.",
        "証明書が信頼するルート証明書につながらないため、確認していません。",
        _NONE,
    ),
    # time
    "time_stamped": (
        _GOOD,
        "A trusted time-stamp proves that it was signed before {time}.",
        "信頼できるタイムスタンプにより、{time} より前に署名されたことが証明されています。",
        _NONE,
    ),
    "time_claimed": (
        _UNKNOWN,
        "There is no time-stamp; the time {time} is only what the signer's side wrote.",
        "タイムスタンプがなく、時刻 {time} は署名側の申告です。",
        ("Where the time matters, ask for a time-stamp.", "時刻が重要な場合は、タイムスタンプを求めてください。"),
    ),
    "time_unknown": (
        _UNKNOWN,
        "There is no time-stamp and no time.",
        "タイムスタンプも時刻もありません。",
        ("Where the time matters, ask for a time-stamp.", "時刻が重要な場合は、タイムスタンプを求めてください。"),
    ),
    "time_stamp_untrusted": (
        _UNKNOWN,
        "There is a time-stamp of {time} by {signer}, which you do not trust.",
        "{time} のタイムスタンプがありますが、発行元（{signer}）を信頼できるか分かりません。",
        (
            "Give the root of the time-stamp authority with --trust.",
            "タイムスタンプ局のルート証明書を --trust で指定してください。",
        ),
    ),
    "time_stamp_bad": (
        _BAD,
        "The time-stamp does not belong to this signature or was changed.",
        "タイムスタンプがこの署名のものではないか、変更されています。",
        _DO_NOT_RELY,
    ),
    "time_not_checked": (_UNKNOWN, "Not checked.", "確認していません。", _NONE),
    # log
    "logged": (
        _GOOD,
        "The signing log {origin} holds this signature as entry {index}.",
        "署名生成ログ {origin} の {index} 番に、この署名が記録されています。",
        _NONE,
    ),
    "no_receipt": (
        _UNKNOWN,
        "No receipt was given, so the signing log was not checked.",
        "受領証がないため、署名生成ログは確認していません。",
        (
            "Give the receipt (.tlog-proof) and the log's key.",
            "受領証（.tlog-proof）とログの公開鍵を指定してください。",
        ),
    ),
    "no_log_key": (
        _UNKNOWN,
        "A receipt was given, but not the log's key.",
        "受領証はありますが、ログの公開鍵が指定されていません。",
        ("Give the log's key with --log-vkey.", "ログの公開鍵を --log-vkey で指定してください。"),
    ),
    "bad_receipt": (
        _BAD,
        "The receipt does not verify with the log's key.",
        "受領証がログの公開鍵で検証できません。",
        (
            "Get the receipt and the log's key again from the service.",
            "受領証とログの公開鍵をサービスから入手し直してください。",
        ),
    ),
    "other_receipt": (
        _BAD,
        "The receipt is for another signature.",
        "受領証は別の署名のものです。",
        ("Get the receipt of this document.", "この文書の受領証を入手してください。"),
    ),
    "receipt_of_other_field": (
        _UNKNOWN,
        "The receipt is for another signature of this document.",
        "受領証はこの文書の別の署名のものです。",
        _NONE,
    ),
    # summary
    "valid": (_GOOD, "The document is validly signed.", "この文書の署名は有効です。", _NONE),
    "valid_unless_revoked": (
        _GOOD,
        "The document is validly signed, provided that the certificate was not revoked, which was not checked.",
        "証明書が失効していなければ、この文書の署名は有効です。失効は確認していません。",
        (
            "See the line about revocation for how to check it.",
            "失効の確認方法は「失効」の項目を見てください。",
        ),
    ),
    "not_valid": (_BAD, "The document is NOT validly signed.", "この文書の署名は有効ではありません。", _DO_NOT_RELY),
    "cannot_tell": (
        _UNKNOWN,
        "It cannot be told whether the document is validly signed.",
        "この文書の署名が有効かどうか判断できません。",
        (
            "Follow the next step of the lines marked unknown.",
            "「不明」となっている項目の次の手順に従ってください。",
        ),
    ),
    "no_signature": (
        _BAD,
        "The document carries no signature.",
        "この文書には署名がありません。",
        ("Ask the sender for the signed file.", "送り手に署名済みのファイルを求めてください。"),
    ),
}


_DETAILS: dict[str, str] = {
    "it is not a signature": "署名ではありません",
    "its structure is wrong": "構造に誤りがあります",
    "two fields share one signature": "二つの署名欄が同じ署名を指しています",
    "it carries content of its own": "文書とは別の内容を含んでいます",
    "it does not name its certificate": "署名に用いた証明書が示されていません",
    "it has no signed attributes": "署名属性がありません",
    "the byte range is not two ranges": "署名範囲が二つの区間になっていません",
    "the byte range is not made of numbers": "署名範囲が数値ではありません",
    "the byte range does not begin with the file": "署名範囲がファイルの先頭から始まっていません",
    "the byte range does not fit the file": "署名範囲がファイルと合いません",
    "the gap is not a signature": "署名範囲の間にあるものが署名ではありません",
    "the gap holds something else than the signature": "署名範囲の間に署名以外のものがあります",
    "the gap holds more than the signature": "署名範囲の間に余分なデータがあります",
}
"""What may stand for {detail}; other details are names of algorithms and formats, the same in both languages."""


def line(code: str, **values: object) -> Line:
    """The verdict line of `code`, its braces filled with `values`."""
    status, english, japanese, (next_english, next_japanese) = _SENTENCES[code]
    detail = values.get("detail")
    told = {**values, "detail": _DETAILS.get(detail, detail)} if isinstance(detail, str) else values
    return Line(
        status,
        code,
        english.format_map(values),
        japanese.format_map(told),
        next_english.format_map(values),
        next_japanese.format_map(told),
    )


def details() -> frozenset[str]:
    """All faults that a line can name and that have words in both languages."""
    return frozenset(_DETAILS)


def codes() -> frozenset[str]:
    """All codes a line can have."""
    return frozenset(_SENTENCES)
