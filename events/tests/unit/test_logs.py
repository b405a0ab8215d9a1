import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from mercadito_events.service.logs import MAX_DEPTH, configure


@pytest.fixture
def lines() -> Iterator[Any]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("orders", "1.2.3", "info", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_line_says_when_how_bad_who_and_what(lines: Any) -> None:
    structlog.get_logger("x").info("order_placed", order_id="7")
    (line,) = lines()
    assert line.pop("ts").endswith("Z")
    assert line == {"level": "info", "service": "orders", "version": "1.2.3", "event": "order_placed", "order_id": "7"}


def test_the_standard_library_logs_the_same_way(lines: Any) -> None:
    logging.getLogger("third.party").warning("went %s", "wrong", extra={"request_id": "r1", "token": "abc"})
    (line,) = lines()
    assert (line["event"], line["level"], line["request_id"]) == ("went wrong", "warning", "r1")
    assert line["token"] == "[removed]"


def test_what_is_bound_to_the_context_is_on_every_line(lines: Any) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger("x").info("one")
    logging.getLogger("y").error("two")
    assert [line["request_id"] for line in lines()] == ["r1", "r1"]


def test_below_the_level_nothing_is_written(lines: Any) -> None:
    structlog.get_logger("x").debug("quiet")
    logging.getLogger("y").debug("quiet")
    assert lines() == []


SECRET = "password db_password Authorization cookie set-cookie email link api_token X-API-Key recipient"
HARMLESS = "token_id email_count key_id jwks_file event_id order_id secret_file"


@pytest.mark.parametrize("name", SECRET.split())
def test_secrets_and_addresses_are_removed_at_any_depth(lines: Any, name: str) -> None:
    structlog.get_logger("x").info("e", **{name: "canary"}, deep={"list": [{name: "canary"}]})
    assert "canary" not in json.dumps(lines())


@pytest.mark.parametrize("name", HARMLESS.split())
def test_ids_and_counts_of_secret_things_stay(lines: Any, name: str) -> None:
    structlog.get_logger("x").info("e", **{name: "canary"})
    assert lines()[0][name] == "canary"


def test_a_line_break_in_a_value_does_not_make_a_second_line(lines: Any) -> None:
    structlog.get_logger("x").info("e", name='a\n{"level": "info", "event": "forged"}\x1b[2J')
    assert len(lines()) == 1


def test_anything_can_be_logged_and_nothing_endless(lines: Any) -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    structlog.get_logger("x").info("e", thing=object(), endless=endless, bad="\ud800")
    assert json.dumps(lines()[0]).count("self") <= MAX_DEPTH


def test_an_exception_is_one_line_with_its_trace(lines: Any) -> None:
    try:
        int("boom")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = lines()
    assert "ValueError: invalid literal" in line["exception"]


def test_warnings_are_logged(lines: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert any("old" in line["event"] for line in lines())
