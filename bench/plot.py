"""One picture, written by hand as SVG: where the CPU time of a request goes, beside one RSA-3072 operation."""

from html import escape

from bench.report import Report
from bench.signing import SigningResult

_WIDTH, _LEFT, _ROW, _BAR = 860, 250, 34, 18
_PARTS = (("key_cpu", "private-key operation, opening the key", "#8a8f98"), ("sam", "rest of sam", "#c2410c"))
_WEB = ("web_cpu", "web", "#1d6fa5")


def svg(report: Report) -> str:
    """The picture."""
    shown = [one for one in report.signing if one.hashes == 1]
    operation = report.keys["rsa-3072"][-1].warm * 1e3
    scale = (_WIDTH - _LEFT - 70) / max(one.web_cpu + one.sam_cpu for one in shown)
    height = 96 + _ROW * len(shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        '  font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 24, "CPU time of one request for one signature, milliseconds", weight="bold"),
        *_legend(),
    ]
    for number, one in enumerate(shown):
        lines += _bar(one, 66 + number * _ROW, scale)
    x = _LEFT + operation * scale
    lines.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="58" y2="{height - 26}" stroke="#111111" stroke-dasharray="4 3"/>'
    )
    lines.append(_text(x, height - 10, f"one RSA-3072 operation ({operation:.2f} ms)", anchor="middle"))
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> list[str]:
    found, x = [], 16
    for _, name, colour in (*_PARTS, _WEB):
        found.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/>')
        found.append(_text(x + 18, 47, name))
        x += 40 + 7 * len(name)
    return found


def _bar(one: SigningResult, y: int, scale: float) -> list[str]:
    key = min(one.key_cpu, one.sam_cpu)
    label = f"{one.algorithm}, {one.connections} conn., {one.approved} approved"
    found = [_text(_LEFT - 10, y + 14, label, anchor="end")]
    x = float(_LEFT)
    for value, colour in ((key, _PARTS[0][2]), (one.sam_cpu - key, _PARTS[1][2]), (one.web_cpu, _WEB[2])):
        width = value * scale
        found.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>')
        x += width
    return [*found, _text(x + 6, y + 14, f"{one.web_cpu + one.sam_cpu:.2f}")]


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="#111111">{escape(words)}</text>'
    )
