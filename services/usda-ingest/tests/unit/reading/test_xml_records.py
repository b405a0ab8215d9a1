from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from usda_ingest.errors import FileRefused, NotAPriceReport

Xml = Callable[..., str]


def test_the_portals_xml_export_says_the_same_as_its_excel_export(
    files: Any, xml: Xml, excel: Callable[..., str]
) -> None:
    from_xml, from_html = files.quote(xml({}), "a.xml"), files.quote(excel({}), "a.xls")
    assert (from_xml.row_key, from_xml.value_key) == (from_html.row_key, from_html.value_key)
    assert from_xml.prices.low == Decimal(12)


@pytest.mark.parametrize(
    ("declared", "charset"),
    [("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("utf-8", "utf-8"), ("ISO-8859-15", "iso-8859-15")],
)
def test_the_declared_charset_counts(files: Any, xml: Xml, declared: str, charset: str) -> None:
    body = xml({"varietyName": "PIÑA"}, declaration=f"<?xml version='1.0' encoding='{declared}'?>")
    assert files.quote(body.encode(charset)).traits.variety == "PIÑA"


def test_an_undeclared_charset_is_utf_8_with_or_without_its_mark(files: Any, xml: Xml) -> None:
    body = xml({"varietyName": "PIÑA"}, declaration="")
    assert files.quote(body).traits.variety == files.quote("\ufeff" + body.lstrip()).traits.variety == "PIÑA"


def test_a_field_that_an_item_leaves_out_is_blank(files: Any, xml: Xml) -> None:
    rows = files.rows(xml({}, {"subvarName": None, "comment": None, "highPriceMax": None}))
    assert [row.line for row in rows] == [1, 2]
    assert (rows[1].prices.high, rows[1].prices.single_price) == (Decimal(12), True)


def test_organic_is_a_word_or_a_letter(files: Any, xml: Xml) -> None:
    rows = files.rows(xml({"organic": "Organic"}, {"organic": "Y"}, {"organic": "N"}, {"organic": ""}))
    assert [row.traits.organic for row in rows] == [True, True, False, False]


def test_a_field_that_occurs_twice_quarantines_its_item(files: Any, xml: Xml) -> None:
    doubled = xml({}).replace("</item>", "<lowPriceMin>3</lowPriceMin></item>")
    assert files.reason(doubled) == "a field occurs twice"


def test_what_stands_around_the_items_is_no_item(files: Any, xml: Xml) -> None:
    wrapped = xml({}).replace("<report>", "<report><title>Prices</title>").replace("</report>", "<n>1</n></report>")
    assert files.quote(wrapped).line == 1


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (f'<?xml version="1.0"?><!DOCTYPE report [<!ENTITY a0 "ha">{LAUGHS}]>', "document type"),
        ('<!DOCTYPE report [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "document type"),
        ('<!DOCTYPE report SYSTEM "http://127.0.0.1:1/x.dtd">', "document type"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "charset UTF-16 is not read"),
        ('<?xml version="1.0" encoding="utf-7"?>', "charset utf-7 is not read"),
    ],
)
def test_entities_document_types_and_odd_charsets_are_refused(files: Any, xml: Xml, start: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        files.rows(xml({"comment": "&a11;&x;"}, declaration=start))


def test_an_unknown_entity_is_refused(files: Any, xml: Xml) -> None:
    with pytest.raises(FileRefused, match="undefined entity"):
        files.rows(xml({"comment": "&nbsp;"}))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<report>" + "<a>" * 100_000, "nested more than 100 deep"),
        ("<report><item><a>" + "a" * 10_000_000, "more than 131072 characters"),
        ("<report><item>" + "<a/>" * 1_000_000, "a record without end"),
        ("<report>" + "".join(f"<item><a{n}>1</a{n}></item>" for n in range(1_001)), "more than 1000 different"),
        ("<report><item" + "".join(f' a{n}=">"' for n in range(300_000)), "a tag or comment of more than 1048576"),
        ("<report><!--" + "a" * 3_000_000, "a tag or comment of more than 1048576"),
        ("<report>" + "".join(f"<x{n}></x{n}>" for n in range(2_001)), "different tags|a record without end"),
        ("<report>" + "".join(f"<x{n}><a>1</a></x{n}>" for n in range(2_001)), "more than 2000 different tags"),
        ("<report><item><a>1</a></item>", "no element found|not XML"),
        ("<report><item><a>\x01</a></item></report>", "not XML"),
        ("<report/>", "the file is empty"),
    ],
)
def test_xml_without_bounds_or_end_is_refused(files: Any, body: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        files.rows(body)


def test_an_answer_about_something_else_is_no_price_report(files: Any) -> None:
    with pytest.raises(NotAPriceReport):
        files.rows("<error><code>500</code><message>Try again</message></error>")
