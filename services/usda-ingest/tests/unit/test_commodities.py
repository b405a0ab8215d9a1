from usda_ingest.commodities import known


def test_both_spellings_of_a_commodity_have_a_spanish_name_and_a_category() -> None:
    for name in ("Avocados", "AVOCADOS", " avocados "):
        found = known(name)
        assert found is not None
        assert (found.name_es, found.category) == ("Aguacates", "Fruits")


def test_an_unknown_commodity_is_not_guessed() -> None:
    assert known("Xyloberries") is None
