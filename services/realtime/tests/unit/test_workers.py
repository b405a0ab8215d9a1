import pytest
from realtime.workers import BACK_OFF_MAX_S, BACK_OFF_MIN_S, DEATHS_WITHIN_S, MAX_DEATHS, _Place


def test_each_death_doubles_the_wait_up_to_its_bound() -> None:
    place = _Place(0)
    waits = []
    for now in range(MAX_DEATHS - 1):
        assert place.note_death(now)
        waits.append(round(place.start_at - now, 6))
    assert waits == [min(BACK_OFF_MAX_S, BACK_OFF_MIN_S * 2**n) for n in range(MAX_DEATHS - 1)]
    assert not place.note_death(MAX_DEATHS)


def test_a_death_now_and_then_never_ends_the_whole() -> None:
    place = _Place(0)
    for number in range(100):
        now = number * DEATHS_WITHIN_S / (MAX_DEATHS - 1.5)
        assert place.note_death(now)
        assert place.start_at - now <= BACK_OFF_MAX_S
    assert place.deaths == 100


def test_long_after_the_last_death_the_wait_is_short_again() -> None:
    place = _Place(0)
    place.note_death(0)
    place.note_death(1)
    place.note_death(1 + 2 * DEATHS_WITHIN_S)
    assert place.start_at - (1 + 2 * DEATHS_WITHIN_S) == pytest.approx(BACK_OFF_MIN_S)
