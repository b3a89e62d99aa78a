"""Every kind of alarm: how much it matters, and its sentence and advice in English and Japanese.

No sentence has a place for anything that a log says; what was found stands beside it as facts.
"""

from dataclasses import dataclass
from typing import Final

from natsuin.monitor.severity import Severity

NOTICE, WARNING, CRITICAL = Severity.NOTICE, Severity.WARNING, Severity.CRITICAL


@dataclass(frozen=True)
class Kind:
    """One kind: severity, then what happened and what to do, each as (English, Japanese)."""

    severity: Severity
    says: tuple[str, str]
    advises: tuple[str, str]


_KEEP: Final = (
    "Keep the evidence folder and a copy of the log. Trust no new signature until the provider has explained it.",
    "証拠フォルダーとログの写しを保全し、提供者の説明があるまで新しい署名を信頼しないでください。",
)
_LOOK: Final = (
    "Ask whoever runs the service what happened at that time.",
    "その時刻に何があったかを、サービスの運用者に確認してください。",
)
_EXPECTED: Final = (
    "Was this act announced? If nobody knows of it, treat it as an attack.",
    "予定された操作かを確認してください。誰も把握していない場合は攻撃として扱ってください。",
)
_ASK_OWNER: Final = (
    "Ask the key's owner whether it was they. If not, have the key suspended.",
    "鍵の所有者に心当たりがあるか確認し、なければ鍵を一時停止させてください。",
)

