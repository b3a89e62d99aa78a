"""What people are told when the place where keys are kept is away, breaks off, or lacks an algorithm."""

from natsuin.web.problem_words import Texts, both

VAULT_TEXTS: dict[str, Texts] = {
    "vault_unavailable": both(
        (
            "鍵保管庫に接続できません",
            "鍵を保管している装置に、今は接続できません。署名は行われておらず、何も失われていません。",
            "しばらくしてからもう一度お試しください。",
        ),
        (
            "Keys out of reach",
            "The device that keeps the keys cannot be reached now. Nothing was signed, and nothing is lost.",
            "Try again after a while.",
        ),
    ),
    "vault_interrupted": both(
        (
            "署名が中断されました",
            "鍵を保管している装置が途中で応答しなくなりました。作られた署名があっても、サーバーの外には出ていません。",
            "もう一度、内容を確かめて承認してください。",
        ),
        (
            "Signing was interrupted",
            "The device that keeps the keys broke off. If it made a signature, it has not left the server.",
            "Look at the document and approve it once more.",
        ),
    ),
    "algorithm_not_offered": both(
        (
            "この方式の鍵は作れません",
            "鍵を保管している装置は、この方式に対応していません。",
            "別の方式を選んでください。",
        ),
        (
            "Algorithm not offered",
            "The device that keeps the keys here does not know this kind of key.",
            "Choose another kind of key.",
        ),
    ),
}
