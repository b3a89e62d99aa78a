"""What people are told about requests of applications."""

from natsuin.web.problem_words import Texts, both

APPLICATION_TEXTS: dict[str, Texts] = {
    "oauth_refused": both(
        (
            "アプリケーションの要求を受け付けられません",
            "アプリケーションが送った要求に誤りがあります。",
            "アプリケーションの提供者にお知らせください。",
        ),
        (
            "The application's request is refused",
            "What the application sent is not in order.",
            "Tell the people behind the application.",
        ),
    ),
    "oauth_unknown_recipient": both(
        (
            "このアプリケーションには答えを送れません",
            "アプリケーションか、答えの送り先が、ここに登録されたものと違います。",
            "身に覚えがなければ、このページを閉じてください。そうでなければ、アプリケーションの提供者にお知らせください。",
        ),
        (
            "This application gets no answer",
            "The application, or where its answer would go, is not what is registered here.",
            "Close this page if you did not expect it; otherwise tell the people behind the application.",
        ),
    ),
    "access_request_over": both(
        (
            "この依頼はもう使えません",
            "この依頼にはすでに答えたか、時間が過ぎたか、別の人のものです。",
            "アプリケーションに戻って、もう一度始めてください。",
        ),
        (
            "This request is over",
            "It was answered already, its time is over, or it is another person's.",
            "Go back to the application and start there again.",
        ),
    ),
    "credential_refused": both(
        (
            "この鍵では署名できません",
            "アプリケーションが求めた鍵は、あなたのものでないか、求められた署名を作れません。",
            "アプリケーションと同じ人としてサインインしているか確かめてください。",
        ),
        (
            "This key does not sign that",
            "The key that the application asks for is not yours, or does not make such signatures.",
            "See whether you are signed in as the same person as in the application.",
        ),
    ),
    "application_document_missing": both(
        (
            "この文書はありません",
            "アプリケーションがこの文書を持ってきていないか、すでに削除されています。",
            "アプリケーションに戻って、もう一度始めてください。",
        ),
        (
            "This document is not there",
            "The application did not bring it, or it was deleted.",
            "Go back to the application and start there again.",
        ),
    ),
}
