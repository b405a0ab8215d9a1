"""Any sequence of files ends in the state that the rules say, and every account adds up."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mercadito_events.testing.exploring import examples

COLUMNS = (
    "Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Mostly Low,Mostly High,Origin,Item Size,"
    "Appearance,Price Comment"
)
SETTINGS = settings(
    max_examples=examples(20, exploring=1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# City, day, and what else tells rows apart: "fine" does not count for the day's quote, another origin does.
Key = tuple[str, str, str]
Value = tuple[str, str]
FileRow = tuple[Key, Value]

keys = st.tuples(
    st.sampled_from(["BOSTON", "MIAMI"]),
    st.sampled_from(["06/21/2021", "06/22/2021"]),
    st.sampled_from(["", "fine", "PERU"]),
)
values = st.tuples(st.sampled_from(["", "10", "11", "12"]), st.sampled_from(["few", "occas lower", "bad"]))
files = st.lists(st.tuples(keys, values), min_size=1, max_size=8)


def written(rows: Sequence[FileRow]) -> str:
    """Return the rows as a file; a comment "bad" stands for a row that can't be read."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write(COLUMNS + "\n")
    for (city, day, kind), (price, comment) in rows:
        low = "-1" if comment == "bad" else price
        tail = ["PERU" if kind == "PERU" else "MEXICO", "48s", "fine" if kind == "fine" else "", comment]
        writer.writerow(["LIMES", city, "", "cartons", "", day, low, price, "", "", *tail])
    return out.getvalue()


@dataclass
class Model:
    """The rules, written down once more and as plainly as can be."""

    stands: dict[Key, list[Value]] = field(default_factory=dict)
    replaced: int = 0

    def store(self, rows: Sequence[FileRow]) -> list[int]:
        """Store a file; return its account."""
        readable = [row for row in rows if row[1][1] != "bad"]
        distinct = list(dict.fromkeys(readable))
        unchanged = [(key, value) for key, value in distinct if value in self.stands.get(key, [])]
        stood = {key: list(values) for key, values in self.stands.items()}
        free = {key: [value for value in values if (key, value) not in distinct] for key, values in stood.items()}
        waiting = [row for row in distinct if row not in unchanged]
        for is_match in (_same_comment, _any):
            for key, value in list(waiting):
                old = next((old for old in free.get(key, []) if is_match(old, value)), None)
                if old is not None:
                    free[key].remove(old)
                    place = self.stands[key].index(old)
                    self.stands[key][place] = value
                    waiting.remove((key, value))
                    self.replaced += 1
        for key, value in waiting:
            self.stands.setdefault(key, []).append(value)
        new, changed = len(waiting), len(distinct) - len(unchanged) - len(waiting)
        doubles, bad = len(readable) - len(distinct), len(rows) - len(readable)
        return [len(rows), new, changed, len(unchanged), doubles, bad]

    def day_quotes(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return lowest and highest of each city and day, of rows without a flag and with a price."""
        found: dict[tuple[str, str], list[int]] = {}
        for (city, day, kind), values in self.stands.items():
            prices = [int(price) for price, _ in values if price]
            if prices and kind != "fine":
                found.setdefault((city, day), []).extend(prices)
        return {key: (min(prices), max(prices)) for key, prices in found.items()}


def _same_comment(old: Value, new: Value) -> bool:
    return old[1] == new[1]


def _any(_old: Value, _new: Value) -> bool:
    return True


def state(db: Any) -> Counter[FileRow]:
    """Return what stands, as the model has it."""
    rows = db.rows(
        "SELECT upper(market) AS city, to_char(quoted_on, 'MM/DD/YYYY') AS day, low, comment,"
        " CASE origin WHEN 'PERU' THEN origin ELSE quality END AS kind FROM quotes"
    )
    found: Counter[FileRow] = Counter()
    for row in rows:
        price = "" if row["low"] is None else f"{row['low']:.0f}"
        found[(row["city"], row["day"], row["kind"]), (price, row["comment"])] += 1
    return found


def days(db: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the day quotes, as the model has them."""
    rows = db.rows(
        "SELECT upper(s.market) AS city, to_char(d.quoted_on, 'MM/DD/YYYY') AS day, d.low, d.high"
        " FROM day_quotes d JOIN series s USING (series_id)"
    )
    return {(row["city"], row["day"]): (int(row["low"]), int(row["high"])) for row in rows}


@pytest.fixture
def fresh(db: Any, postgres_server: Any) -> Any:
    """Empties the tables before each example; the fixtures live as long as the test."""
    return lambda: postgres_server.empty(db.urls.name)


@given(sequence=st.lists(files, min_size=1, max_size=4))
@SETTINGS
def test_any_sequence_of_files_ends_as_the_rules_say(shelf: Any, db: Any, fresh: Any, sequence: list[Any]) -> None:
    fresh()
    model = Model()
    for number, rows in enumerate(sequence):
        expected = model.store(rows)
        shelf.crawl(**{f"f{number}": written(rows)})
        (file,) = db.rows("SELECT * FROM report_files WHERE name = :name", name=f"f{number}.csv")
        names = ("rows_read", "rows_new", "rows_changed", "rows_unchanged", "exact_doubles", "rows_quarantined")
        assert [file[name] for name in names] == expected
    assert state(db) == Counter((key, value) for key, values in model.stands.items() for value in values)
    assert db.value("SELECT count(*) FROM quote_versions") == model.replaced
    assert days(db) == model.day_quotes()
    ordinals = db.rows("SELECT array_agg(ordinal ORDER BY ordinal) AS found FROM quotes GROUP BY row_key")
    assert all(row["found"] == list(range(1, len(row["found"]) + 1)) for row in ordinals)


@given(rows=files, cuts=st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=4), seed=st.randoms())
@SETTINGS
def test_overlapping_parts_of_one_truth_end_in_the_same_state_in_any_order(
    shelf: Any, db: Any, fresh: Any, *, rows: list[FileRow], cuts: list[set[int]], seed: Any
) -> None:
    truth = [row for row in dict.fromkeys(rows) if row[1][1] != "bad"]
    keys_in_order = list(dict.fromkeys(key for key, _ in truth))
    parts = [[row for row in truth if keys_in_order.index(row[0]) in cut] for cut in cuts]
    parts = [part for part in parts if part]
    states = []
    for turn in range(2):
        fresh()
        for number, part in enumerate(parts if turn == 0 else reversed(parts)):
            seed.shuffle(part)
            shelf.crawl(**{f"f{number}": written(part)})
        states.append((state(db), days(db)))
        assert db.value("SELECT count(*) FROM quote_versions") == 0
    assert states[0] == states[1]
    assert states[0][0] == Counter({row for part in parts for row in part})
