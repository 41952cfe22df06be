"""Cost against quality, the frontier marked: as text for a terminal, and as SVG for a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from math import log

from ..money import dollars
from .options import Option
from .planner import Plan

CHOSEN, BEST, OTHER = "◉", "●", "·"
LEGEND = f"{CHOSEN} chosen   {BEST} the frontier: no other beats it   {OTHER} beaten, or too small"

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 60
STYLE = """<style>
text{font-size:12px;fill:#333} .s{font-size:10px} .p{fill:#fff} .f{stroke:#0a7d4f;fill:none} .d{fill:#0a7d4f}
@media(prefers-color-scheme:dark){text{fill:#ddd} .p{fill:#16181d} .f{stroke:#4cc38a} .d{fill:#4cc38a}}
</style>"""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a cost and a quality are, as parts of the chart's width and height. Costs are on a logarithmic scale."""

    costs: tuple[float, float]
    qualities: tuple[float, float]

    @classmethod
    def of(cls, found: Sequence[Option]) -> "_Scale":
        costs = [log(one.cost) for one in found]
        qualities = [float(one.quality) for one in found]
        wide, high = max(costs) - min(costs) or 1.0, max(qualities) - min(qualities) or 1.0
        return cls(
            (min(costs) - 0.06 * wide, max(costs) + 0.06 * wide),
            (min(qualities) - 0.12 * high, max(qualities) + 0.12 * high),
        )

    def place(self, cost: int, quality: Decimal) -> tuple[float, float]:
        (first, last), (low, high) = self.costs, self.qualities
        return (log(cost) - first) / (last - first), (float(quality) - low) / (high - low)


def text(plan: Plan, width: int = 64, height: int = 12) -> str:
    """Return the chart in characters."""
    scale = _Scale.of(plan.options)
    grid = [[" "] * width for _ in range(height)]
    for one in sorted(plan.options, key=lambda one: (one == plan.chosen, one in plan.best)):
        right, up = scale.place(one.cost, one.quality)
        row, column = height - 1 - min(height - 1, int(up * height)), min(width - 1, int(right * width))
        grid[row][column] = CHOSEN if one == plan.chosen else BEST if one in plan.best else OTHER
    lines = [f"{'':>7}│{''.join(row)}".rstrip() for row in grid]
    ranked = sorted({one.quality for one in plan.options})
    for quality in ranked:
        _, up = scale.place(plan.chosen.cost, quality)
        row = height - 1 - min(height - 1, int(up * height))
        lines[row] = f"{quality!s:>6} ┤{lines[row][8:]}"
    cheap, dear = plan.options[0].cost, max(one.cost for one in plan.options)
    ends = dollars(cheap), dollars(dear)
    lines.append(f"{'':>7}└{'─' * width}")
    lines.append(f"{'quality':>7} {ends[0]}{'cost':^{width - len(ends[0]) - len(ends[1])}}{ends[1]}")
    return "\n".join([*lines, f"{'':>8}{LEGEND}"])


def svg(plan: Plan) -> str:
    """Return the chart as an SVG image, readable on light and on dark pages."""
    scale = _Scale.of(plan.options)

    def at(cost: int, quality: Decimal) -> tuple[float, float]:
        right, up = scale.place(cost, quality)
        return round(LEFT + right * (WIDTH - LEFT - RIGHT), 1), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1)

    title = f"{plan.chosen.name} for {dollars(plan.chosen.cost)}, {plan.compared}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        STYLE,
        f'<rect width="{WIDTH}" height="{HEIGHT}" class="p"/>',
        f'<text x="{LEFT}" y="24" style="font-size:15px;font-weight:bold">{escape(title)}</text>',
    ]
    for quality in sorted({one.quality for one in plan.options}):
        _, y = at(plan.chosen.cost, quality)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#8884"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{quality}</text>')
    best = sorted(plan.best, key=lambda one: (one.cost, one.quality))
    line = " ".join("{},{}".format(*at(one.cost, one.quality)) for one in _stairs(best))
    parts.append(f'<polyline points="{line}" class="f" stroke-width="1.5" stroke-dasharray="4 3"/>')
    for one in plan.options:
        x, y = at(one.cost, one.quality)
        shown = escape(one.line())
        if one == plan.chosen:
            parts.append(f'<circle cx="{x}" cy="{y}" r="11" class="f" stroke-width="2"/>')
        look = 'class="d"' if one in best else 'fill="#999"'
        parts.append(f'<circle cx="{x}" cy="{y}" r="5" {look}><title>{shown}</title></circle>')
        parts.append(f'<text x="{x}" y="{y + 24}" text-anchor="middle" class="s">{_label(one)}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}">{dollars(plan.options[0].cost)}</text>')
    dear = dollars(max(one.cost for one in plan.options))
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">{dear}</text>')
    parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 10}" text-anchor="middle">cost (each step to the right '
                 'multiplies) · quality of 10 upwards · green: no other beats it</text>')  # fmt: skip
    return "\n".join([*parts, "</svg>", ""])


def _label(one: Option) -> str:
    return f"{one.fps} · {one.resolution.split('x')[1]}p"


def _stairs(best: Sequence[Option]) -> list[Option]:
    """Return the options at which quality rises with cost."""
    found: list[Option] = []
    for one in best:
        if not found or one.quality > found[-1].quality:
            found.append(one)
    return found
