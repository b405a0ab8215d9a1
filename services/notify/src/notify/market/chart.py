"""Draw a digest's chart: ``python -m notify.market.chart`` reads what to draw as JSON and writes a PNG.

A process of its own: what Pillow needs is given back when it ends, and what goes wrong in it stays there. It knows no
words: each text comes as it shall stand there.
"""

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

MAX_MEMORY_BYTES: Final = 400 * 1024 * 1024
MAX_CPU_S: Final = 8
MAX_INPUT_BYTES: Final = 100_000

# Twice as many pixels as points, for dense screens.
SCALE: Final = 2
WIDTH, ROW, TOP, FOOT = 600, 112, 14, 44
NAMES, CURVE, MARGIN = 232, 318, 22
"""Where names end, where curves begin, and what stays free at both sides."""
COLOURS: Final = 48

PAPER, RULE, INK, SOFT = "#fffdf8", "#e4dbc9", "#211d17", "#6a6155"
TONES: Final = {"up": "#8a5200", "down": "#2b6a38"}
NAME_PT, PRICE_PT, SMALL_PT = 21, 22, 19
NAME_LINES: Final = 2

Spot = tuple[float, float]


def draw(what: Mapping[str, Any]) -> bytes:
    """Return the PNG of ``{"since", "until", "rows": [{name, price, change, way, low, high, before, points}]}``.

    A point is [share of the time, share of the height]; ``before`` is the one that the change is counted from, ``low``
    and ``high`` are the prices at the lower and the upper line.
    """
    rows = what["rows"]
    height = TOP + ROW * len(rows) + FOOT
    picture = Image.new("RGB", (WIDTH * SCALE, height * SCALE), PAPER)
    pen = Pen(ImageDraw.Draw(picture))
    for number, row in enumerate(rows):
        _row(pen, row, TOP + ROW * number, is_last=number == len(rows) - 1)
    baseline = TOP + ROW * len(rows) + 8
    pen.words((CURVE, baseline), what["since"], SMALL_PT, SOFT)
    pen.words((WIDTH - MARGIN, baseline), what["until"], SMALL_PT, SOFT, anchor="ra")
    written = BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


class Pen:
    """Draws in points on a picture that has ``SCALE`` pixels for each."""

    def __init__(self, on: ImageDraw.ImageDraw) -> None:
        self._on = on
        self._fonts: dict[tuple[int, bool], ImageFont.FreeTypeFont] = {}

    def font(self, size: int, *, strong: bool = False) -> ImageFont.FreeTypeFont:
        """Return Source Sans Pro, which has the letters of Spanish."""
        key = (size, strong)
        if key not in self._fonts:
            name = f"SourceSansPro-{'Semibold' if strong else 'Regular'}.ttf"
            path = files("font_source_sans_pro") / "files" / name
            self._fonts[key] = ImageFont.truetype(BytesIO(path.read_bytes()), size * SCALE)
        return self._fonts[key]

    def words(self, at: Spot, words: str, size: int, colour: str, *, strong: bool = False, anchor: str = "la") -> None:
        """Write on one line."""
        place = (at[0] * SCALE, at[1] * SCALE)
        self._on.text(place, words, font=self.font(size, strong=strong), fill=colour, anchor=anchor)

    def width(self, words: str, size: int, *, strong: bool = False) -> float:
        """Return how wide words are."""
        return self.font(size, strong=strong).getlength(words) / SCALE

    def line(self, spots: Sequence[Spot], colour: str, width: float) -> None:
        """Draw from spot to spot."""
        self._on.line([(x * SCALE, y * SCALE) for x, y in spots], colour, round(width * SCALE), joint="curve")

    def shape(self, spots: Sequence[Spot], colour: str) -> None:
        """Fill what the spots surround."""
        self._on.polygon([(x * SCALE, y * SCALE) for x, y in spots], fill=colour)

    def dot(self, at: Spot, radius: float, colour: str) -> None:
        """Draw a filled circle."""
        x, y = at[0] * SCALE, at[1] * SCALE
        self._on.ellipse((x - radius * SCALE, y - radius * SCALE, x + radius * SCALE, y + radius * SCALE), fill=colour)


def _row(pen: Pen, row: Mapping[str, Any], top: int, *, is_last: bool) -> None:
    colour = TONES[row["way"]]
    lines = wrapped(pen, row["name"], NAMES - MARGIN)
    y = top + (12 if len(lines) == NAME_LINES else 22)
    for line in lines:
        pen.words((MARGIN, y), line, NAME_PT, INK, strong=True)
        y += 23
    y += 5
    pen.words((MARGIN, y), row["price"], PRICE_PT, INK)
    x = MARGIN + pen.width(row["price"], PRICE_PT) + 10
    _arrow(pen, (x, y + 8), row["way"], colour)
    pen.words((x + 19, y), row["change"], PRICE_PT, colour, strong=True)
    _curve(pen, row, top, colour)
    if not is_last:
        pen.line([(MARGIN, top + ROW), (WIDTH - MARGIN, top + ROW)], RULE, 1)


def _arrow(pen: Pen, at: Spot, way: str, colour: str) -> None:
    x, y = at
    spots = [(x, y + 11), (x + 13, y + 11), (x + 6.5, y)] if way == "up" else [(x, y), (x + 13, y), (x + 6.5, y + 11)]
    pen.shape(spots, colour)


def _curve(pen: Pen, row: Mapping[str, Any], top: int, colour: str) -> None:
    right, high, low = WIDTH - MARGIN - 8, top + 24, top + ROW - 24

    def spot(point: Sequence[float]) -> Spot:
        return CURVE + point[0] * (right - CURVE), low - point[1] * (low - high)

    for words, y in ((row["high"], high), (row["low"], low)):
        pen.line([(CURVE, y), (WIDTH - MARGIN, y)], RULE, 1)
        pen.words((CURVE - 10, y), words, SMALL_PT, SOFT, anchor="rm")
    pen.line([spot(point) for point in row["points"]], colour, 3)
    pen.dot(spot(row["before"]), 5, colour)
    pen.dot(spot(row["before"]), 2.5, PAPER)
    pen.dot(spot(row["points"][-1]), 6, colour)


def wrapped(pen: Pen, name: str, width: float) -> list[str]:
    """Return a name on at most two lines, cut with an ellipsis where it is longer."""
    lines: list[str] = []
    for word in name.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and pen.width(longer, NAME_PT, strong=True) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:NAME_LINES] or [""]
    kept[-1] = " ".join(lines[len(kept) - 1 :])
    return [_cut(pen, line, width) for line in kept]


def _cut(pen: Pen, line: str, width: float) -> str:
    if pen.width(line, NAME_PT, strong=True) <= width:
        return line
    while line and pen.width(f"{line}…", NAME_PT, strong=True) > width:
        line = line[:-1]
    return f"{line.rstrip(' ,')}…"


def main() -> None:
    """Draw what standard input says, within bounds of memory and time."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    sys.stdout.buffer.write(draw(json.loads(sys.stdin.buffer.read(MAX_INPUT_BYTES))))


if __name__ == "__main__":
    main()
