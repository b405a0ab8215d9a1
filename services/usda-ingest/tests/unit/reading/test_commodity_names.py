import pytest
from usda_ingest.reading.commodity_names import BadCommodityNames, CommodityNames


def test_patterns_come_before_the_rule_for_names_and_the_first_that_fits_counts() -> None:
    names = CommodityNames.parse(
        " plums-*.csv = plums ;corn.csv=CORN, SWEET; US-gourds*.csv=PUMPKINS; *.txt=A; x.txt=B;"
    )
    found = {
        name: names.of(name)
        for name in ("plums-2017.csv", "corn.csv", "US-gourds.csv", "US-figs.csv", "x.txt", "a.csv")
    }
    assert found == {
        "plums-2017.csv": "PLUMS",
        "corn.csv": "CORN, SWEET",
        "US-gourds.csv": "PUMPKINS",
        "US-figs.csv": "FIGS",
        "x.txt": "A",
        "a.csv": "",
    }


def test_nothing_configured_leaves_the_rule_for_names() -> None:
    assert CommodityNames.parse("").of("US-pumpkins.utf8-bom.csv") == "PUMPKINS"
    assert CommodityNames.parse(" ; ").of("export.csv") == ""


@pytest.mark.parametrize("written", ["plums.csv", "=PLUMS", "a.csv=", "a b.csv=X", "a=" + "x" * 61, "a=b;" * 101])
def test_a_setting_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(BadCommodityNames):
        CommodityNames.parse(written)
