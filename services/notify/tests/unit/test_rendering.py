import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from notify import rendering
from notify.contacts import Contact
from notify.errors import Unrenderable
from notify.formats import LANGUAGES, Language
from notify.kinds import kinds
from notify.rendering import Hub, Words, render
from notify.text import one_line
from world import HUB, KINDS, order, sample

PARTS = ("subject.txt", "body.txt", "body.html")
VOID = {"meta", "br", "img", "hr", "link", "input"}
EVERY = [(kind, language) for kind in sorted(kinds()) for language in LANGUAGES]


def written(kind: str, language: Language, data: dict[str, Any] | None = None, name: str = "Rosa Peña") -> Words:
    of = kinds()[kind]
    return render(
        of, of.reading.of(data or sample(kind)), Contact("p1", "rosa@tienda.example", one_line(name), language), HUB
    )


class Tags(HTMLParser):
    """Fails on what is opened and not closed, or the other way round; collects text and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.seen: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def test_every_folder_is_a_kind_and_is_complete() -> None:
    folders = {path.name for path in KINDS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(kinds())
    for folder in folders:
        assert (KINDS / folder / "sample.json").is_file()
        present = {
            str(path.relative_to(KINDS / folder)) for path in (KINDS / folder).glob("*/*.*") if "cache" not in str(path)
        }
        assert present == {f"{language}/{part}" for language in LANGUAGES for part in PARTS}


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_kind_is_written_in_every_language(kind: str, language: Language) -> None:
    words = written(kind, language)
    assert words.subject
    assert "\n" not in words.subject
    assert len(words.subject) <= 120
    tags = parsed(words.html)
    assert f'<html lang="{language}"' in words.html
    for said in (words.text, " ".join(tags.text)):
        assert not re.search(r"\{\{|\{%|None|Undefined|\bmissing\b", said)
    assert all(link.startswith(f"{HUB.public_url}/") for link in tags.links)
    assert tags.seen["script"] == tags.seen["img"] == tags.seen["link"] == 0


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_languages_differ_in_every_part(kind: str) -> None:
    english, spanish = written(kind, "en"), written(kind, "es")
    assert english.subject != spanish.subject
    assert not {line for line in english.text.splitlines() if len(line.split()) > 6} & set(spanish.text.splitlines())
    shared = set(re.findall(r">([^<>]{12,})<", english.html)) & set(re.findall(r">([^<>]{12,})<", spanish.html))
    assert [text for text in shared if re.search("[a-z]{4}", text) and not re.search(r"[${]", text)] == []


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            ["Tuesday, November 24", "Monday, November 23, 8:00 PM (Pacific Time)", "Tomatoes, Roma", "carton, 48s"],
        ),
        (
            "es",
            [
                "martes 24 de noviembre",
                "lunes 23 de noviembre, 8:00 p.m. (hora del Pacífico)",
                "Jitomate roma",
                "caja, 48s",
            ],
        ),
    ],
)
def test_a_confirmation_says_what_was_ordered(language: Language, expected: list[str]) -> None:
    words = written("order_confirmation", language)
    html = " ".join(parsed(words.html).text)
    for said in (words.text.replace("\u00a0", " "), html.replace("\u00a0", " ")):
        for each in [*expected, "1042", "La Esquina Market", "$34.00", "$68.00", "$390.65"]:
            assert each in said, each
    assert "1042" in words.subject
    assert "$390.65" in words.subject
    link = f"{HUB.public_url}/orders/{sample('order_confirmation')['order_id']}"
    assert link in words.text
    assert f'href="{link}"' in words.html


@pytest.mark.parametrize(
    ("language", "partly", "nothing"),
    [
        ("en", "you asked for 5, only 3 were left", "you asked for 1, none were left"),
        ("es", "usted pidió 5 y solo quedaban 3", "usted pidió 1 y ya no quedaba"),
    ],
)
def test_what_fell_short_is_said_plainly(language: Language, partly: str, nothing: str) -> None:
    words = written("order_confirmation", language)
    for said in (words.text, words.html):
        assert partly in said
        assert nothing in said


@pytest.mark.parametrize(
    ("language", "said"), [("en", "you asked for 3, only 1 was left"), ("es", "usted pidió 3 y solo quedaba 1.")]
)
def test_a_single_case_that_was_left_is_spoken_of_as_one(language: Language, said: str) -> None:
    line = sample("order_confirmation")["lines"][0] | {"quantity": 1, "shorted": 2}
    words = written("order_confirmation", language, order(lines=[line]))
    assert said in words.text
    assert said in words.html


def test_a_line_that_was_filled_says_nothing_about_shortage() -> None:
    data = order(lines=[sample("order_confirmation")["lines"][0]])
    assert "Short" not in written("order_confirmation", "en", data).html


def test_a_reader_without_a_name_is_greeted_all_the_same() -> None:
    assert written("order_confirmation", "en", name="").text.startswith("Hello,\n")
    assert written("order_confirmation", "es", name="").text.startswith("Hola:\n")


def test_a_hostile_name_stays_text() -> None:
    hostile = "<img src=x onerror=alert(1)>{{ 7*7 }}\r\nBcc: everyone@example.com\u202e"
    data = order(store_name=hostile, number=hostile)
    words = written("order_confirmation", "en", data, name=hostile)
    assert parsed(words.html).seen["img"] == 0
    assert "{{ 7*7 }}" in words.text
    assert "\n" not in words.subject
    assert "\u202e" not in words.text + words.html + words.subject


def test_an_order_id_cannot_leave_its_place_in_the_link() -> None:
    words = written("order_confirmation", "en", order(order_id='../x?"><a'))
    (link,) = parsed(words.html).links
    assert link == f"{HUB.public_url}/orders/../x%3F%22%3E%3Ca"


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_whatever_a_name_is_the_mail_stays_well_formed(name: str) -> None:
    data = order(store_name=name.encode("utf-8", "replace").decode(), number="1")
    parsed(written("order_confirmation", "es", data, name=data["store_name"]).html)


def test_a_value_that_a_template_lacks_makes_no_half_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_cents: int) -> str:
        raise UndefinedError("'total' is undefined")

    hub = Hub("Mercadito", ZoneInfo("America/Denver"), "https://mercadito.example")
    kind = kinds()["order_confirmation"]
    monkeypatch.setattr(rendering, "money", lacking)
    with pytest.raises(Unrenderable, match="order_confirmation in en: UndefinedError"):
        render(kind, kind.reading.of(order()), Contact("p", "a@b.example", "A", "en"), hub)


def test_the_sample_is_an_event_body_that_orders_could_send() -> None:
    of = kinds()["order_confirmation"]
    assert json.loads((KINDS / of.name / "sample.json").read_text())["total_cents"] == sum(
        line["total_cents"] for line in sample(of.name)["lines"]
    )
