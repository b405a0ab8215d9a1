"""What those who run the system read of what is amiss."""

from typing import Any

import pytest
from notify.kinds import kinds
from notify.recipients.contacts import Contact
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import Words, render
from world import HUB, sample

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202e"


def written(kind: str, language: Language, **changed: Any) -> Words:
    of = kinds()[kind]
    return render(of, of.reading.of(sample(kind) | changed), Contact("ada", "a@b.example", "Ada", language), HUB)


def plain(words: Words) -> tuple[str, str]:
    return words.text.replace("\u00a0", " "), words.html.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("kind", "language", "sentences"),
    [
        ("alarm_events", "en", ["notify__orders", "orders.comment.posted.v1", "GivenUp: failed 8 times"]),
        ("alarm_events", "es", ["notify__orders", "Permanent: PlacedOrder", "a nadie le llega dos veces"]),
        ("alarm_mails", "en", ["Order received", "3 refused, 1 nobody knows, 2 to nobody we know", "2 too late"]),
        ("alarm_mails", "es", ["rechazados: 3, no se sabe: 1, a nadie conocido: 2", "demasiado tarde: 2"]),
        ("alarm_relay", "en", ["First mail server", "ConnectionRefusedError", "Mail leaves by the other one."]),
        ("alarm_relay", "es", ["Primer servidor", "ConnectionRefusedError", "Los correos salen por el otro."]),
    ],
)  # fmt: skip
def test_text_and_html_say_the_same(kind: str, language: Language, sentences: list[str]) -> None:
    for said in plain(written(kind, language)):
        for sentence in sentences:
            assert sentence in said.replace("&amp;", "&"), sentence


@pytest.mark.parametrize(("language", "says"), [("en", "Mails had to wait"), ("es", "tuvieron que esperar")])
def test_where_no_relay_was_left_it_says_so_of_each(language: Language, says: str) -> None:
    first = sample("alarm_relay")["relays"][0]
    relays = [first, first | {"name": "secondary", "reason": "535 to sign-in: no"}]
    words = written("alarm_relay", language, relays=relays, all_away=True)
    assert says in words.html
    for said in plain(words):
        assert "ConnectionRefusedError" in said
        assert "535 to sign-in: no" in said
    assert {"en": "no mail server", "es": "no había servidor"}[language] in words.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_is_not_called_many(language: Language) -> None:
    kinds_ = [sample("alarm_mails")["kinds"][0] | {"failed": 1, "expired": 0}]
    assert written("alarm_mails", language, kinds=kinds_).subject.startswith(
        {"en": "A mail ", "es": "Un correo "}[language]
    )
    assert {"en": "an event", "es": "un aviso"}[language] in written("alarm_events", language, number=1).subject
    assert "1,204" in written("alarm_events", language, number=1_204).subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_relay_or_an_error_says_cannot_become_markup(language: Language) -> None:
    relays = [sample("alarm_relay")["relays"][0] | {"reason": HOSTILE}]
    newest = [sample("alarm_events")["newest"][0] | {"error": HOSTILE, "type": HOSTILE}]
    for words in (written("alarm_relay", language, relays=relays), written("alarm_events", language, newest=newest)):
        assert "<script>" not in words.html
        assert "49" not in words.text.split("alert(1)")[1][:20]
        assert "\u202e" not in words.text
