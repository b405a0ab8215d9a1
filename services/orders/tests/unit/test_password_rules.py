"""What a new password may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.errors import Invalid
from orders.domain.passwords import MAX_CHARACTERS, MIN_CHARACTERS, Weakness, WeakPassword, require_good, weakness_of

ROSA = ("rosa.delgado@tienda.example", "Rosa Delgado", "Mercadito")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "aguacates a diez",
        "ñandú 🥑🥑🥑 x",
        "          x y z  ",
        "abcdefghij k",
        "no uppercase no figures",
        "<script>alert(1)</script>",
        "x\x00y\x01z a b c",
        "Delgado Rosa 1987 y su perro",
    ],
)
def test_whatever_is_long_and_unusual_is_taken(password: str) -> None:
    assert weakness_of(password, about=ROSA) is None


def test_every_character_counts_as_one_and_the_bounds_are_inclusive() -> None:
    varied = "aguacate-ñ🥑"
    assert weakness_of(varied[: MIN_CHARACTERS - 1], about=()) is Weakness.TOO_SHORT
    assert weakness_of((varied * 100)[:MIN_CHARACTERS], about=()) is None
    assert weakness_of((varied * 100)[:MAX_CHARACTERS], about=()) is None
    assert weakness_of((varied * 100)[: MAX_CHARACTERS + 1], about=()) is Weakness.TOO_LONG


@pytest.mark.parametrize(
    "password",
    [
        "rosa.delgado@tienda.example",
        "ROSA.DELGADO@TIENDA.EXAMPLE",
        "rosa.delgado",
        "Rosa Delgado",
        "rosadelgado1987",
        "RosaDelgado!!",
        "mercadito2026",
        "Mercadito!",
    ],
)
def test_what_is_about_the_person_or_the_hub_is_refused(password: str) -> None:
    assert weakness_of(password, about=ROSA) is Weakness.ABOUT_YOU


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "9876543210",
        "0987654321",
        "qwertyuiop",
        "QWERTYUIOP",
        "abcdefghij",
        "password123",
        "Password1234!",
        "contraseña2026",
        "CONTRASEÑA123",
        "aaaaaaaaaa",
        "1212121212",
        "1q2w3e4r5t",
        "losangeles1",
        "teamomucho",
        " password123 ",
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    assert weakness_of(password, about=ROSA) is Weakness.COMMON


def test_names_of_a_letter_or_two_forbid_nothing() -> None:
    assert weakness_of("1234 a 567890", about=("a", "", "@")) is None


def test_a_weak_password_names_its_field() -> None:
    with pytest.raises(WeakPassword) as refused:
        require_good("short", about=())
    assert isinstance(refused.value, Invalid)
    assert [error.field for error in refused.value.errors] == ["new_password"]
    require_good("correct horse battery", about=ROSA)


@given(st.text(max_size=1_100))
def test_whatever_is_typed_gets_an_answer(password: str) -> None:
    weakness = weakness_of(password, about=(password, "x", "y"))
    assert weakness is None or weakness in Weakness
