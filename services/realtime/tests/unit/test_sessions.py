from types import SimpleNamespace
from typing import Any

from realtime.sessions import Sessions
from realtime.settings import Bounds


def someone(address: str = "a") -> Any:
    class Someone(SimpleNamespace):
        __hash__ = object.__hash__
        __eq__ = object.__eq__

    return Someone(address=address, id=address, due=1_000.0, stalled_since=None, buffered=lambda: 0)


def test_addresses_persons_and_all_together_are_bounded_and_leaving_makes_room() -> None:
    sessions = Sessions(Bounds(connections=3, per_person=1, per_address=2))
    first, second, third = someone(), someone(), someone()
    assert sessions.enter(first)
    assert sessions.enter(second)
    assert not sessions.enter(third)
    assert sessions.is_full
    assert sessions.claim(first, "p1")
    assert not sessions.claim(second, "p1")
    assert sessions.of_person("p1") == [first]
    for one in (first, third):
        sessions.leave(one)
    assert sessions.claim(second, "p1")
    assert sessions.enter(someone())
    assert len(sessions) == 2


def test_nothing_is_kept_of_who_left() -> None:
    sessions = Sessions(Bounds())
    for number in range(100):
        one = someone(str(number))
        sessions.enter(one)
        sessions.claim(one, str(number))
        sessions.leave(one)
    assert (len(sessions), len(sessions._addresses), len(sessions._persons)) == (0, 0, 0)


def test_who_is_due_is_checked_and_asked_for_the_next_time() -> None:
    sessions, one, other = Sessions(Bounds()), someone("a"), someone("b")
    checked: list[tuple[str, float]] = []

    def check(now: float) -> None:
        checked.append((one.id, now))
        one.due = now + 10

    one.check, other.due = check, 5_000.0
    for session in (one, other):
        sessions.enter(session)
    for now in (999.0, 1_000.5, 1_005.0, 1_011.0):
        sessions.check(now)
    assert checked == [("a", 1_000.5), ("a", 1_011.0)]
    assert sessions.with_id("b") is other
    assert sessions.with_id("c") is None


def test_who_leaves_while_it_is_checked_is_forgotten() -> None:
    sessions, one = Sessions(Bounds()), someone()
    one.check = lambda _now: sessions.leave(one)
    sessions.enter(one)
    sessions.check(2_000.0)
    sessions.due_changed(one)
    assert (len(sessions), len(sessions._timers)) == (0, 0)
