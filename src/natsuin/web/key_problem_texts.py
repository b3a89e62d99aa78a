"""What people are told when something cannot be done with a key."""

from natsuin.web.problem_words import Texts, both

KEY_TEXTS: dict[str, Texts] = {
    "illegal_move": both(
        (
            "今の状態ではできません",
            "鍵の状態が変わったため、または鍵を停止した人が異なるため、この操作はできません。",
            "鍵の今の状態を確かめてください。担当者が停止した鍵は、登録担当者だけが再開できます。",
        ),
        (
            "Not in this state",
            "The key's state does not allow this, or somebody else suspended it.",
            "Look at the key's present state. What an officer suspended, only an officer resumes.",
        ),
    ),
    "signing_stopped": both(
        (
            "署名は停止されています",
            "セキュリティ担当者が署名を停止しました。何も署名されていません。",
            "いつ再開するかを、サービスの提供者に確かめてください。承認したものは、期限内なら再開後に署名できます。",
        ),
        (
            "Signing is stopped",
            "A security officer stopped signing. Nothing was signed.",
            "Ask your provider when it will go on. What you approved can be signed then, within its time.",
        ),
    ),
    "key_cannot_sign": both(
        (
            "この鍵では署名できません",
            "選んだ鍵が利用中でないか、署名できる鍵がありません。何も署名されていません。",
            "「自分の鍵」で鍵の状態を確かめてください。",
        ),
        (
            "This key does not sign",
            "The key is not active, or there is none that is. Nothing was signed.",
            "See My keys for the state of your keys.",
        ),
    ),
    "certificate_unreadable": both(
        (
            "証明書を読み取れません",
            "ファイルがPEMまたはDER形式の証明書ではないか、証明書が10枚を超えています。",
            "認証局からPEMまたはDER形式で受け取り、鍵の証明書と中間証明書だけを選んでください。",
        ),
        (
            "Certificate not readable",
            "A file is no certificate in PEM or DER, or there are more than ten.",
            "Get it from the authority in one of these forms, and choose the key's own and its intermediates only.",
        ),
    ),
    "certificate_not_accepted": both(
        (
            "受け入れられない証明書です",
            "証明書が署名用でないか、有効期間外か、信頼する認証局につながりません。",
            "中間証明書も含めて選んだか、設定ca.outside_anchorsの認証局が発行したものかを確かめてください。",
        ),
        (
            "Certificate not accepted",
            "It is not meant for signatures, not valid now, or leads to no authority that is trusted here.",
            "See that the intermediates are among the files and that ca.outside_anchors has its root.",
        ),
    ),
    "certificate_key_does_not_match": both(
        (
            "別の鍵の証明書です",
            "選んだ証明書の中に、この鍵の証明書がありません。",
            "この鍵の証明書要求に対して発行された証明書を選んでください。",
        ),
        (
            "Another key's certificate",
            "None of the certificates holds this key.",
            "Choose the certificate that was issued for this key's request.",
        ),
    ),
    "certificate_subject_differs": both(
        (
            "別の名義の証明書です",
            "証明書の名義が、登録された本人と一致しません。",
            "認証局に、登録どおりの名義で発行し直すよう依頼してください。",
        ),
        (
            "Another person's name",
            "The certificate does not name the person as registered.",
            "Ask the authority to issue it with the name as registered.",
        ),
    ),
}
