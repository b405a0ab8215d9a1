"""Files made to break a reader: each ends in a clear refusal or in quarantined rows, in bounded time and memory."""

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading import raw_text, report_file
from usda_ingest.reading.report_file import Quarantined

Mars = Callable[..., str]
MIB = 1024 * 1024


def zip_of(body: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", body)
    return buffer.getvalue()


@pytest.mark.parametrize("formula", ['=CMD|"/c calc"!A1', "+1+1", "-2+3", "@SUM(A1:A9)", "=HYPERLINK(A1)"])
def test_a_formula_is_text_like_any_other(files: Any, mars: Mars, formula: str) -> None:
    row = {"variety": formula, "reporter_comment": formula}
    quote = files.quote(mars({name: value.replace('"', '""') for name, value in row.items()}))
    assert (quote.traits.variety, quote.comment) == (formula, formula)


@pytest.mark.parametrize("price", ["=30+2", "=CMD|' /c calc'!A1", "+30", "30;32", "0x1E", "\uff13\uff10"])
def test_a_formula_is_no_price(files: Any, mars: Mars, price: str) -> None:
    assert "low price is not a price" in files.reason(mars({"low_price": price}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda body: body + "x" * (10 * MIB), "field larger than field limit|more than 1048576 characters"),
        (lambda body: body + "," * (10 * MIB), "a record of more than 1048576 characters"),
        (lambda body: body + '"\n",' * (3 * MIB), "a record of more than 1048576 characters"),
        (lambda body: "a," * 1_000_000 + "\n" + body, "a record of more than 1048576 characters"),
        (lambda body: "a," * 400_000 + "\n" + body, "more than 1000 columns"),
    ],
)
def test_a_line_without_end_is_refused(files: Any, mars: Mars, change: Callable[[str], str], reason: str) -> None:
    body = change(mars({}))
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match=reason):
            files.rows(body)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_the_place_of_a_record_without_end_is_told(files: Any, mars: Mars) -> None:
    with pytest.raises(FileRefused) as refusal:
        files.rows(mars({}, {"reporter_comment": "two\nlines"}) + "x," * MIB)
    assert refusal.value.line == 5


def test_nul_and_other_control_characters_are_quarantined_and_shown(files: Any, mars: Mars) -> None:
    rows = files.rows(mars(*({"variety": f"a{character}b"} for character in "\x00\x07\x1b\x7f")))
    assert all(isinstance(row, Quarantined) and "control character" in row.reason for row in rows)
    assert "a␀b" in rows[0].raw


def test_a_quarantined_row_keeps_a_bounded_part_of_its_text(files: Any, mars: Mars) -> None:
    (row,) = files.rows(mars({"reporter_comment": "x" * 100_000}))
    assert len(row.raw) == 2_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (zip_of(b"a" * 10_000_000), "a zip archive or an .xlsx workbook; only gzip is unpacked"),
        (zip_of(b"")[-22:], "a zip archive; only gzip is unpacked"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "an Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (gzip.compress(gzip.compress(b"a,b\n")), "gzip within gzip"),
        (gzip.compress(zip_of(b"a,b\n")), "a zip archive"),
        (gzip.compress(b""), "the file is empty"),
        (bytes(1_000), "binary"),
    ],
)
def test_what_is_no_text_is_refused_by_name(files: Any, body: bytes, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        files.rows(body)


def test_a_gzip_bomb_is_never_held_whole(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_text, "MAX_TEXT_BYTES", 100 * MIB)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as stream:
        for _ in range(110):
            stream.write(bytes(b"a" * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match="more than 104857600 bytes of text"):
            files.rows(buffer.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_a_gzip_of_several_members_is_one_text(files: Any, mars: Mars) -> None:
    header, row = mars({}).split("\n", 1)
    assert files.quote(gzip.compress(header.encode() + b"\n") + gzip.compress(row.encode())).line == 2


def test_two_encodings_in_one_file_are_read_as_the_wider_one(files: Any, mars: Mars) -> None:
    header, first, second, _ = mars({"variety": "PIÑA"}, {"variety": "PIÑA"}).split("\n")
    rows = files.rows(header.encode() + b"\n" + first.encode() + b"\n" + second.encode("cp1252") + b"\n")
    assert [row.traits.variety for row in rows] == ["PI\u00c3\u2018A", "PIÑA"]


@pytest.mark.parametrize("container", ["csv", "html", "xml", "json"])
def test_too_many_rows_are_refused_in_every_container(
    *, files: Any, container: str, mars: Mars, excel: Mars, xml: Mars, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, str]] = [{}] * 4
    names = [name for name in mars().strip().split(",") if name != "published_Date"]
    result = "{" + ",".join(f'"{name}": ""' for name in names) + "}"
    results = '{"results": [' + ",".join([result] * len(rows)) + "]}"
    body = {"csv": mars(*rows), "html": excel(*rows), "xml": xml(*rows), "json": results}[container]
    monkeypatch.setattr(report_file, "MAX_ROWS", 3)
    with pytest.raises(FileRefused, match="more than 3 rows"):
        files.rows(body)


@pytest.mark.parametrize(
    "header", ["\u202elow_price", "low_price\u200b", "\uff4c\uff4f\uff57_price", "Low\nPrice,High Price"]
)
def test_a_header_that_only_looks_like_ours_is_no_report(files: Any, header: str) -> None:
    with pytest.raises((FileRefused, NotAPriceReport)):
        files.rows(f"{header},commodity\n1,2\n")
