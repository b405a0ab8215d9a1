import json
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from justhtml import JustHTML
from notify.errors import Unrenderable
from notify.kinds import kinds
from notify.recipients.contacts import Contact
from notify.text import one_line
from notify.writing import rendering
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import Hub, Words, render, title
from world import HUB, KINDS, order, sample

PARTS = ("name.txt", "subject.txt", "body.txt", "body.html")
VOID = {"meta", "br", "img", "hr", "link", "input"}
EVERY = [(kind, language) for kind in sorted(kinds()) for language in LANGUAGES]


def written(
    kind: str, language: Language, data: dict[str, Any] | None = None, name: str = "Rosa Peña", hub: Hub = HUB
) -> Words:
    of = kinds()[kind]
    reader = Contact("p1", "rosa@tienda.example", one_line(name), language)
    return render(of, of.reading.of(data or sample(kind)), reader, hub)


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


GMAIL_CUTS_AT_BYTES = 102_000
GMAIL_KEEPS_STYLE_BYTES = 8_192


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_mail_is_flawless_html_and_small_enough_for_the_big_clients(kind: str, language: Language) -> None:
    html = written(kind, language).html
    assert JustHTML(html, collect_errors=True).errors == []
    assert len(html.encode()) < GMAIL_CUTS_AT_BYTES
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert all(len(style.encode()) < GMAIL_KEEPS_STYLE_BYTES for style in styles)
    assert re.findall(r"<h1[ >]", html) == ["<h1 "]
    assert "<title></title>" not in html


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_mail_says_who_writes_and_from_where(kind: str, language: Language) -> None:
    words = written(kind, language)
    assert words.text.endswith(f"{HUB.name}\n{HUB.address}\n")
    assert f"{HUB.name} · {HUB.address}" in words.html
    bare = written(kind, language, hub=replace(HUB, address=""))
    assert bare.text.endswith(f"\n{HUB.name}\n")
    assert f"{HUB.name} ·" not in bare.html


@pytest.mark.parametrize("link", ["https://elsewhere.example/x", "http://mercadito.example/x"])
def test_a_link_that_leads_away_from_the_hub_is_never_mailed_nor_told(link: str) -> None:
    with pytest.raises(Unrenderable, match="leads away") as caught:
        written("invitation", "en", sample("invitation") | {"link": link})
    assert link not in str(caught.value)


def test_every_folder_is_a_kind_and_is_complete() -> None:
    folders = {path.name for path in KINDS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(kinds())
    for folder in folders:
        assert (KINDS / folder / "sample.json").is_file()
        present = {
            str(path.relative_to(KINDS / folder)) for path in (KINDS / folder).glob("*/*.*") if "cache" not in str(path)
        }
        assert present == {f"{language}/{part}" for language in LANGUAGES for part in PARTS}


def test_people_have_a_word_of_their_language_for_every_kind() -> None:
    for language in LANGUAGES:
        words = [title(kind, language) for kind in sorted(kinds())]
        assert all(words)
        assert len(set(words)) == len(words)


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
    bare = replace(HUB, address="")
    english, spanish = written(kind, "en", hub=bare), written(kind, "es", hub=bare)
    assert english.subject != spanish.subject
    # What people wrote stays as they wrote it.
    typed = one_line(json.dumps(sample(kind), ensure_ascii=False).replace("\\n", " "))
    same = set(english.text.splitlines()) & set(spanish.text.splitlines())
    assert [line for line in same if len(line.split()) > 6 and line.removeprefix("> ") not in typed] == []
    shared = set(re.findall(r">([^<>]{12,})<", english.html)) & set(re.findall(r">([^<>]{12,})<", spanish.html))
    bare_texts = [one_line(unescape(text).strip("\u034f\u200c\xa0")) for text in shared]
    ours = [text for text in bare_texts if any(piece not in typed for piece in text.split(" · "))]
    assert [text for text in ours if re.search("[a-z]{4}", text) and not re.search(r"[${]", text)] == []


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
