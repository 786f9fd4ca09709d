"""A captured pane of a terminal as an SVG that stands alone: no fonts and no scripts from elsewhere."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

THEME: Final = TerminalTheme(
    background=(22, 27, 34),
    foreground=(214, 222, 232),
    normal=[
        (22, 27, 34),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (214, 222, 232),
    ],
    bright=[
        (139, 148, 158),
        (255, 161, 152),
        (126, 231, 135),
        (242, 204, 96),
        (165, 214, 255),
        (226, 197, 255),
        (179, 240, 255),
        (255, 255, 255),
    ],
)
BAR: Final = 30
"""Height of the title bar that the library leaves room for."""

_VIEW: Final = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
FONTS: Final = 'ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace'
FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="TITLE">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{
font-family: FONTS; font-size: {char_height}px; line-height: {line_height}px; white-space: pre;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip">
<rect x="0" y="0" width="{width}" height="{height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#161b22" x="0" y="BAR" width="{width}" height="{height}" rx="6"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(captured: str, *, title: str, columns: int) -> str:
    """``captured`` is text with escape codes, as ``tmux capture-pane -e`` gives it."""
    text = captured.rstrip("\n")
    console = Console(
        record=True, file=io.StringIO(), width=columns, force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text), soft_wrap=True)
    drawn = console.export_svg(
        theme=THEME,
        code_format=FORMAT.replace("TITLE", escape(title)).replace("FONTS", FONTS).replace("BAR", str(BAR)),
        unique_id="t",
    )
    drawn = _VIEW.sub(lambda found: f'viewBox="0 {BAR} {found[1]} {float(found[2]) - BAR:.1f}"', drawn)
    return "\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n"
