"""What a mail about a changed or cancelled order says."""

from typing import Any

import pytest
from notify.kinds import kinds
from notify.readings import ChangedOrder
from notify.recipients.contacts import Contact
from notify.writing.formats import Language
from notify.writing.rendering import Words, render
from world import HUB, sample

LIMIT = {"field": "price_limit", "old": 4_000, "new": 4_500, "offer_id": "o9", "name": "Limes", "name_es": "Limón"}
GONE = {"field": "quantity", "old": 3, "new": None, "offer_id": "o9", "name": "Limes", "name_es": "Limón"}


def written(kind: str, language: Language, **changed: Any) -> Words:
    of = kinds()[kind]
    return render(of, of.reading.of(sample(kind) | changed), Contact("p1", "a@b.example", "Rosa", language), HUB)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Avocados, Hass: 2 instead of 1", "Onions, yellow: taken out (there were 4)", "Cilantro: 1 added"]),
        ("es", ["Aguacate Hass: 2 en vez de 1", "Cebolla amarilla: se quitó (eran 4)", "Cilantro: se agregó 1"]),
    ],
)
def test_every_change_is_told_with_the_name_of_its_product(language: Language, sentences: list[str]) -> None:
    words = written("order_changed", language)
    for sentence in sentences:
        assert sentence in words.text
        assert sentence in words.html


@pytest.mark.parametrize("kind", ["order_changed", "order_cancelled"])
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Limes: taken out, because $45.00 is above your limit of $40.00"),
        ("es", "Limón: se quitó, porque $45.00 pasa de su límite de $40.00"),
    ],
)
def test_what_a_price_limit_took_out_is_told_once_and_in_the_readers_language(
    kind: str, language: Language, said: str
) -> None:
    words = written(kind, language, changes=[GONE, LIMIT], reason="Limes: $45.00 is above the limit of $40.00")
    for text in (words.text, words.html):
        assert text.count(said) == 1
        assert "is above the limit of" not in text
        assert "(there were 3)" not in text


@pytest.mark.parametrize("kind", ["order_changed", "order_cancelled"])
def test_a_reason_is_told_as_it_was_given_and_one_by_phone_in_the_readers_language(kind: str) -> None:
    assert "Cerrado el viernes" in written(kind, "en", reason="Cerrado el viernes", changes=[]).text
    spanish = written(kind, "es", reason="by phone", changes=[])
    assert "Lo anotamos por teléfono." in spanish.text
    assert "by phone" not in spanish.text + spanish.html


def test_hostile_names_and_reasons_stay_text() -> None:
    hostile = "<img src=x>{{ 7*7 }}"
    for kind in ("order_changed", "order_cancelled"):
        html = written(kind, "en", changes=[GONE | {"name": hostile}], reason=hostile).html
        assert "<img" not in html
        assert "{{ 7*7 }}" in html


@pytest.mark.parametrize(
    "change",
    [
        {"field": "unit_price_cents", "old": "a", "new": "b"},
        {"field": "price_limit", "old": None, "new": 5},
        {"field": "max_unit_price_cents", "old": 1, "new": "b"},
        {"field": "of_a_later_version", "old": 1, "new": 2},
    ],
)
def test_a_change_without_words_for_it_is_left_to_the_page(change: dict[str, Any]) -> None:
    assert ChangedOrder.of(sample("order_changed") | {"changes": [change]}).differences == []
    assert written("order_changed", "es", changes=[change]).subject


def test_each_version_of_a_changed_order_is_news_of_its_own() -> None:
    kind = kinds()["order_changed"]
    about = [kind.about(kind.reading.of(sample("order_changed") | {"version": version})) for version in (2, 2, 3)]
    assert about[0] == about[1] != about[2]
