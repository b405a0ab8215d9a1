"""Every migration step as text: what squawk says of its SQL; that none is edited once it was released."""

import json
from pathlib import Path

import pytest

from native.state import ROOT
from tests.migrations import previous
from tests.migrations.services import SERVICES, Service, revision
from tests.migrations.squawk import found_in

# Steps that were merged before they were checked, and are never edited; each was run against shops in use.
ONCE = {
    ("orders", "0002", "ban-drop-not-null"): "a reader of that time takes null for a password that never matches",
    ("orders", "0002", "adding-foreign-key-constraint"): "on new columns without a value: there is nothing to check",
    ("orders", "0002", "adding-field-with-default"): "generated columns rewrite products and series_quotes: thousands",
    ("orders", "0002", "require-concurrent-index-creation"): "there was no shop in use yet",
    ("orders", "0004", "ban-drop-constraint"): "the same transaction brings a wider one",
    ("usda", "0006", "require-concurrent-index-creation"): "on a column that was added empty, of one row for each file",
    ("usda", "0007", "require-concurrent-index-creation"): "forecasts has one row for each series: thousands",
    ("usda", "0008", "require-concurrent-index-deletion"): "dropping one takes milliseconds; the lock gives way",
    ("notify", "0002", "require-concurrent-index-creation"): "there was no shop in use yet",
    ("notify", "0003", "require-concurrent-index-creation"): "there was no shop in use yet",
    ("notify", "0004", "ban-drop-constraint"): "the same transaction brings a wider one",
    (
        "notify",
        "0004",
        "constraint-missing-not-valid",
    ): "messages holds 400 days of mails: read through in under a second",
    ("notify", "0007", "require-concurrent-index-creation"): "of what waits, which is little",
}


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.param
    return chosen


def test_squawk_finds_only_what_was_looked_at(service: Service, tmp_path: Path) -> None:
    sql: dict[str, str] = json.loads(service.ask("print_sql"))
    assert set(sql) == {revision(step) for step in service.steps[1:]}
    looked_at = {(step, rule) for name, step, rule in ONCE if name == service.name}
    # Both ways: an exception that nothing needs any more would hide what comes after it.
    assert found_in(sql, tmp_path) == looked_at


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE things DROP COLUMN name", "ban-drop-column"),
        ("ALTER TABLE things RENAME COLUMN name TO title", "renaming-column"),
        ("ALTER TABLE things ALTER COLUMN name SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE things ALTER COLUMN name TYPE varchar(5)", "changing-column-type"),
        (
            "ALTER TABLE things ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp()",
            "adding-field-with-default",
        ),
        ("CREATE INDEX things_name ON things (name)", "require-concurrent-index-creation"),
        ("ALTER TABLE things ADD CONSTRAINT c CHECK (id > 0)", "constraint-missing-not-valid"),
        ("DROP TABLE things", "ban-drop-table"),
    ],
)
def test_what_would_stop_the_running_version_is_found(statement: str, rule: str, tmp_path: Path) -> None:
    assert ("0002", rule) in found_in({"0002": f"BEGIN;\n{statement};\nCOMMIT;\n"}, tmp_path)


def test_a_step_that_was_released_is_never_edited(service: Service) -> None:
    folder = f"{service.project}/migrations/versions"
    released = previous.files(previous.commit(), folder)
    assert released
    now = {str(step.relative_to(ROOT)): step.read_text() for step in service.steps}
    assert {name: now.get(name) for name in released} == released
