"""What a digest tells: the choice of prices, their rounding, what each reader sees."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.kinds import kinds
from notify.market import chart, drawing
from notify.market.choice import Candidate, by_movement, drawn
from notify.market.digest import MAX_BOUGHT, MAX_EACH_WAY, MAX_MOVES, Digest, Move
from notify.market.readings import Quote
from notify.recipients.contacts import Contact
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import Picture, render
from PIL import Image
from world import HUB, sample

ON, BEFORE = date(2026, 11, 27), date(2026, 11, 20)


def move(cents: int, last_cents: int, name: str = "Limes") -> Move:
    return Move(name=name, name_es=f"{name} es", cents=cents, on=ON, last_cents=last_cents, last_on=BEFORE)


def digest(**changes: Any) -> Digest:
    return Digest.of(sample("price_digest") | changes)


@pytest.mark.parametrize(
    ("cents", "last_cents", "way", "percent"),
    [
        (3400, 3150, "up", "7.9%"),
        (3150, 3400, "down", "7.4%"),
        (2200, 2200, "level", "0%"),
        (2100, 2000, "up", "5%"),
        (1095, 1000, "up", "9.5%"),
        (10995, 10000, "up", "10%"),
        (1095, 1_00, "up", "995%"),
        (1_125, 1_000, "up", "13%"),
        (0, 2000, "down", "100%"),
    ],
)
def test_a_change_is_told_in_cents_and_rounded_per_cent(cents: int, last_cents: int, way: str, percent: str) -> None:
    told = move(cents, last_cents)
    assert (told.change, told.way, told.percent) == (cents - last_cents, way, percent)


@pytest.mark.parametrize(("reference", "cents"), [("31.505", 3151), ("31.504999", 3150), ("0.00", 0), (None, None)])
def test_a_price_is_rounded_half_up_to_a_cent(reference: str | None, cents: int | None) -> None:
    quote = {"series_id": "7ef50267-9d81-5ff5-b9c1-3e384a133fdf", "date": "2026-01-08", "reference": reference}
    assert Quote.of(quote).cents == cents


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), max_size=120))
def test_those_that_moved_most_come_first_and_no_more_than_may(prices: list[tuple[int, int]]) -> None:
    candidates = [Candidate(UUID(int=number), move(*pair)) for number, pair in enumerate(prices)]
    ranked = by_movement(candidates)
    shares = [abs(each.move.change) / each.move.last_cents for each in ranked]
    assert shares == sorted(shares, reverse=True)
    assert len(ranked) == min(len(prices), MAX_MOVES)
    assert by_movement(candidates[::-1]) == ranked


@pytest.mark.parametrize(
    ("ways", "shown"),
    [
        ("uuuuudd", [0, 1, 5, 6]),
        ("uuuuud", [0, 1, 2, 5]),
        ("dddddd", [0, 1, 2, 3]),
        ("ull", [0]),
        ("l", []),
    ],
)
def test_the_chart_shows_both_ways_where_there_are_both(ways: str, shown: list[int]) -> None:
    prices = {"u": (110, 100), "d": (90, 100), "l": (100, 100)}
    assert drawn([move(*prices[way]) for way in ways]) == shown


def test_a_reader_sees_first_what_the_stores_buy_and_nothing_twice() -> None:
    moves = [move(200 - number, 100, f"up {number}") for number in range(20)]
    moves += [move(50 + number, 100, f"down {number}") for number in range(20)] + [move(100, 100, "level")]
    told = digest(
        moves=[each.model_dump() for each in moves],
        lines=[],
        bought={"one": [1, 21, 40], "other": [0, 1, 2, 3, 4, 5], "gone": [79]},
    )
    mine = told.shown(["one"])
    assert [each.name for each in mine.bought] == ["up 1", "down 1", "level"]
    assert [each.name for each in mine.up] == ["up 0", "up 2", "up 3", "up 4"]
    assert [each.name for each in mine.down] == ["down 0", "down 2", "down 3", "down 4"]
    both = told.shown(["one", "other", "unknown"])
    assert len(both.bought) == MAX_BOUGHT
    assert told.shown(["gone"]).bought == told.shown([]).bought == []
    assert len(told.shown([]).up) == len(told.shown([]).down) == MAX_EACH_WAY
    assert [each.name for each in told.headline(["one"])] == ["up 1", "down 1"]
    assert [each.name for each in told.headline([])] == ["up 0", "down 0"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chart_is_a_picture_that_a_mail_can_carry(language: Language) -> None:
    png = drawing.chart(digest(), language)
    assert png is not None
    assert len(png) <= drawing.MAX_PNG_BYTES
    with Image.open(BytesIO(png)) as picture:
        picture.load()
        assert picture.size[0] == chart.WIDTH * chart.SCALE
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1_000) or ()}
    # Paper of its own, whatever the mail lies on, and both ways in their colours.
    assert {(255, 253, 248), (138, 82, 0), (43, 106, 56)} <= colours


def test_every_letter_of_spanish_is_drawn() -> None:
    pen = chart.Pen(None)  # type: ignore[arg-type] - it only measures
    for strong in (False, True):
        font = pen.font(20, strong=strong)
        for letter in "áéíóúüñÁÉÍÓÚÜÑ¿¡$%…·\u2013\u2019":
            assert bytes(font.getmask(letter)) != bytes(font.getmask("\U0010ffff")), letter


def test_what_cannot_be_drawn_costs_the_picture_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for command, most_s in (
        (("/no/such/python",), 5.0),
        (("/bin/false",), 5.0),
        (("/bin/echo", "no picture"), 5.0),
        (("/bin/cat", "/dev/zero"), 0.3),
        (("/bin/sleep", "30"), 0.3),
    ):
        monkeypatch.setattr(drawing, "COMMAND", command)
        monkeypatch.setattr(drawing, "MAX_S", most_s)
        assert drawing.chart(digest(), "en") is None, command
    assert drawing.chart(digest(lines=[]), "en") is None


def test_a_chart_larger_than_a_mail_should_be_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_PNG_BYTES", 1_000)
    assert drawing.chart(digest(), "en") is None


@pytest.mark.parametrize("name", ["W" * 300, "A " * 100, "ñandú 🥑 مرحبا", "", " "])
def test_whatever_a_product_is_called_a_chart_is_drawn(name: str) -> None:
    told = sample("price_digest")
    told["moves"][0] |= {"name": name}
    assert drawing.chart(Digest.of(told), "en") is not None


def test_the_ends_of_the_chart_are_days_of_the_readers_language() -> None:
    ends = [(told["since"], told["until"]) for told in (drawing._what(digest(), "en"), drawing._what(digest(), "es"))]
    assert ends == [("Oct 5", "Nov 30"), ("5 oct", "30 nov")]


def test_a_few_cents_are_no_leap() -> None:
    low, high = drawing._bounds([2_000, 2_010])
    assert (high - low) / high >= drawing.LEAST_SPAN
    assert low <= 2_000
    assert high >= 2_010
    assert drawing._bounds([0, 5]) == (0, 100)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mail_shows_its_picture_with_words_that_say_the_same(language: Language) -> None:
    kind, picture = kinds()["price_digest"], Picture(b"\x89PNG")
    reader = Contact("p1", "rosa@tienda.example", "Rosa", language, ("sample-store",))
    words = render(kind, digest(), reader, HUB, picture=picture)
    assert words.html.count(f'src="cid:{picture.content_id}"') == 1
    alt = words.html.partition('alt="')[2].partition('"')[0]
    for each in ("$23.50", "$20.50", "$41.00", "$46.50"):
        assert each in alt
        assert each in words.text
    bare = render(kind, digest(), reader, HUB)
    assert "<img" not in bare.html
    assert bare.text == words.text


def test_a_reader_without_orders_is_told_what_moved_most() -> None:
    reader = Contact("p1", "rosa@tienda.example", "Rosa", "en", ("another-store",))
    words = render(kinds()["price_digest"], digest(), reader, HUB)
    assert "What you buy" not in words.text + words.html
    assert "Went up most:" in words.text
    assert "Bananas" not in words.text
    assert words.subject == (
        "Market prices this week: Tomatoes, Roma up 15%; Nopales, cleaned and diced, the… down 12%"
    )


def test_the_sample_holds_together() -> None:
    told = digest()
    for line in told.lines:
        shown = told.moves[line.move]
        assert line.points[-1] == (shown.on, shown.cents)
        assert (shown.last_on, shown.last_cents) in line.points
        assert list(line.points) == sorted(line.points)
        assert line.points[0][0] >= told.since
    assert told.until - told.since == timedelta(weeks=8)
