from types import SimpleNamespace
from typing import Any

from realtime.sessions import Sessions
from realtime.settings import Bounds


def someone(address: str = "a") -> Any:
    class Someone(SimpleNamespace):
        __hash__ = object.__hash__
        __eq__ = object.__eq__

    return Someone(address=address)


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
