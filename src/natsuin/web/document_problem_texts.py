"""What people are told when something is wrong with a document."""

from natsuin.web.problem_words import Texts, both

DOCUMENT_TEXTS: dict[str, Texts] = {
    "storage_quota": both(
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
    "not_a_pdf": both(
        ("PDFではありません", "このファイルはPDFとして読み取れません。", "PDFファイルを選んでください。"),
        ("Not a PDF", "This file is not a PDF.", "Choose a PDF file."),
    ),
    "encrypted_document": both(
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
    "broken_document": both(
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
    "document_timeout": both(
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
    "changes_forbidden": both(
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
    "placement_refused": both(
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
    "missing_characters": both(
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
    "signature_mismatch": both(
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
    "time_stamp_failed": both(
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
}
