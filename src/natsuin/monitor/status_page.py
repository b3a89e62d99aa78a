"""One page for a browser on the monitor's host: how the logs stand, entries and alarms per day, the newest alarms.

It loads nothing and runs no script. Every text is escaped, though nothing of a log comes this far that is not harmless.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from natsuin.clock import Clock, from_milliseconds, milliseconds
from natsuin.monitor.days import days_until
from natsuin.monitor.kinds import FACTS
from natsuin.monitor.memory import Memory
from natsuin.monitor.standing import standing_of

_DAYS: Final = 60
_HEIGHT: Final = 60
_ALARMS: Final = 50
_STYLE: Final = (
    "body{font:16px/1.6 sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1a1a1c;background:#fff}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #b3b3b3;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "td{overflow-wrap:anywhere}td:nth-child(-n+3){white-space:nowrap}"
    "svg{display:block;width:100%;height:4rem;border-bottom:1px solid #767676}"
    ".entries{fill:#264af4}.alarms{fill:#ce0000}"
    ".critical,.bad{color:#ce0000;font-weight:bold}.warning{color:#8f4a00;font-weight:bold}"
    ".good{color:#197a4b;font-weight:bold}figure{margin:1rem 0}figcaption{font-size:.9rem}"
    # On a telephone each alarm is a block of lines, each of which says what it is.
    "@media(max-width:45rem){thead{display:none}tr{display:block;border-bottom:1px solid #767676;padding:.6rem 0}"
    "td,td:nth-child(-n+3){display:block;border:0;padding:0;white-space:normal}"
    "td::before{content:attr(data-label);color:#595959;font-size:.9rem;display:inline-block;min-width:8em}"
    "td:nth-child(4)::before{display:block}}"
)
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
"""The Content-Security-Policy that the page is sent with."""

_WORDS: Final = {
    "en": {
        "title": "Natsuin monitor",
        "other": '<a href="/ja" hreflang="ja" lang="ja">日本語</a>',
        "holds": "holds",
        "wrong": "something is wrong",
        "waits": "not read to its end yet",
        "read": "{read} of {entries} entries read; last visit that found it good: {visited} UTC",
        "entries": "Entries per day from {first} to {last}, at most {most}",
        "alarms": "Entries worth an alarm per day from {first} to {last}, at most {most}",
        "newest": "Newest alarms",
        "none": "There are none.",
        "head": ("Found (UTC)", "Log", "Severity", "What", "Entry", "Count"),
        "critical": "critical",
        "warning": "warning",
        "notice": "notice",
        "past": "{count} (before the first reading)",
        "colon": ": ",
        "comma": ", ",
    },
    "ja": {
        "title": "Natsuin モニター",
        "other": '<a href="/" hreflang="en" lang="en">English</a>',
        "holds": "正常",
        "wrong": "異常あり",
        "waits": "まだ最後まで読み取っていません",
        "read": "{entries} 件中 {read} 件を読み取り済み。正常を確認した最後の時刻：{visited}（UTC）",
        "entries": "一日あたりの記録数（{first} から {last} まで、最大 {most}）",
        "alarms": "警報の対象となった一日あたりの記録数（{first} から {last} まで、最大 {most}）",
        "newest": "最近の警報",
        "none": "警報はありません。",
        "head": ("検知（UTC）", "ログ", "重大度", "内容", "記録番号", "件数"),
        "critical": "重大",
        "warning": "警告",
        "notice": "お知らせ",
        "past": "{count}（初回の読み取り前）",
        "colon": "：",
        "comma": "、",
    },
}


class StatusPage:
    """Makes the page anew at each asking. Thread safe."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock

    def html(self, lang: str) -> bytes:
        """In English ("en") or Japanese ("ja"). Raises `StorageFailed`."""
        words: dict[str, Any] = _WORDS[lang]
        standing = standing_of(self._memory, alarms=_ALARMS)
        now = milliseconds(self._clock.now())
        span = {"first": _date(now - (_DAYS - 1) * 86_400_000), "last": _date(now)}
        with self._memory.read() as connection:
            days = {log["name"]: days_until(connection, log["name"], now, _DAYS) for log in standing["logs"]}
        logs = "".join(_log(log, days[log["name"]], words | span) for log in standing["logs"])
        return (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta http-equiv="refresh" content="60">'
            f'<meta name="viewport" content="width=device-width"><title>{words["title"]}</title>'
            f"<style>{_STYLE}</style></head><body><main><p>{words['other']}</p><h1>{words['title']}</h1>{logs}"
            f"<h2>{words['newest']}</h2>{_alarms(standing['alarms'], words, lang)}</main></body></html>"
        ).encode()


def _date(moment: int) -> str:
    return f"{from_milliseconds(moment):%Y-%m-%d}"


def _log(log: dict[str, Any], days: Sequence[tuple[int, int]], words: dict[str, Any]) -> str:
    wrong = bool(log["conditions"] or log["error"])
    state, look = ("wrong", "bad") if wrong else ("holds", "good") if log["visited"] else ("waits", "warning")
    about = ", ".join([*log["conditions"], *filter(None, [log["error"]])])
    numbers = {name: log[name] for name in ("read", "entries")} | {"visited": log["visited"] or "-"}
    return (
        f'<section><h2>{escape(log["name"])}{words["colon"]}<span class="{look}">{words[state]}</span></h2>'
        f"<p>{escape(words['read'].format(**numbers))}</p>{f'<p>{escape(about)}</p>' if about else ''}"
        + _plot([entries for entries, _ in days], "entries", words)
        + _plot([alarms for _, alarms in days], "alarms", words)
        + "</section>"
    )


def _plot(counts: Sequence[int], kind: str, words: dict[str, Any]) -> str:
    most = max(counts)
    about = escape(words[kind].format(first=words["first"], last=words["last"], most=most))
    bars = "".join(
        # A day with anything is seen, however much there was on another one.
        f'<rect class="{kind}" x="{10 * day}" y="{_HEIGHT - height}" width="8" height="{height}"/>'
        for day, count in enumerate(counts)
        if count and (height := max(2, count * _HEIGHT // most))
    )
    return (
        f'<figure><figcaption>{about}</figcaption><svg viewBox="0 0 {10 * len(counts)} {_HEIGHT}" role="img"'
        f' preserveAspectRatio="none" aria-label="{about}">{bars}</svg></figure>'
    )


def _alarms(alarms: Sequence[dict[str, Any]], words: dict[str, Any], lang: str) -> str:
    if not alarms:
        return f"<p>{words['none']}</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in words["head"])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(_rows(alarms, words, lang))}</tbody></table>"


def _rows(alarms: Iterable[dict[str, Any]], words: dict[str, Any], lang: str) -> Iterable[str]:
    for alarm in alarms:
        told = (f"{FACTS[name][lang == 'ja']}{words['colon']}{value}" for name, value in alarm["facts"].items())
        facts = words["comma"].join(told)
        what = "<br>".join(escape(text) for text in (alarm["text"][lang], alarm["kind"], facts) if text)
        count = words["past"].format(count=alarm["count"]) if alarm["past"] else str(alarm["count"])
        found = alarm["found"][:19].replace("T", " ")
        severity = f'<span class="{alarm["severity"]}">{words[alarm["severity"]]}</span>'
        entry = "-" if alarm["entry"] is None else str(alarm["entry"])
        cells = (escape(found), escape(alarm["log"]), severity, what, entry, escape(count))
        labelled = zip(map(escape, words["head"]), cells, strict=True)
        yield "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in labelled) + "</tr>"
