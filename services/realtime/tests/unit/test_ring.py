import json
import tracemalloc

import pytest
from realtime import ring as module
from realtime.ring import Entry, Ring, entry_of
from stand_ins import stock


def entry(offset: int, at_ms: int | None = None) -> Entry:
    return Entry(offset, at_ms if at_ms is not None else offset * 10, "offer", b"{}")


def offsets(found: list[Entry] | None) -> list[int] | None:
    return None if found is None else [one.offset for one in found]


def filled(*at: int) -> Ring:
    ring = Ring(floor=10, floor_ms=100)
    for offset in at:
        ring.append(entry(offset))
    return ring


def test_an_empty_ring_vouches_for_everything_above_its_floor() -> None:
    ring = filled()
    assert ring.head == 10
    assert offsets(ring.after(10)) == []
    assert offsets(ring.after(99)) == []
    assert ring.after(9) is None


def test_everything_after_a_position_comes_in_order_whether_or_not_a_message_has_that_offset() -> None:
    ring = filled(12, 15, 15, 20)
    assert offsets(ring.after(12)) == [15, 15, 20]
    assert offsets(ring.after(13)) == [15, 15, 20]
    assert offsets(ring.after(15)) == [20]
    assert offsets(ring.after(11)) == [12, 15, 15, 20]


def test_beyond_its_count_the_oldest_is_forgotten_and_no_longer_vouched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RING_MESSAGES", 2)
    ring = filled(11, 12, 13)
    assert len(ring) == 2
    assert ring.floor == 11
    assert ring.after(10) is None
    assert offsets(ring.after(11)) == [12, 13]


def test_half_of_an_event_that_was_forgotten_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RING_MESSAGES", 2)
    ring = filled(11, 12, 12, 12)
    assert ring.after(11) is None
    assert offsets(ring.after(12)) == []
    assert ring.since(120) is None


def test_what_is_too_old_is_forgotten() -> None:
    ring = filled(12, 15, 20)
    ring.trim(older_than_ms=150)
    assert offsets(ring.after(12)) == [15, 20]
    assert ring.after(11) is None
    ring.trim(older_than_ms=10_000)
    assert ring.head == 20
    assert offsets(ring.after(20)) == []


def test_since_a_time_gives_what_was_stored_then_or_later_or_nothing_at_all() -> None:
    ring = filled(12, 15, 20)
    assert offsets(ring.since(101)) == [12, 15, 20]
    assert offsets(ring.since(150)) == [15, 20]
    assert offsets(ring.since(201)) == []
    assert ring.since(100) is None
    ring.trim(older_than_ms=130)
    assert ring.since(120) is None


def test_what_is_kept_of_news_takes_little_more_than_its_text() -> None:
    tracemalloc.start()
    try:
        kept = [entry_of(stock("cycle:c1", f"o{number}", number, 1), number, 1) for number in range(1_000)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert json.loads(kept[7].data) == {"offer_id": "o7", "remaining": 7}
    assert used < 600 * len(kept)
