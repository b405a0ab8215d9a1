"""From the fields of a record to a quote. Reports repeat themselves, so what was read once is remembered."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from operator import itemgetter

from usda_ingest.errors import FileRefused
from usda_ingest.reading.formats.layout import Context, Layout
from usda_ingest.reading.formats.price_range import is_wide, read_prices
from usda_ingest.reading.quote import Prices, Quote, Said, Traits
from usda_ingest.reading.values import MAX_COMMENT_CHARS, day, text

NO_QUOTE = "no quote given"
# A week of all cities has 12,000 different descriptions in 56,000 rows; beyond that the oldest are forgotten.
REMEMBERED = 16_384
MAX_WIDE = 1_000

Texts = tuple[str, ...]


class RowReader:
    """Reads the records of one file.

    Args:
        layout: the file's format.
        names: the file's columns, folded and by the layout's names.
        context: what the rows can't say.

    Raises:
        FileRefused: columns are missing, or a required one occurs twice.

    """

    def __init__(self, layout: Layout, names: Sequence[str], context: Context) -> None:
        _check(layout, names)
        if not layout.day and context.published_on is None:
            raise FileRefused("its rows name no day, and the server gave no Last-Modified to know it by")
        self._layout, self._context = layout, context
        self._traits_of = _picker(names, layout.traits)
        self._said_of = _picker(names, (*layout.prices, *layout.comments, *layout.notes))
        self._merged = [_places(names, name) for name in layout.merged if names.count(name) > 1]
        self._day_of = _picker(names, (layout.day,))
        self._describe = lru_cache(REMEMBERED)(self._traits)
        self._read_said = lru_cache(REMEMBERED)(self._said)
        self._read_prices = lru_cache(REMEMBERED)(_judged)
        self._read_day = lru_cache(REMEMBERED)(self._day)
        self.wide: list[Quote] = []
        """Quotes with a range of more than half its middle, the first 1,000."""

    def read(self, line: int, fields: Sequence[str]) -> Quote:
        """Return the quote of a record.

        Raises:
            RowProblem: it can't be meant as it stands.

        """
        padded = [*fields, ""]  # where the pickers find what the file has no column for
        for places in self._merged:
            padded[places[0]] = next((fields[place] for place in places if fields[place].strip()), "")
        traits = self._describe(self._traits_of(padded))
        said, wide = self._read_said(self._said_of(padded))
        quoted_on = self._read_day(self._day_of(padded))
        quote = Quote(line, quoted_on, traits, said)
        if wide and len(self.wide) < MAX_WIDE:
            self.wide.append(quote)
        return quote

    def _traits(self, values: Texts) -> Traits:
        return self._layout.describe(dict(zip(self._layout.traits, values, strict=True)), self._context)

    def _day(self, values: Texts) -> date:
        published_on = self._context.published_on
        if not self._layout.day and published_on is not None:
            return published_on
        return day(values[0], self._layout.day, self._context.today)

    def _said(self, values: Texts) -> tuple[Said, bool]:
        low, high, mostly_low, mostly_high, *rest = values
        prices, wide = self._read_prices((low, high, mostly_low, mostly_high))
        comments, notes = rest[: len(self._layout.comments)], rest[len(self._layout.comments) :]
        comment = self._comment(comments, is_quoted=prices.low is not None)
        return Said(prices, comment, self._notes(notes)), wide

    def _comment(self, values: Sequence[str], *, is_quoted: bool) -> str:
        parts = [text(value, "comment", limit=MAX_COMMENT_CHARS) for value in values]
        joined = "; ".join(dict.fromkeys(part for part in (*parts, self._layout.comment) if part))
        return joined or ("" if is_quoted else NO_QUOTE)

    def _notes(self, values: Sequence[str]) -> Texts:
        named = zip(self._layout.notes, values, strict=True)
        return tuple(text(value, name, limit=MAX_COMMENT_CHARS) for name, value in named)


def _check(layout: Layout, names: Sequence[str]) -> None:
    missing = sorted(layout.required.difference(names))
    if missing:
        raise FileRefused(f"columns are missing: {', '.join(missing)}", 1)
    twice = sorted({name for name in layout.required - layout.merged if names.count(name) > 1})
    if twice:
        raise FileRefused(f"columns occur twice: {', '.join(twice)}", 1)


def _picker(names: Sequence[str], wanted: Sequence[str]) -> Callable[[Sequence[str]], Texts]:
    """Return what picks the wanted fields of a record that has a blank behind its last field."""
    places = [names.index(name) if name in names else len(names) for name in wanted]
    if not places:
        return lambda _record: ()
    if len(places) == 1:
        (only,) = places
        return lambda record: (record[only],)
    return itemgetter(*places)


def _places(names: Sequence[str], wanted: str) -> list[int]:
    return [place for place, name in enumerate(names) if name == wanted]


def _judged(written: tuple[str, str, str, str]) -> tuple[Prices, bool]:
    prices = read_prices(written)
    return prices, is_wide(prices)
