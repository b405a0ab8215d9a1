"""What the mails about market days, comments, tasks and crawls say."""

from typing import Any

import pytest
from notify.kinds import kinds
from notify.recipients.contacts import Contact
from notify.text import some_lines
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import Words, render
from world import HUB, sample

HOSTILE = '<img src=x onerror=alert(1)>{{ 7*7 }}\r\nBcc: a@b.example\u202e"'
OTHERS = "lupe"


def written(kind: str, language: Language, reader: str = "p1", /, **changed: Any) -> Words:
    of = kinds()[kind]
    return render(of, of.reading.of(sample(kind) | changed), Contact(reader, "a@b.example", "Rosa", language), HUB)


def plain(words: Words) -> tuple[str, str]:
    return words.text.replace("\u00a0", " "), words.html.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("kind", "language", "sentences"),
    [
        ("price_list", "en", ["Avocados, Hass", "carton, 48s", "$34.00", "up from $31.50", "59 more are"]),
        ("price_list", "es", ["Aguacate Hass", "caja, 48s", "subió de $31.50", "bajó de $46.50", "Hay 59 más"]),
        ("reminder", "en", ["La Esquina Market", "Monday, November 23, 8:00 PM (Pacific Time)"]),
        ("reminder", "es", ["La Esquina Market", "lunes 23 de noviembre, 8:00 p.m. (hora del Pacífico)"]),
        ("closing_summary", "en", ["38", "612 (57 products)", "$18,743.50", "Avocados, Hass", "8 short"]),
        ("closing_summary", "es", ["38", "612 (57 productos)", "$18,743.50", "Aguacate Hass", "faltaron 8", "faltó 1"]),
        ("comment", "en", ["Lupe Peña", "¿Pueden dejarlo por la puerta de atrás?", "La Esquina Market"]),
        ("comment", "es", ["Lupe Peña", "¿Pueden dejarlo por la puerta de atrás?", "pedido 1042"]),
        ("cycle_cancelled", "en", ["Tuesday, November 24", "No llegó el camión de Salinas.", "nothing is charged"]),
        ("cycle_cancelled", "es", ["martes 24 de noviembre", "No llegó el camión", "no se le cobra nada"]),
        ("task_finished", "en", ["export is done", "5,000"]),
        ("task_finished", "es", ["La exportación que pidió ya terminó", "5,000"]),
        ("crawl_failed", "en", ["index, mars", "HTTP 503", "1,610"]),
        ("crawl_failed", "es", ["index, mars", "HTTP 503", "1,610"]),
    ],
)  # fmt: skip
def test_text_and_html_say_the_same(kind: str, language: Language, sentences: list[str]) -> None:
    for said in plain(written(kind, language)):
        for sentence in sentences:
            assert sentence in said, sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unchanged_or_new_price_has_no_arrow(language: Language) -> None:
    offers = sample("price_list")["price_list"]
    words = written("price_list", language, price_list=[offers[1], offers[3]], offers_total=2)
    assert "▲" not in words.html
    assert "▼" not in words.html
    assert "(" not in words.text.split("Cilantro")[1].split("\n")[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hundred_prices_with_the_longest_names_are_not_cut_by_gmail(language: Language) -> None:
    offer = {
        "name": "ñ" * 80,
        "name_es": "ñ" * 80,
        "pack": "ñ" * 120,
        "unit_price_cents": 99_999,
        "last_unit_price_cents": 1,
    }
    words = written("price_list", language, price_list=[offer] * 100, offers_total=3_000)
    assert len(words.html.encode()) < 150_000
    usual = written("price_list", language, price_list=sample("price_list")["price_list"] * 20, offers_total=3_000)
    assert len(usual.html.encode()) < 102_000


@pytest.mark.parametrize(
    ("kind", "field", "shown"), [("price_list", "offers_total", "One more is"), ("price_list", "price_list", "")]
)
def test_what_an_older_publisher_leaves_out_is_not_missed(kind: str, field: str, shown: str) -> None:
    changed: dict[str, Any] = {field: 6} if shown else {field: [], "offers_total": None}
    words = written(kind, "en", **changed)
    assert shown in words.text
    assert "None" not in words.text + words.html


def test_a_close_without_sums_leads_to_the_page() -> None:
    words = written("closing_summary", "en", summary=None)
    assert "/staff/cycles/0199aa10-3333-7000-8000-000000000001" in words.text
    assert "None" not in words.text + words.html + words.subject


@pytest.mark.parametrize(("language", "said"), [("en", "1 order,"), ("es", "1 pedido,")])
def test_a_single_order_is_spoken_of_as_one(language: Language, said: str) -> None:
    sums = sample("closing_summary")["summary"] | {"orders": 1}
    assert said in written("closing_summary", language, summary=sums).subject


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("comment", {"text": HOSTILE, "store_name": HOSTILE, "number": HOSTILE}),
        ("reminder", {"store_name": HOSTILE}),
        ("cycle_cancelled", {"reason": HOSTILE}),
        ("crawl_failed", {"reason": HOSTILE, "source": HOSTILE}),
        ("task_finished", {"kind": HOSTILE}),
        ("price_list", {"price_list": [sample("price_list")["price_list"][0] | {"name": HOSTILE, "pack": HOSTILE}]}),
    ],
)
def test_what_people_typed_stays_text(kind: str, changes: dict[str, Any]) -> None:
    words = written(kind, "en", **changes)
    assert "<img" not in words.html
    assert "49" not in words.text.replace("0199", "")
    assert "\u202e" not in words.text + words.html + words.subject
    assert "\n" not in words.subject