KINDS: Final[dict[str, Kind]] = {
    "log-forked": Kind(
        CRITICAL,
        (
            "The log contradicts what it showed before: its key signed two histories.",
            "ログが以前に示した内容と矛盾しています。ログの鍵が二つの履歴に署名しました。",
        ),
        _KEEP,
    ),
    "log-rolled-back": Kind(
        CRITICAL,
        (
            "The log shows fewer entries than it once did: its end was cut off, or an old copy is shown.",
            "ログの記録数が以前より減っています。末尾が切り取られたか、古い写しが公開されています。",
        ),
        _KEEP,
    ),
    "log-unverified": Kind(
        CRITICAL,
        (
            "The log does not verify: its files do not lead to a checkpoint that its key signed.",
            "ログの検証に失敗しました。ファイルが、ログの鍵で署名されたチェックポイントに一致しません。",
        ),
        (
            "Is the disk damaged, or is it another log or key? If neither, treat it as an attack.",
            "ディスクの破損や、ログまたは検証鍵の取り違えを確認してください。いずれでもなければ攻撃として扱ってください。",
        ),
    ),
    "chain-broken": Kind(
        CRITICAL,
        (
            "There is a gap in the chain of a key: an entry is missing, doubled or out of order.",
            "鍵の記録の列に欠落があります。記録が抜けているか、重複しているか、順序が違います。",
        ),
        _KEEP,
    ),
    "outcome-unmatched": Kind(
        CRITICAL,
        ("An outcome belongs to no open intent.", "対応する意図の記録がない結果の記録があります。"),
        _KEEP,
    ),
    "entry-unreadable": Kind(
        WARNING,
        ("An entry cannot be read, or has no time.", "読み取れない記録、または時刻のない記録があります。"),
        _LOOK,
    ),
    "entry-unknown": Kind(
        WARNING,
        (
            "An entry is of a type that this monitor does not know.",
            "このモニターの知らない種類の記録があります。",
        ),
        (
            "If the service was upgraded, upgrade the monitor too.",
            "サービスが更新された場合は、モニターも更新してください。",
        ),
    ),
    "time-backwards": Kind(
        WARNING,
        ("The time of an entry is before that of earlier ones.", "記録の時刻が、それより前の記録より過去です。"),
        _LOOK,
    ),
    "time-ahead": Kind(
        WARNING,
        (
            "The time of an entry is ahead of the monitor's own clock.",
            "記録の時刻が、モニター自身の時計より進んでいます。",
        ),
        ("Compare both clocks with a time service.", "両方の時計を時刻サービスと比べてください。"),
    ),
    "clock-stepped": Kind(WARNING, ("The service's clock was moved.", "サービスの時計が動かされました。"), _LOOK),
    "clock-accepted": Kind(
        WARNING,
        (
            "It was declared on the host that the clock is right, though earlier entries are later.",
            "以前の記録の時刻より前であるにもかかわらず、時計が正しいとホスト上で宣言されました。",
        ),
        _EXPECTED,
    ),
    "intent-open": Kind(
        WARNING,
        ("A key was about to be used, and no outcome followed.", "鍵の使用の意図に、結果の記録が続いていません。"),
        (
            "Does the service still run? Its next start closes open intents.",
            "サービスが動いているか確認してください。次の起動時に未完了の意図は閉じられます。",
        ),
    ),
    "outcome-unknown": Kind(
        WARNING,
        ("What came of a use of a key is unknown.", "鍵の使用の結果が不明です。"),
        (
            "Nothing was released. Look for the crash or the failing token behind it.",
            "署名は送出されていません。原因となった異常終了やトークンの障害を調べてください。",
        ),
    ),
    "outcome-failed": Kind(
        WARNING,
        ("A signature could not be made.", "署名を生成できませんでした。"),
        ("The reason says what failed.", "理由欄で、何が失敗したかを確認してください。"),
    ),
    "undelivered": Kind(
        WARNING,
        ("A signature was made and never left the server.", "署名が生成されましたが、送出されませんでした。"),
        ("Look for the crash behind it.", "原因となった異常終了を調べてください。"),
    ),
    "signing-refused": Kind(
        WARNING,
        (
            "A request to sign was refused: what was to be signed was not, or no longer, approved.",
            "署名要求が拒否されました。対象が承認されていないか、承認が既に無効です。",
        ),
        (
            "One may be a browser that asked twice. More, or another reason than before, may be an attack on web.",
            "一件であれば再送の可能性があります。多数の場合や理由が以前と異なる場合は、webへの攻撃を疑ってください。",
        ),
    ),
    "refusals-of-a-key": Kind(
        WARNING,
        (
            "Approvals or secrets of one key were refused again and again.",
            "一つの鍵について、承認やPINなどの拒否が繰り返されています。",
        ),
        _ASK_OWNER,
    ),
    "refusals": Kind(
        WARNING,
        (
            "Many approvals, secrets or requests were refused in a short time.",
            "短い時間に、承認・PIN・要求が多数拒否されました。",
        ),
        _LOOK,
    ),
    "key-failed": Kind(
        CRITICAL,
        (
            "A key returned a signature that does not verify, and was suspended.",
            "鍵が検証できない署名を返したため、一時停止されました。",
        ),
        (
            "Nothing was released. Suspect the token, the memory or the stored key.",
            "署名は送出されていません。トークン、メモリー、保存された鍵の異常を疑ってください。",
        ),
    ),
    "resident-key": Kind(
        WARNING,
        (
            "A key that lives in the token is missing or broken there, or nobody knows it.",
            "トークン内の鍵が見つからないか壊れています。または、登録のない鍵がトークンにあります。",
        ),
        _LOOK,
    ),
    "database-restored": Kind(
        CRITICAL,
        (
            "The service's database is older than the log: it was put back to an earlier state.",
            "サービスのデータベースがログより古い状態に戻されています。",
        ),
        _EXPECTED,
    ),
    "unclean-start": Kind(
        WARNING,
        ("The service started without having stopped in order.", "サービスが正常終了せずに再起動しました。"),
        _LOOK,
    ),
    "frequent-starts": Kind(
        WARNING,
        ("The service started several times in a short time.", "短い時間にサービスが何度も起動しました。"),
        _LOOK,
    ),
    "version-changed": Kind(
        NOTICE, ("The service runs another version.", "サービスのバージョンが変わりました。"), _EXPECTED
    ),
    "vault-changed": Kind(
        WARNING,
        ("Signers' keys are kept in another kind of vault.", "署名鍵の保管方式が変わりました。"),
        _EXPECTED,
    ),
    "privileged-act": Kind(
        NOTICE,
        (
            "An act of officers, custodians or the host, or a change of what protects keys.",
            "担当者・鍵管理者・ホストによる特権操作、または鍵の保護の変更がありました。",
        ),
        _EXPECTED,
    ),
    "watched-key": Kind(
        NOTICE,
        ("There are entries about a key that you watch.", "監視対象の鍵についての記録がありました。"),
        _ASK_OWNER,
    ),
    "log-unreachable": Kind(
        WARNING,
        (
            "The log could not be read to its end for a long time.",
            "長い間、ログを最後まで読み取れていません。",
        ),
        (
            "Look at the address, the network and the server. While it lasts nothing else is noticed.",
            "アドレス、ネットワーク、サーバーを確認してください。この間、他の異常は検知できません。",
        ),
    ),
    "log-silent": Kind(
        WARNING,
        ("The log did not grow for a long time.", "ログが長い間増えていません。"),
        (
            "Does the service still run, and is what you read the log and not a copy that nobody renews?",
            "サービスが動いているか、更新されない写しを読んでいないかを確認してください。",
        ),
    ),
    "log-recovered": Kind(
        NOTICE,
        (
            "What was wrong with the log as a whole is over; earlier alarms still stand.",
            "ログ全体の異常が解消しました。以前の警報の内容は有効なままです。",
        ),
        ("Find out what it was.", "原因を確認してください。"),
    ),
    "first-reading": Kind(
        NOTICE,
        (
            "The log was read and verified from its first entry to its end for the first time.",
            "ログを最初の記録から最後まで、初めて読み取り検証しました。",
        ),
        (
            "What was found in its past is counted here and not told one by one: natsuin monitor status lists it.",
            "過去分の検知は件数のみ通知します。一覧は natsuin monitor status で確認できます。",
        ),
    ),
    "alarms-suppressed": Kind(
        WARNING,
        (
            "There are so many alarms that not all are told one by one.",
            "警報が多すぎるため、すべてを個別には通知していません。",
        ),
        ("Look at the log itself: natsuin log find.", "ログそのものを natsuin log find で調べてください。"),
    ),
    "monitor-failed": Kind(
        CRITICAL,
        (
            "The monitor itself failed on this log, and what comes after this place is not watched.",
            "モニター自身がこのログの処理に失敗し、以降の記録を監視できていません。",
        ),
        (
            "This is a mistake of Natsuin: please report it with the log's copy. Read the log with natsuin log verify.",
            "Natsuinの不具合です。ログの写しを添えて報告し、natsuin log verify でログを検証してください。",
        ),
    ),
}

FACTS: Final[dict[str, tuple[str, str]]] = {
    "before": ("before", "変更前"),
    "cancelled": ("approvals cancelled", "取り消された承認"),
    "count": ("count", "件数"),
    "entries": ("entries", "記録数"),
    "evidence": ("evidence file", "証拠ファイル"),
    "finding": ("finding", "検出内容"),
    "found": ("found in the past", "過去分の検知"),
    "key": ("key", "鍵"),
    "known": ("entries known to the database", "データベースが把握する記録数"),
    "now": ("now", "変更後"),
    "older": ("entries before", "以前の記録数"),
    "over": ("what is over", "解消した異常"),
    "reason": ("reason", "理由"),
    "seconds": ("seconds", "秒数"),
    "size": ("entries in the log", "ログの記録数"),
    "type": ("type of entry", "記録の種類"),
    "unknown": ("uses left open", "未完了の使用"),
}
"""How a fact is called in English and Japanese."""
