"""Two plain plots as SVG: grouped bars, and lines over a logarithmic axis."""

from collections.abc import Mapping, Sequence
from math import log10
from xml.sax.saxutils import escape

COLOURS = ("#1b6ca8", "#d1495b", "#5a9367", "#edae49", "#7d5ba6", "#444444", "#3bb3a9", "#b07d3c")
IN_A_ROW = 4
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 320, 70, 70, 40


def _frame(title: str, body: Sequence[str], names: Sequence[str]) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *body,
    ]
    for place, name in enumerate(names):
        x = LEFT + place % IN_A_ROW * (WIDTH - LEFT) // max(3, min(IN_A_ROW, len(names)))
        y = HEIGHT - 36 + place // IN_A_ROW * 16
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{y + 9}" font-size="10">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _grid(most: float) -> list[str]:
    parts = []
    for step in range(5):
        y = HEIGHT - BOTTOM - step * (HEIGHT - BOTTOM - TOP) / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * step / 4:,.0f}</text>')
    return parts


def bars(title: str, series: Mapping[str, Mapping[str, float]]) -> str:
    """Return grouped bars: by name, a number for each group."""
    groups = list(next(iter(series.values())))
    most = 1.1 * max(value for each in series.values() for value in each.values())
    parts = _grid(most)
    room = (WIDTH - LEFT - 10) / len(groups)
    wide = room * 0.8 / len(series)
    for place, group in enumerate(groups):
        x0 = LEFT + place * room + room * 0.1
        for number, each in enumerate(series.values()):
            tall = each[group] / most * (HEIGHT - BOTTOM - TOP)
            x, y = x0 + number * wide, HEIGHT - BOTTOM - tall
            fill = COLOURS[number % len(COLOURS)]
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 3:.1f}" height="{tall:.1f}" fill="{fill}"/>')
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{y - 3:.1f}" text-anchor="middle" font-size="9">'
                         f"{each[group]:,.0f}</text>")  # fmt: skip
        parts.append(
            f'<text x="{x0 + room * 0.4:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(group)}</text>'
        )
    return _frame(title, parts, list(series))


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return lines over a logarithmic axis, from zero up."""
    xs = sorted({x for points in series.values() for x, _ in points})
    most = 1.2 * max(y for points in series.values() for _, y in points)
    low, high = log10(xs[0]), log10(xs[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - low) / ((high - low) or 1) * (WIDTH - LEFT - 60) + LEFT + 20
        return across, HEIGHT - BOTTOM - y / most * (HEIGHT - BOTTOM - TOP)

    parts = _grid(most)
    for x in xs:
        parts.append(f'<text x="{place(x, 0)[0]:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:,.0f}</text>')
    for number, points in enumerate(series.values()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _frame(title, parts, list(series))
