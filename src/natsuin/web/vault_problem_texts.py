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
    "resident_not_offered": both(
        (
            "鍵を常駐させる装置がありません",
            "このサーバーは鍵をソフトウェアで保管しています。鍵を中に置いたままにできる装置（HSM）がありません。",
            "その指定をせずに登録してください。",
        ),
        (
            "No device for the key to live in",
            "This server keeps its keys in software. There is no hardware security module in which a key could live.",
            "Register the person without that wish.",
        ),
    ),
    "resident_not_archived": both(
        (
            "この鍵の複製は作れません",
            "この鍵はハードウェアセキュリティモジュール（HSM）の中に常駐しており、外に出ません。",
            "HSMの製造元の方法でバックアップしてください。",
        ),
        (
            "This key cannot be copied",
            "The key lives in the hardware security module and never leaves it.",
            "Back the module up by the means of its maker.",
        ),
    ),
    "vault_resident_key_missing": both(
        (
            "鍵が見つかりません",
            "記録によればハードウェアセキュリティモジュール（HSM）の中にあるはずの鍵が、正しくありません。署名は行われていません。",
            "セキュリティ担当者に連絡してください。",
        ),
        (
            "The key was not found",
            "The hardware security module does not hold the key that it should hold by the record. Nothing was signed.",
            "Tell the security officer.",
        ),
    ),
}
