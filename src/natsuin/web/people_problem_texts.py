"""What officers are told about files of people."""

from natsuin.web.problem_words import Texts, both

_TEMPLATE = "ページにある見本のとおりの列にしてください。"

PEOPLE_TEXTS: dict[str, Texts] = {
    "people_file": both(
        (
            "ファイルを読めません",
            "CSVとして読めないか、文字でないものが含まれています。",
            "表計算ソフトからCSVで保存し直してください。",
        ),
        (
            "The file cannot be read",
            "It is not CSV, or it contains something that is no text.",
            "Save it again as CSV from your spreadsheet program.",
        ),
    ),
    "people_file_encoding": both(
        (
            "文字コードが違います",
            "ファイルは、選ばれた文字コードになっていません。",
            "もう一方の文字コードを選ぶか、UTF-8で保存し直してください。",
        ),
        (
            "Another encoding",
            "The file is not in the encoding that was chosen.",
            "Choose the other encoding, or save the file as UTF-8.",
        ),
    ),
    "people_file_header": both(
        (
            "列の名前が違います",
            "最初の行に、必要な列の名前がないか、知らない名前か、同じ名前が2度あります。",
            _TEMPLATE,
        ),
        (
            "Other columns",
            "The first line lacks a column that is needed, or names one that is unknown or there twice.",
            "Name the columns as in the example on the page.",
        ),
    ),
    "people_file_too_long": both(
        (
            "ファイルが大きすぎます",
            "行数、項目の長さ、または全体の大きさが上限を超えています。",
            "ファイルを分けてください。",
        ),
        ("The file is too long", "It has too many lines, too long a field, or too many bytes.", "Divide the file."),
    ),
}
