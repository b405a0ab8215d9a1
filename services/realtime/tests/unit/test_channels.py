from datetime import UTC, datetime

import pytest
from mercadito_events.service.identity import Identity
from realtime import channels


def person(role: str = "buyer", stores: tuple[str, ...] = ("s1",)) -> Identity:
    now = datetime.now(UTC)
    return Identity("p1", role, stores, "realtime", "t1", None, now, now)  # type: ignore[arg-type]


BUYER, STAFF, ADMIN = person(), person("staff", ()), person("admin", ())


@pytest.mark.parametrize(
    ("name", "who", "allowed"),
    [
        ("cycle:c1", BUYER, True),
        ("cycle:c1", STAFF, True),
        ("store:s1", BUYER, True),
        ("store:s2", BUYER, False),
        ("store:s2", STAFF, True),
        ("store:s2", ADMIN, True),
        ("person:p1", BUYER, True),
        ("person:p2", BUYER, False),
        ("person:p2", STAFF, False),
        ("person:p2", ADMIN, False),
        ("staff", BUYER, False),
        ("staff", STAFF, True),
        ("staff", ADMIN, True),
        ("crawls", BUYER, False),
        ("crawls", STAFF, True),
        ("prices", BUYER, True),
        ("prices", STAFF, True),
    ],
)
def test_who_may_watch_what_is_the_table_of_interfaces_md(name: str, who: Identity, allowed: bool) -> None:
    channel = channels.parse(name)
    assert channel is not None
    assert channels.may_watch(who, channel) is allowed


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cycle",
        "cycle:",
        "store",
        "staff:1",
        "prices:",
        "Staff",
        "cycle:a b",
        "cycle:ä",
        "cycle:a\n",
        "cycle:*",
        "cycle:a:b",
        "cycle:" + "x" * 65,
        "person:>",
        "orders.>",
        "x" * 4_000,
    ],
)
def test_a_name_there_is_no_channel_of_is_none(name: str) -> None:
    assert channels.parse(name) is None


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("cycle:1", "ORDERS"),
        ("store:1", "ORDERS"),
        ("person:1", "ORDERS"),
        ("staff", "ORDERS"),
        ("crawls", "USDA"),
        ("prices", "USDA"),
    ],
)
def test_each_channel_has_one_stream(name: str, stream: str) -> None:
    channel = channels.parse(name)
    assert channel is not None
    assert channel.stream == stream == channels.stream_of(name)
