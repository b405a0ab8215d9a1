from hypothesis import given
from hypothesis import strategies as st
from realtime.timers import SLOT_S, Timers

names = st.sampled_from("abcd")
times = st.floats(min_value=0, max_value=50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, times),
        st.tuples(st.just("cancel"), names),
        st.tuples(st.just("pass"), st.floats(min_value=0, max_value=5)),
    ),
    max_size=60,
)


@given(steps)
def test_each_is_due_once_never_early_and_a_slot_late_at_most(script: list[tuple[str, ...]]) -> None:
    timers: Timers[str] = Timers()
    wanted: dict[str, float] = {}
    now = 0.0
    for step in script:
        match step:
            case ("set", name, due):
                timers.set(name, due)
                wanted[name] = due
            case ("cancel", name):
                timers.cancel(name)
                wanted.pop(name, None)
            case ("pass", seconds):
                now += seconds
                due = timers.pop_due(now)
                assert len(due) == len(set(due))
                assert all(wanted.pop(name) <= now for name in due)
                assert all(at > now - SLOT_S for at in wanted.values())
        assert len(timers) == len(wanted)


def test_nothing_is_kept_of_what_was_due_or_cancelled() -> None:
    timers: Timers[int] = Timers()
    for number in range(100):
        timers.set(number, number / 10)
        timers.set(number, number / 5)
    timers.cancel(0)
    timers.pop_due(1_000)
    assert (len(timers), timers._slots) == (0, {})
