"""What people are told when a key cannot be archived, restored or taken in."""

from natsuin.web.problem_words import Texts, both

ARCHIVE_TEXTS: dict[str, Texts] = {
    "key_is_dead": both(
        (
            "終了した鍵です",
            "この鍵は失効または破棄されたため、どのアーカイブからも戻せません。",
            "本人を招待し直して、新しい鍵を作ってもらってください。",
        ),
        ("The key has ended", "It was revoked or destroyed, and stays so.", "Its owner needs a new key."),
    ),
    "key_not_lost": both(
        ("鍵は失われていません", "鍵はここに無事にあるため、復元するものがありません。", "何も変わっていません。"),
        ("The key is not lost", "The key is there and whole, so there is nothing to restore.", "Nothing was changed."),
    ),
    "archive_outdated": both(
        (
            "古いアーカイブです",
            "このアーカイブの後で、PIN、リカバリーコード、パスキーまたは証明書が替わりました。",
            "より新しいアーカイブを使ってください。なければ、本人に新しい鍵が必要です。",
        ),
        (
            "The archive is outdated",
            "PIN, recovery code, passkeys or certificate were replaced after it was made.",
            "Use a newer one; without one the owner needs a new key.",
        ),
    ),
    "archive_tampered": both(
        (
            "アーカイブが改変されています",
            "ファイルが作成時と異なるか、別のマスター鍵で作られたものです。",
            "バックアップなどにある、元のままのファイルを使ってください。",
        ),
        (
            "The archive was changed",
            "The file is not as it was made, or was made with another master key.",
            "Use an unchanged copy of the file, such as from a backup.",
        ),
    ),
    "key_import_off": both(
        (
            "鍵の取り込みは無効です",
            "このサービスは、外部で作られた鍵を取り込みません。",
            "ここで鍵を作るか、管理者に設定を確かめてください。",
        ),
        (
            "Import is switched off",
            "This service takes in no keys that were made elsewhere.",
            "Make a key here, or ask the administrator.",
        ),
    ),
    "key_envelope_malformed": both(
        (
            "封筒として読み取れません",
            "選んだファイルは認証局の封筒ではないか、壊れています。",
            "認証局から受け取ったファイルを、そのまま選んでください。",
        ),
        (
            "Not an envelope",
            "The file is no authority's envelope, or it was damaged.",
            "Choose the authority's file as it came.",
        ),
    ),
    "key_envelope_refused": both(
        (
            "受け入れられない封筒です",
            "封筒の宛先か期限が異なるか、信頼する認証局のものではありません。",
            "このサービスとこの人のための封筒を、認証局に作り直してもらってください。",
        ),
        (
            "Envelope not accepted",
            "It is for another service or person, is too old, or comes from no authority that is trusted here.",
            "Ask the authority for one that is made for this service and this person.",
        ),
    ),
}
