"""What people are told about each kind of error: the title, the cause and the next step, in Japanese and English."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """One problem in one language."""

    title: str
    detail: str
    hint: str


@dataclass(frozen=True)
class Texts:
    """One problem in both languages."""

    ja: Text
    en: Text


def _both(ja: tuple[str, str, str], en: tuple[str, str, str]) -> Texts:
    return Texts(Text(*ja), Text(*en))


TEXTS: dict[str, Texts] = {
    "error": _both(
        (
            "内部エラー",
            "サーバーで予期しないことが起きました。",
            "時間をおいてもう一度お試しください。続く場合は、画面の要求番号を添えて管理者にお知らせください。",
        ),
        (
            "Internal error",
            "Something unexpected happened on the server.",
            "Try again later. If it goes on, tell the administrator the request number.",
        ),
    ),
    "refused": _both(
        ("受け付けられません", "規則により、この操作は受け付けられません。", "内容を確かめてください。"),
        ("Refused", "A rule does not allow this.", "Check what you entered."),
    ),
    "malformed": _both(
        ("入力に誤りがあります", "送られた内容を読み取れませんでした。", "入力を確かめて、もう一度お試しください。"),
        ("Input not understood", "What was sent could not be read.", "Check the input and try again."),
    ),
    "not_found": _both(
        ("見つかりません", "存在しないか、あなたのものではありません。", "一覧に戻って選び直してください。"),
        ("Not found", "It does not exist, or it is not yours.", "Go back to the list and choose again."),
    ),
    "unauthenticated": _both(
        (
            "サインインが必要です",
            "サインインしていないか、サインインの有効時間が過ぎました。",
            "パスキーでサインインしてください。",
        ),
        ("Sign in first", "You are not signed in, or your sign-in has run out.", "Sign in with your passkey."),
    ),
    "forbidden": _both(
        ("権限がありません", "この操作はあなたの役割では行えません。", "必要な場合は管理者にご相談ください。"),
        ("Not allowed", "Your role does not allow this.", "Ask the administrator if you need it."),
    ),
    "approval_refused": _both(
        (
            "承認を確認できません",
            "パスキーによる承認が、この内容を承認したものと確認できませんでした。何も署名されていません。",
            "画面を読み直し、この鍵に登録したパスキーでもう一度承認してください。",
        ),
        (
            "Approval not accepted",
            "The passkey's answer does not prove that you approved this. Nothing was signed.",
            "Reload the page and approve again with the passkey registered for this key.",
        ),
    ),
    "wrong_secret": _both(
        (
            "PINが違います",
            "PINまたはリカバリーコードが正しくありません。何も署名されていません。",
            "もう一度入力してください。続けて間違えると鍵は使えなくなります。",
        ),
        (
            "Wrong PIN",
            "The PIN or the recovery code is not right. Nothing was signed.",
            "Enter it again. After too many failures the key is closed.",
        ),
    ),
    "locked": _both(
        ("ロックされています", "間違いが続きました。", "リカバリーコードで新しいPINを設定してください。"),
        ("Locked", "It is closed after too many failures.", "Set a new PIN with your recovery code."),
    ),
    "expired": _both(
        (
            "期限切れです",
            "有効期限が過ぎました。",
            "はじめからやり直してください。招待の場合は、登録担当者に新しい招待を依頼してください。",
        ),
        ("Expired", "Its time is over.", "Start again. For an invitation, ask the registration officer for a new one."),
    ),
    "already_used": _both(
        (
            "使用済みです",
            "一度だけ使えるもので、すでに使われています。",
            "心当たりがない場合は、すぐに管理者にお知らせください。",
        ),
        (
            "Already used",
            "It was good for one use, which is past.",
            "If that was not you, tell the administrator at once.",
        ),
    ),
    "conflict": _both(
        (
            "今の状態では行えません",
            "今の状態では、この操作を受け付けられません。",
            "画面を読み直して、状態を確かめてください。",
        ),
        (
            "Not possible now",
            "The present state does not allow this.",
            "Reload the page and look at the present state.",
        ),
    ),
    "too_large": _both(
        ("大きすぎます", "受け付けられる大きさを超えています。", "小さくするか、分けてください。"),
        ("Too large", "This is above the limit.", "Make it smaller or split it."),
    ),
    "tampered": _both(
        (
            "記録が一致しません",
            "保存された記録が改ざんされているおそれがあるため、使用を止めました。",
            "管理者にお知らせください。",
        ),
        (
            "Record does not match",
            "A stored record does not carry its seal, so it is not used.",
            "Tell the administrator.",
        ),
    ),
    "unavailable": _both(
        (
            "一時的に利用できません",
            "サービスの一部が応答していません。何も失われていません。",
            "しばらくしてからもう一度お試しください。",
        ),
        ("Not available now", "A part of the service does not answer. Nothing is lost.", "Try again after a while."),
    ),
    "busy": _both(
        ("混み合っています", "今、要求が多すぎます。", "少し待ってからもう一度お試しください。"),
        ("Busy", "There are too many requests at this moment.", "Wait a little and try again."),
    ),
    "indeterminate": _both(
        (
            "結果を確認できません",
            "応答が時間内に届かなかったため、結果がわかりません。",
            "同じ操作をもう一度行ってください。二重に署名されることはありません。",
        ),
        (
            "Result unknown",
            "The answer did not come in time, so the result is unknown.",
            "Do the same again. Nothing is ever signed twice.",
        ),
    ),
    "storage_failed": _both(
        (
            "保存できません",
            "記録を確実に保存できなかったため、処理を止めました。署名は渡されていません。",
            "管理者にお知らせください。",
        ),
        (
            "Could not be stored",
            "The record could not be stored for certain, so nothing was done.",
            "Tell the administrator.",
        ),
    ),
    "sign_in_failed": _both(
        (
            "サインインできません",
            "パスキーを確認できませんでした。",
            "このサービスに登録したパスキーを選んで、もう一度お試しください。",
        ),
        (
            "Sign-in failed",
            "The sign-in could not be verified.",
            "Choose the passkey you registered with this service and try again.",
        ),
    ),
    "too_many_attempts": _both(
        (
            "試行が多すぎます",
            "短い時間に何度も試されたため、しばらく受け付けません。",
            "少し待ってからもう一度お試しください。",
        ),
        ("Too many attempts", "There were too many attempts in a short time.", "Wait a little and try again."),
    ),
    "unsupported_media_type": _both(
        (
            "データの種類が違います",
            "この宛先が受け付ける種類のデータではありません。",
            "Content-Typeを確かめてください。",
        ),
        ("Wrong kind of data", "This address does not take this kind of data.", "Check the Content-Type."),
    ),
    "method_not_allowed": _both(
        ("この方法では使えません", "この宛先では、その操作はできません。", "方法（GET、POSTなど）を確かめてください。"),
        ("Method not allowed", "This address does not do that.", "Check the method (GET, POST and so on)."),
    ),
    "request_timeout": _both(
        ("送信が途中で止まりました", "データの残りが届きませんでした。", "接続を確かめて、もう一度お試しください。"),
        ("The request stopped", "The rest of the request did not come.", "Check the connection and try again."),
    ),
    "wrong_host": _both(
        (
            "宛先のホスト名が違います",
            "このサービスの正しいアドレスではありません。",
            "案内された正式なアドレスから開いてください。",
        ),
        ("Wrong host name", "This is not the address of this service.", "Open the service by its own address."),
    ),
    "foreign_request": _both(
        (
            "このサイトからの要求ではありません",
            "要求が、このサービスの画面から送られたものと確認できませんでした。",
            "画面を読み直して、もう一度お試しください。",
        ),
        (
            "Request from elsewhere",
            "The request does not come from a page of this service.",
            "Reload the page and try again.",
        ),
    ),
    "storage_quota": _both(
        (
            "保存できる容量を超えます",
            "あなたの文書の合計が、保存できる容量を超えます。",
            "不要な文書を削除してから、もう一度お試しください。",
        ),
        (
            "Your storage is full",
            "Your documents together would be above the limit.",
            "Delete documents you no longer need and try again.",
        ),
    ),
    "not_a_pdf": _both(
        ("PDFではありません", "このファイルはPDFとして読み取れません。", "PDFファイルを選んでください。"),
        ("Not a PDF", "This file is not a PDF.", "Choose a PDF file."),
    ),
    "encrypted_document": _both(
        (
            "暗号化されたPDFです",
            "パスワードなどで保護されたPDFには署名できません。",
            "保護を解いたPDFを作り、それを選んでください。",
        ),
        (
            "Encrypted PDF",
            "A PDF protected by a password cannot be signed.",
            "Save the PDF without protection and choose that file.",
        ),
    ),
    "broken_document": _both(
        (
            "PDFが壊れています",
            "PDFの構造に誤りがあり、安全に署名できません。",
            "作成元のソフトウェアでPDFを作り直してください。",
        ),
        (
            "Broken PDF",
            "The structure of this PDF is damaged, so it cannot be signed safely.",
            "Make the PDF again with the software it came from.",
        ),
    ),
    "document_timeout": _both(
        (
            "処理しきれないPDFです",
            "このPDFの処理には、通常の文書よりはるかに多くの時間またはメモリーが必要です。",
            "作成元のソフトウェアでPDFを作り直すか、分けてください。",
        ),
        (
            "PDF too demanding",
            "Working on this PDF takes more time or memory than any ordinary document needs.",
            "Make the PDF again with the software it came from, or split it.",
        ),
    ),
    "changes_forbidden": _both(
        (
            "このPDFには署名を追加できません",
            "既存の署名が変更を禁じており、追加するとその署名が無効になります。",
            "文書の作成者に確かめてください。",
        ),
        (
            "No signature may be added",
            "An earlier signature of this document forbids changes and would become invalid.",
            "Ask the author of the document.",
        ),
    ),
    "placement_refused": _both(
        (
            "印影の位置が正しくありません",
            "指定されたページがないか、印影がページの外に出ています。",
            "ページの中に置き直してください。",
        ),
        (
            "The mark does not fit there",
            "There is no such page, or the mark would lie outside of it.",
            "Place the mark within the page.",
        ),
    ),
    "missing_characters": _both(
        (
            "表示できない文字があります",
            "印影の書体にない文字が含まれています。",
            "印影なしで署名するか、別の表記にしてください。",
        ),
        (
            "Characters that cannot be drawn",
            "The font of the seal mark has no shape for some characters.",
            "Sign without a visible mark, or use another spelling.",
        ),
    ),
    "certificate_refused": _both(
        (
            "証明書が有効ではありません",
            "この鍵の証明書は、現在有効ではありません。",
            "「自分の鍵」で状態を確かめてください。",
        ),
        (
            "Certificate not valid",
            "The certificate of this key is not valid now.",
            "Look at its state under My keys.",
        ),
    ),
    "certificate_unusable": _both(
        (
            "証明書を使用できません",
            "この鍵の証明書は、この署名には使えません。",
            "「自分の鍵」から別の鍵を選んでください。",
        ),
        (
            "Certificate not usable",
            "The certificate of this key cannot be used for this signature.",
            "Choose another one of your keys.",
        ),
    ),
    "signature_mismatch": _both(
        (
            "署名が文書と一致しません",
            "署名値が文書と一致しないため、文書に埋め込みませんでした。",
            "管理者にお知らせください。",
        ),
        (
            "Signature does not match",
            "The signature does not verify for this document, so it was not embedded.",
            "Tell the administrator.",
        ),
    ),
    "time_stamp_failed": _both(
        (
            "タイムスタンプを取得できません",
            "署名は保存されていますが、タイムスタンプがまだ付いていません。署名が失われることはありません。",
            "しばらくしてから文書を開き、完了してください。PINの入力は要りません。",
        ),
        (
            "No time-stamp yet",
            "Your signature is kept safe, but has no time-stamp yet.",
            "Open the document again later and finish it; no PIN is needed.",
        ),
    ),
    "weak_pin": _both(
        (
            "PINが弱すぎます",
            "このPINは推測されやすいため使えません。",
            "6文字以上で、連番や同じ文字の繰り返しでないものにしてください。",
        ),
        (
            "PIN too weak",
            "This PIN is too easy to guess.",
            "Choose at least 6 characters that are no row and no repetition.",
        ),
    ),
    "algorithm_refused": _both(
        (
            "使用できない方式です",
            "この鍵または署名方式は、今は使用が認められていません。",
            "別の方式を選んでください。",
        ),
        ("Algorithm not allowed", "This kind of key or signature is not allowed today.", "Choose another one."),
    ),
    "not_approved": _both(
        (
            "承認されていない内容です",
            "承認された一覧にないものは署名できません。",
            "署名する内容を示して、もう一度承認を受けてください。",
        ),
        (
            "Not approved",
            "Only what the signer approved can be signed, each once.",
            "Have the signer approve what is to be signed.",
        ),
    ),
}
