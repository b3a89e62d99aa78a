"""What people are told about each kind of error: the title, the cause and the next step, in Japanese and English."""

from natsuin.web.application_problem_texts import APPLICATION_TEXTS
from natsuin.web.archive_problem_texts import ARCHIVE_TEXTS
from natsuin.web.audit_problem_texts import AUDIT_TEXTS
from natsuin.web.document_problem_texts import DOCUMENT_TEXTS
from natsuin.web.invitation_problem_texts import INVITATION_TEXTS
from natsuin.web.key_problem_texts import KEY_TEXTS
from natsuin.web.people_problem_texts import PEOPLE_TEXTS
from natsuin.web.problem_words import Texts, both
from natsuin.web.replacement_problem_texts import REPLACEMENT_TEXTS
from natsuin.web.vault_problem_texts import VAULT_TEXTS

_GENERAL: dict[str, Texts] = {
    "error": both(
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
    "refused": both(
        ("受け付けられません", "規則により、この操作は受け付けられません。", "内容を確かめてください。"),
        ("Refused", "A rule does not allow this.", "Check what you entered."),
    ),
    "malformed": both(
        ("入力に誤りがあります", "送られた内容を読み取れませんでした。", "入力を確かめて、もう一度お試しください。"),
        ("Input not understood", "What was sent could not be read.", "Check the input and try again."),
    ),
    "not_found": both(
        ("見つかりません", "存在しないか、あなたのものではありません。", "一覧に戻って選び直してください。"),
        ("Not found", "It does not exist, or it is not yours.", "Go back to the list and choose again."),
    ),
    "unauthenticated": both(
        (
            "サインインが必要です",
            "サインインしていないか、サインインの有効時間が過ぎました。",
            "パスキーでサインインしてください。",
        ),
        ("Sign in first", "You are not signed in, or your sign-in has run out.", "Sign in with your passkey."),
    ),
    "step_up_required": both(
        (
            "もう一度パスキーが必要です",
            "この操作には、数分以内のパスキーでの確認が必要です。",
            "パスキーで確認して、もう一度お試しください。",
        ),
        (
            "Your passkey is needed again",
            "This needs your passkey, asked no longer ago than a few minutes.",
            "Confirm with your passkey, and try again.",
        ),
    ),
    "forbidden": both(
        ("権限がありません", "この操作はあなたの役割では行えません。", "必要な場合は管理者にご相談ください。"),
        ("Not allowed", "Your role does not allow this.", "Ask the administrator if you need it."),
    ),
    "approval_refused": both(
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
    "wrong_secret": both(
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
    "locked": both(
        ("ロックされています", "間違いが続きました。", "リカバリーコードで新しいPINを設定してください。"),
        ("Locked", "It is closed after too many failures.", "Set a new PIN with your recovery code."),
    ),
    "expired": both(
        (
            "期限切れです",
            "有効期限が過ぎました。",
            "はじめからやり直してください。招待の場合は、登録担当者に新しい招待を依頼してください。",
        ),
        ("Expired", "Its time is over.", "Start again. For an invitation, ask the registration officer for a new one."),
    ),
    "already_used": both(
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
    "conflict": both(
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
    "too_large": both(
        ("大きすぎます", "受け付けられる大きさを超えています。", "小さくするか、分けてください。"),
        ("Too large", "This is above the limit.", "Make it smaller or split it."),
    ),
    "tampered": both(
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
    "unavailable": both(
        (
            "一時的に利用できません",
            "サービスの一部が応答していません。何も失われていません。",
            "しばらくしてからもう一度お試しください。",
        ),
        ("Not available now", "A part of the service does not answer. Nothing is lost.", "Try again after a while."),
    ),
    "busy": both(
        ("混み合っています", "今、要求が多すぎます。", "少し待ってからもう一度お試しください。"),
        ("Busy", "There are too many requests at this moment.", "Wait a little and try again."),
    ),
    "indeterminate": both(
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
    "storage_failed": both(
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
    "clock_behind": both(
        (
            "時計が遅れています",
            "サービスの時計が戻されたため、承認と署名を受け付けていません。",
            "管理者にお知らせください。時計が直ったら、文書からやり直してください。",
        ),
        (
            "The clock is behind",
            "The service's clock was set back, so nothing can be approved or signed.",
            "Tell the administrator. When the clock is right, begin again with the document.",
        ),
    ),
    "log_not_witnessed": both(
        (
            "立会人の応答がありません",
            "署名生成ログの立会人が足りないため、署名はまだ送り出されていません。記録は残っており、失われたものはありません。",
            "しばらくしてから、同じ操作をもう一度行ってください。続きから再開します。",
        ),
        (
            "Witnesses do not answer",
            "Too few witnesses of the signing log answer, so nothing is released yet. What was recorded stands.",
            "Do the same again after a while: it goes on where it stood.",
        ),
    ),
    "sign_in_failed": both(
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
    "too_many_attempts": both(
        (
            "試行が多すぎます",
            "短い時間に何度も試されたため、しばらく受け付けません。",
            "少し待ってからもう一度お試しください。",
        ),
        ("Too many attempts", "There were too many attempts in a short time.", "Wait a little and try again."),
    ),
    "unsupported_media_type": both(
        (
            "データの種類が違います",
            "この宛先が受け付ける種類のデータではありません。",
            "Content-Typeを確かめてください。",
        ),
        ("Wrong kind of data", "This address does not take this kind of data.", "Check the Content-Type."),
    ),
    "method_not_allowed": both(
        ("この方法では使えません", "この宛先では、その操作はできません。", "方法（GET、POSTなど）を確かめてください。"),
        ("Method not allowed", "This address does not do that.", "Check the method (GET, POST and so on)."),
    ),
    "request_timeout": both(
        ("送信が途中で止まりました", "データの残りが届きませんでした。", "接続を確かめて、もう一度お試しください。"),
        ("The request stopped", "The rest of the request did not come.", "Check the connection and try again."),
    ),
    "wrong_host": both(
        (
            "宛先のホスト名が違います",
            "このサービスの正しいアドレスではありません。",
            "案内された正式なアドレスから開いてください。",
        ),
        ("Wrong host name", "This is not the address of this service.", "Open the service by its own address."),
    ),
    "foreign_request": both(
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
    "certificate_refused": both(
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
    "certificate_unusable": both(
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
    "weak_pin": both(
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
    "weak_key": both(
        (
            "鍵が安全ではありません",
            "この鍵には既知の弱点があるか、ここで使える種類ではありません。",
            "別のプログラムで新しい鍵を作ってください。",
        ),
        (
            "Weak key",
            "This key has a known weakness, or is of a kind that is not used here.",
            "Make a new key with another program.",
        ),
    ),
    "key_known": both(
        (
            "登録済みの鍵です",
            "この鍵は、すでにここにあるか、以前ここにありました。",
            "新しい鍵を作ってください。",
        ),
        ("Key known already", "This key is here already, or was here before.", "Make a new key."),
    ),
    "algorithm_refused": both(
        (
            "使用できない方式です",
            "この鍵または署名方式は、今は使用が認められていません。",
            "別の方式を選んでください。",
        ),
        ("Algorithm not allowed", "This kind of key or signature is not allowed today.", "Choose another one."),
    ),
    "scheme_not_approved": both(
        (
            "承認された署名方式ではありません",
            "署名者の承認は、この署名方式のためのものではありません。",
            "承認された方式で署名するか、もう一度承認を求めてください。",
        ),
        (
            "Not the approved scheme",
            "The signer's approval is not for this signature scheme.",
            "Sign with the approved scheme, or ask for an approval again.",
        ),
    ),
    "not_approved": both(
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

TEXTS: dict[str, Texts] = {
    **_GENERAL,
    **ARCHIVE_TEXTS,
    **APPLICATION_TEXTS,
    **AUDIT_TEXTS,
    **PEOPLE_TEXTS,
    **DOCUMENT_TEXTS,
    **INVITATION_TEXTS,
    **KEY_TEXTS,
    **REPLACEMENT_TEXTS,
    **VAULT_TEXTS,
}
