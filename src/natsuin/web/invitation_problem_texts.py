"""What people are told of an invitation link that does not work."""

from natsuin.web.problem_words import Texts, both

INVITATION_TEXTS: dict[str, Texts] = {
    "invitation_unknown": both(
        (
            "この招待リンクは無効です",
            "このサービスが出した招待ではありません。リンクの一部が書き換わったか、別のサービスの招待です。",
            "受け取ったリンクをもう一度そのまま開いてください。それでも開けない場合は、リンクの送り主に新しい招待を依頼してください。",
        ),
        (
            "Invitation not known",
            "This service made no such invitation: the link was changed on its way, or it belongs to another service.",
            "Open the link again exactly as you were given it. If that does not help, ask its sender for a new one.",
        ),
    ),
    "invitation_used": both(
        (
            "この招待リンクは使用済みです",
            "招待は一度だけ使えます。この招待による登録は終わっています。",
            "あなたが登録したのであれば、トップページからパスキーでサインインしてください。"
            "心当たりがない場合は、すぐにリンクの送り主に知らせてください。",
        ),
        (
            "Invitation used",
            "An invitation works once, and this one was used: somebody enrolled with it.",
            "If that was you, sign in with your passkey on the start page. If not, tell the sender of the link now.",
        ),
    ),
    "invitation_withdrawn": both(
        (
            "この招待リンクは取り消されました",
            "登録担当者がこの招待を取り消しました。鍵は作られていません。",
            "理由はリンクの送り主にお尋ねください。",
        ),
        (
            "Invitation withdrawn",
            "An officer took this invitation back. No key was made.",
            "Ask the sender of the link why.",
        ),
    ),
    "person_ended": both(
        (
            "このアカウントは終了しています",
            "このアカウントの鍵はすべて失効しており、新しい鍵は作られません。",
            "もう一度署名する必要がある人は、新しく登録してください。",
        ),
        (
            "Account ended",
            "All keys of this account are revoked, and none is made in it any more.",
            "Register the person anew if they are to sign again.",
        ),
    ),
    "invitation_expired": both(
        (
            "この招待リンクは期限切れです",
            "招待の有効期限が過ぎました。鍵は作られていません。",
            "リンクの送り主に新しい招待を依頼してください。",
        ),
        (
            "Invitation expired",
            "The time of this invitation is over. No key was made.",
            "Ask the sender of the link for a new one.",
        ),
    ),
}
