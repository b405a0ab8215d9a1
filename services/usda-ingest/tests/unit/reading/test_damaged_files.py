"""Files damaged at random: whatever comes, it is rows or a refusal, and nothing that the database can't hold."""

import gzip
import json
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mercadito_events.testing.exploring import examples
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection, Quarantined, ReportFile

TODAY = date(2026, 11, 21)
ODD = [
    b"\x00",
    b'"',
    b"\n",
    b"<",
    b"</table>",
    b"<!DOCTYPE x [",
    b"&#0;",
    b"&x;",
    b"]",
    b"}",
    b"\\ud800",
    b"\xff\xfe",
    b",",
]
PIECES = st.binary(max_size=6) | st.sampled_from(ODD)
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), max_size=4)


@pytest.fixture(scope="session")
def samples(
    mars: Callable[..., str], excel: Callable[..., str], xml: Callable[..., str], details: Callable[..., dict[str, Any]]
) -> list[bytes]:
    rows = [{"reporter_comment": "two\nlines"}, {"_section": "Report Header"}, {}]
    sections = [{"reportSection": "Report Details", "stats": {}, "results": [details(), details(low_price=1)]}]
    texts = [mars(*rows), excel({}, {"Low Price": "20"}), xml({}, {"comment": "ñ"}), json.dumps(sections)]
    return [text.encode() for text in texts]


@settings(
    max_examples=examples(150, exploring=5_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(which=st.integers(0, 3), changes=CHANGES, is_zipped=st.booleans())
def test_a_damaged_file_is_rows_or_a_refusal(
    *, samples: list[bytes], which: int, changes: list[tuple[float, int, bytes]], is_zipped: bool
) -> None:
    body = samples[which]
    for place, gone, piece in changes:
        start = int(place * len(body))
        body = body[:start] + piece + body[start + gone :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(gzip.compress(body) if is_zipped else body)
        try:
            for row in ReportFile(path, "file", TODAY).rows():
                check_storable(row)
        except FileRefused as refusal:
            check_text(refusal.reason)
        except NotAPriceReport as other:
            check_text(str(other))


def check_storable(row: Quote | Quarantined | OtherSection) -> None:
    if isinstance(row, Quarantined):
        check_text(row.reason)
        check_text(row.raw)
    elif isinstance(row, Quote):
        traits = row.traits
        texts = [traits.market, traits.commodity, traits.variety, traits.package, traits.size, traits.origin]
        for text in [*texts, row.comment, *row.notes]:
            check_text(text)
        assert row.prices.low is None or row.prices.low > 0


def check_text(text: str) -> None:
    assert "\x00" not in text
    text.encode()
