from usda_ingest.api.search import matching, words

KINDS = [
    ("avocados", "hass"),
    ("limes", "seedless type"),
    ("lemons", ""),
    ("peppers, jalapeno", ""),
    ("xyloberries", ""),
]


def commodities(query: str) -> list[str]:
    return [commodity for commodity, _ in matching(KINDS, query)]


def test_words_have_neither_case_nor_accents() -> None:
    assert words("Piñas (Hawái), 2-LAYER") == ("pinas", "hawai", "2", "layer")
    assert words("n\u0303 ñ Ñ") == ("n", "n", "n")
    assert words(" \u200b_%\\'\ud800 ") == ()


def test_every_word_must_begin_a_word() -> None:
    assert commodities("hass aguacate") == ["avocados"]
    assert commodities("cados") == []
    assert commodities("chile jala") == commodities("jalapeño") == ["peppers, jalapeno"]
    assert commodities("chile hass") == []


def test_a_plural_finds_the_singular() -> None:
    assert commodities("limones") == ["limes", "lemons"]
    assert commodities("chiles") == ["peppers, jalapeno"]


def test_a_commodity_without_translation_is_found_by_its_own_name() -> None:
    assert commodities("xylo") == ["xyloberries"]


def test_a_query_without_words_finds_all() -> None:
    assert len(commodities(" ,;% ")) == len(KINDS)
