import pytest

from orders.domain.packs import category_in, pack_in, unit_in


@pytest.mark.parametrize(
    ("pack", "spanish"),
    [
        ("40 lb cartons", "cajas de 40 lb"),
        ("7/10 bushel cartons, 88s", "cajas de 7/10 bushel, 88s"),
        ("cartons 2 layer, 48s", "cajas de 2 capas, 48s"),
        ("flats 8 1-lb containers with lids", "charolas de 8 envases de 1 lb con tapa"),
        ("cartons bunched, 60s", "cajas en manojos, 60s"),
        ("50 lb sacks loose, jumbo", "sacos de 50 lb a granel, jumbo"),
        ("25 lb cartons, large", "cajas de 25 lb, grande"),
        ("10 lb reusable plastic containers (RPC)", "cajas de plástico de 10 lb (RPC)"),
        ("flats 12 1-pint baskets", "charolas de 12 canastas de 1 pinta"),
        ("1/2 cartons, 9s", "cajas de 1/2, 9s"),
        ("cartons 2 layer tray pack, 44 size", "cajas de 2 capas con charola, tamaño 44"),
        ("40 lb cartons containerized", "cajas de 40 lb en contenedor"),
        ("25 lb film bags topped", "bolsas de plástico de 25 lb sin hojas"),
        ("cartons 24 3 1/2-oz film bags", "cajas de 24 bolsas de plástico de 3 1/2 oz"),
        ("flats 12 1/2-pint cups with lids", "charolas de 12 vasos de 1/2 pinta con tapa"),
        ("5 kg/11 lb cartons", "cajas de 5 kg/11 lb"),
        ("9 kg (19.8 lb) containers loose", "envases de 9 kg (19.8 lb) a granel"),
        ("1 layer containers", "envases de 1 capa"),
        ("baled 10 5-lb film bags", "pacas de 10 bolsas de plástico de 5 lb"),
        ("30 lb mesh sacks, large-extra large", "sacos de malla de 30 lb, grande a extra grande"),
        ("something nobody listed", "something nobody listed"),
        ("", ""),
    ],
)
def test_a_pack_is_said_in_spanish(pack: str, spanish: str) -> None:
    assert pack_in(pack, "es") == spanish
    assert pack_in(pack, "en") == pack


def test_a_price_is_for_one_of_them() -> None:
    assert unit_in("40 lb cartons", "en") == "carton"
    assert unit_in("40 lb cartons", "es") == "caja"
    assert unit_in("24 inch", "en") is None


def test_categories_are_headings_in_either_language() -> None:
    assert category_in("fruit", "en") == "Fruit"
    assert category_in("Vegetables", "es") == "Verduras"
    assert category_in("moonrocks", "es") == "Moonrocks"
