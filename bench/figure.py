"""A curve as an SVG of its own: lines with their names at their ends, readable on light and on dark pages. Pure.

Both axes are logarithmic for curves that are, so that a straight line at 45 degrees is a cost in proportion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from bench.model import Curve, Line

SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 780, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 225, 48, 52
COLOURS = ("#2f6fde", "#d2691e", "#2e9e5b", "#a347ba", "#c23b4b")
"""Each has a contrast of at least 3:1 to white and to the dark page of most readers."""

_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.grid { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .grid { stroke: #3d444d; }
}"""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to pixels."""

    least: float
    most: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        """The pixel of a value."""
        least, most, here = (math.log10(item) if self.log else item for item in (self.least, self.most, value))
        return round(self.start + (here - least) / (most - least) * (self.end - self.start), 1)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Where lines are drawn: at powers of ten and at the end, or at round steps."""
        if self.log:
            first, last = math.floor(math.log10(self.least)), math.ceil(math.log10(self.most))
            powers = (10.0**power for power in range(first, last + 1))
            return (*(value for value in powers if value < self.most), self.most)
        step = _round_step((self.most - self.least) / 5)
        return tuple(self.least + step * count for count in range(int((self.most - self.least) / step + 1e-9) + 1))


def svg(curve: Curve) -> str:
    """The whole figure."""
    places = [point[0] for line in curve.lines for point in line.points]
    x = _axis(places, LEFT, WIDTH - RIGHT, log=curve.log)
    if max(places) > x.least:  # names stand behind the last place, not among the lines of the grid
        x = replace(x, most=max(places))
    y = _axis([point[1] for line in curve.lines for point in line.points], HEIGHT - BOTTOM, TOP, log=curve.log)
    label, middle = escape(curve.title, {'"': "&quot;"}), (LEFT + WIDTH - RIGHT) / 2
    parts = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        f"<style>\n{_STYLE}\n</style>",
        f'<text class="title" x="{LEFT}" y="24">{escape(curve.title)}</text>',
        *_grid(x, y),
        f'<text x="{middle:g}" y="{HEIGHT - 12}" text-anchor="middle">{escape(curve.x)}</text>',
        f'<text x="{LEFT}" y="{TOP - 8}" text-anchor="middle">{escape(curve.y)}</text>',
        *_lines(curve.lines, x, y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(values: Sequence[float], start: float, end: float, *, log: bool) -> Axis:
    least, most = min(values), max(values)
    if log:
        low, high = 10.0 ** math.floor(math.log10(least)), 10.0 ** math.ceil(math.log10(most))
        return Axis(low, high if high > low else low * 10, start, end, log)
    step = _round_step((most or 1.0) / 5)
    return Axis(0.0, math.ceil((most or 1.0) / step) * step, start, end, log)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for value in x.ticks:
        at = x.at(value)
        yield f'<line class="grid" x1="{at}" y1="{TOP}" x2="{at}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{at}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_number(value)}</text>'
    for value in y.ticks:
        at = y.at(value)
        yield f'<line class="grid" x1="{LEFT}" y1="{at}" x2="{WIDTH - RIGHT}" y2="{at}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:g}" text-anchor="end">{_number(value)}</text>'


def _lines(lines: Sequence[Line], x: Axis, y: Axis) -> Iterator[str]:
    places = _apart([y.at(line.points[-1][1]) for line in lines])
    for line, colour, place in zip(lines, COLOURS, places, strict=False):
        points = [(x.at(one), y.at(other)) for one, other in line.points]
        path = " ".join(f"{one},{other}" for one, other in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{one}" cy="{other}" r="3" fill="{colour}"/>' for one, other in points)
        end = points[-1][0] + 10
        yield f'<text x="{end:g}" y="{place + 4:g}" style="fill: {colour}">{escape(line.name)}</text>'


def _apart(places: Sequence[float], gap: float = 16) -> list[float]:
    """The same places, moved down as far as it takes for names not to lie on each other."""
    moved: dict[int, float] = {}
    lowest = -gap
    for index in sorted(range(len(places)), key=lambda index: places[index]):
        lowest = max(places[index], lowest + gap)
        moved[index] = lowest
    return [moved[index] for index in range(len(places))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
