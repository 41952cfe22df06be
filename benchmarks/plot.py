"""Bar charts as SVG: no library, no script, readable on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROW, GAP, LABEL, WIDTH, VALUE = 22, 26, 150, 330, 130
COLOURS = ("#d97706", "#64748b", "#64748b", "#64748b", "#64748b")


@dataclass(frozen=True, slots=True)
class Bars:
    """One group of bars: a title, what is measured, and a value for each name; the first is ours.

    Attributes:
        bound: where a line is drawn, if there is something to be met.
    """

    title: str
    unit: str
    values: Sequence[tuple[str, float]]
    bound: float | None = None


def svg(groups: Sequence[Bars], note: str = "") -> str:
    """Return groups of bars, one below the other."""
    y, parts = 8, []
    for group in groups:
        y += 18
        parts.append(f'<text x="0" y="{y}" class="t">{escape(group.title)}</text>')
        y += 8
        most = max([value for _, value in group.values] + [group.bound or 0]) or 1
        top = y
        for (name, value), colour in zip(group.values, COLOURS, strict=False):
            length = WIDTH * value / most
            parts += [
                f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" rx="2" fill="{colour}"/>',
                f'<text x="{LABEL + length + 6:.1f}" y="{y + 15}">{value:.3g} {escape(group.unit)}</text>',
            ]
            y += ROW
        if group.bound is not None:
            x = LABEL + WIDTH * group.bound / most
            parts.append(
                f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{y}" stroke="#16a34a" stroke-dasharray="4 3"/>'
            )
        y += GAP - ROW
    if note:
        y += 18
        parts.append(f'<text x="0" y="{y}" class="n">{escape(note)}</text>')
    style = (
        "text{font:12px system-ui,sans-serif;fill:#475569}.t{font-weight:600;fill:#0f766e}.n{font-size:11px}"
        "@media(prefers-color-scheme:dark){text{fill:#cbd5e1}.t{fill:#5eead4}}"
    )
    size = f'width="{LABEL + WIDTH + VALUE}" height="{y + 12}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{style}</style>{"".join(parts)}</svg>\n'


def write(path: Path, groups: Sequence[Bars], note: str = "") -> None:
    """Write a chart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg(groups, note), encoding="utf-8")
