"""What a feed makes of what the server sends; the server itself is in the integration tests."""

from typing import Any

import pytest
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry
from realtime.consumers import Broken, _epoch_of
from realtime.feed import Feed, _Consumer
from realtime.metrics import Metrics


class Desk:
    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.taken: list[tuple[int, bool]] = []

    def restart(self, stream: str, epoch: str, floor: int, floor_ms: int) -> None:
        self.begun.append((epoch, floor))

    def take(self, stream: str, offset: int, at_ms: int, message: Msg, *, is_live: bool) -> None:
        assert at_ms == 1_795_225_196_434
        self.taken.append((offset, is_live))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def feed(desk: Desk) -> Feed:
    nobody: Any = None
    return Feed(nobody, "ORDERS", desk, Metrics(CollectorRegistry()))


def message(consumer_sequence: int, offset: int) -> Msg:
    nobody: Any = None
    reply = f"$JS.ACK.ORDERS.c.1.{offset}.{consumer_sequence}.1795225196434567890.0"
    return Msg(_client=nobody, subject="orders.x.v1", reply=reply, data=b"{}")


def consumer(*, begins: bool = False, to_load: int = 0) -> _Consumer:
    return _Consumer("c", "ORDERS.e", 0, begins, 40, to_load)


def test_the_first_message_of_a_stream_shows_where_it_begins(feed: Feed, desk: Desk) -> None:
    made = consumer(begins=True, to_load=2)
    for sequence, offset in ((1, 17), (2, 23), (3, 24)):
        feed._take(made, message(sequence, offset))
    assert desk.begun == [("ORDERS.e", 16)]
    assert desk.taken == [(17, False), (23, False), (24, True)]


def test_it_is_ready_only_when_everything_recent_was_read(feed: Feed) -> None:
    made = consumer(begins=True, to_load=2)
    feed._take(made, message(1, 17))
    feed._note_progress(made)
    assert feed.problem() == "the recent events of ORDERS are not read yet"
    feed._take(made, message(2, 18))
    feed._note_progress(made)
    assert feed.problem() is None


def test_a_gap_in_what_the_consumer_sent_is_noticed(feed: Feed, desk: Desk) -> None:
    made = consumer()
    feed._take(made, message(1, 17))
    with pytest.raises(Broken, match="3 of the consumer came in place of 2"):
        feed._take(made, message(3, 19))
    assert desk.taken == [(17, True)]


def test_a_lost_last_message_is_noticed_by_the_heartbeat(feed: Feed) -> None:
    made = consumer()
    feed._take(made, message(1, 17))
    feed._heed(made, {"Status": "100", "Nats-Last-Consumer": "1"})
    with pytest.raises(Broken, match="2 messages were sent, 1 came"):
        feed._heed(made, {"Status": "100", "Nats-Last-Consumer": "2"})


def test_what_was_pending_and_is_deleted_does_not_keep_it_from_being_ready(feed: Feed, desk: Desk) -> None:
    made = consumer(begins=True, to_load=5)
    feed._heed(made, {"Status": "100"})
    feed._note_progress(made)
    assert desk.begun == [("ORDERS.e", 40)]
    assert feed.problem() is None


@pytest.mark.parametrize("status", ["404", "408"])
def test_a_pull_that_ran_out_is_followed_by_the_next(feed: Feed, status: str) -> None:
    made = consumer()
    made.asked_for = 3
    feed._heed(made, {"Status": status})
    assert made.asked_for == 0


@pytest.mark.parametrize("headers", [{"Status": "409", "Description": "Consumer Deleted"}, {"Status": "503"}, {}])
def test_any_other_word_of_the_server_ends_this_consumer(feed: Feed, headers: dict[str, str]) -> None:
    with pytest.raises(Broken):
        feed._heed(consumer(), headers)


@pytest.mark.parametrize(
    ("created", "nanos"),
    [
        ("1970-01-01T00:00:00.000000035Z", 35),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("2026-11-21T01:50:55.9Z", 1_795_225_855_900_000_000),
    ],
)
def test_an_epoch_is_the_streams_name_and_the_nanoseconds_of_its_making(created: str, nanos: int) -> None:
    name, _, digits = _epoch_of("ORDERS", {"created": created}).partition(".")
    assert (name, int(digits, 36)) == ("ORDERS", nanos)
