"""The words of `natsuin verify` around the verdict's own sentences, in English and Japanese."""

from dataclasses import dataclass, field

from natsuin.errors import NatsuinError


@dataclass(frozen=True)
class Words:
    """One language. `aspects`, `levels` and `refusals` are by the codes of the report and of errors; what they lack is
    said as it is."""

    cannot_tell: str
    unusable_file: str
    unknown_signer: str
    issued_by: str
    aspects: dict[str, str] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)

    def told(self, error: Exception) -> tuple[str, str]:
        """Why nothing can be told, and the next step, which may be empty."""
        if not isinstance(error, NatsuinError):
            return self.unusable_file, ""
        return self.refusals.get(error.code, (error.message, error.hint))

    def title(self, field_name: str, level: str, signer: str, issuer: str) -> str:
        """The line above the five verdicts of one signature."""
        who = self.issued_by.format(signer=signer, issuer=issuer) if signer else self.unknown_signer
        return f"{field_name}: {self.levels.get(level, level)}, {who}"


ENGLISH = Words(
    cannot_tell="cannot tell",
    unusable_file="a file given cannot be read as what it should be",
    unknown_signer="unknown signer",
    issued_by="{signer} (issued by {issuer})",
)

JAPANESE = Words(
    cannot_tell="判定できません",
    unusable_file="指定されたファイルを、その種類のものとして読み取れません。",
    unknown_signer="署名者不明",
    issued_by="{signer}（発行者：{issuer}）",
    aspects={
        "integrity": "完全性",
        "coverage": "範囲",
        "trust": "信頼",
        "revocation": "失効",
        "time": "時刻",
        "log": "ログ",
    },
    levels={"time-stamp": "文書タイムスタンプ", "other": "その他の形式の署名"},
    refusals={
        "not_a_pdf": (
            "このファイルはPDFではありません。",
            "「PDFとして書き出す」または「PDFに印刷」で作ったファイルを指定してください。",
        ),
        "broken_document": (
            "このPDFは壊れているか、構造に矛盾があります。",
            "送り手に元のファイルを求めてください。",
        ),
        "encrypted_document": (
            "このPDFは暗号化されています。",
            "パスワードによる保護を外したファイルを指定してください。",
        ),
        "document_too_large": (
            "このPDFは、または展開した内容は、大きすぎて扱えません。",
            "画像や添付ファイルを減らしたファイルを求めてください。",
        ),
        "malformed": (
            "信頼する証明書またはその他の入力を読み取れません。",
            "証明書はX.509のPEMまたはDERで指定してください。",
        ),
    },
)
