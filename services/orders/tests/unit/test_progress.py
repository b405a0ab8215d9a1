"""What a long command says while it works."""

import io

import pytest

from orders.entrypoints.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_elsewhere_than_on_a_terminal_there_are_plain_lines_every_few_seconds() -> None:
    out, clock = io.StringIO(), Clock()
    shown = Progress("orders", 1_000, out, clock)
    for _ in range(10):
        clock.now += 1
        shown.add(100)
    shown.finish()
    lines = out.getvalue().splitlines()
    assert lines == [
        "orders:  50% 500 of 1,000, 5 s left",
        "orders: 100% 1,000 of 1,000, 0 s left",
        "orders: 1,000 in 10.0 s",
    ]
    assert "\r" not in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_a_bar_is_drawn_over_itself() -> None:
    out, clock = Terminal(), Clock()
    shown = Progress("orders", 100, out, clock)
    clock.now += 2
    shown.add(50)
    shown.finish()
    drawn = out.getvalue().split("\r\x1b[K")
    assert drawn[1].startswith("█" * 15 + "░" * 15 + " orders:  50% 50 of 100, 2 s left")
    assert drawn[2] == "orders: 50 in 2.0 s\n"


def test_the_time_left_follows_the_rate_of_late_and_not_that_of_the_beginning() -> None:
    clock = Clock()
    shown = Progress("orders", 10_000, io.StringIO(), clock)
    for _ in range(10):
        clock.now += 1
        shown.add(500)
    for _ in range(60):
        clock.now += 1
        shown.add(50)
    assert shown.left_s() == pytest.approx(2_000 / 50, rel=0.1)


def test_nothing_is_guessed_too_early() -> None:
    clock = Clock()
    shown = Progress("orders", 10, io.StringIO(), clock)
    assert shown.left_s() is None
    clock.now += 0.1
    shown.add(1)
    assert shown.left_s() is None


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (45, "45 s")])
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