def test_a_comment_of_the_hub_is_not_signed_as_the_stores() -> None:
    actor = {"person_id": "p9", "role": "staff", "name": "Sam"}
    words = written("comment", "es", actor=actor)
    assert words.subject == "Mercadito escribió sobre su pedido 1042"
    assert "Sam · Mercadito" in words.html
    assert "porque hace pedidos para La Esquina Market" in words.html


@pytest.mark.parametrize(
    ("kind", "language", "reader", "actor", "said"),
    [
        ("order_changed", "en", OTHERS, "buyer:", "You changed it yourself."),
        ("order_changed", "en", "rosa", "buyer:Lupe Peña", "Lupe Peña changed it."),
        ("order_changed", "en", "rosa", "buyer:", "Somebody of your store changed it."),
        ("order_changed", "es", "rosa", "staff:Sam", "Lo cambió Mercadito."),
        ("order_changed", "es", OTHERS, "buyer:Lupe", "Lo cambió usted."),
        ("order_cancelled", "en", "rosa", "admin:", "Mercadito cancelled it."),
        ("order_cancelled", "es", "rosa", "buyer:Lupe Peña", "Lo canceló Lupe Peña."),
        ("order_cancelled", "es", "rosa", "buyer:", "Lo canceló alguien de su tienda."),
    ],
)
def test_who_changed_an_order_is_told(kind: str, language: Language, reader: str, actor: str, said: str) -> None:
    role, _, name = actor.partition(":")
    who = {"actor": {"person_id": OTHERS, "role": role}, "actor_name": name}
    words = written(kind, language, reader, **who, reason="", changes=[])
    assert said in words.text
    assert said in words.html


def test_lines_are_kept_and_empty_ones_do_not_pile_up() -> None:
    assert some_lines(" a\u202e \r\n\r\n\n\n b\x00c \u2028d") == "a\n\nb c\nd"
    assert some_lines("\n\n") == ""


@pytest.mark.parametrize(
    ("language", "number", "says"),
    [("en", 1, "(1 product)"), ("es", 1, "(1 producto)"), ("en", 2, "(2 products)"), ("es", 2, "(2 productos)")],
)
def test_one_product_is_not_called_many(language: Language, number: int, says: str) -> None:
    summary = sample("closing_summary")["summary"] | {"products": number}
    for said in plain(written("closing_summary", language, summary=summary)):
        assert says in said


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_after_the_greeting_a_sentence_begins_as_its_language_has_it(kind: str) -> None:
    greeting, _, rest = written(kind, "es").text.partition(":\n\n")
    assert greeting.startswith("Hola"), kind
    first = next(letter for letter in rest if letter.isalpha())
    assert first.isupper(), rest[:60]
