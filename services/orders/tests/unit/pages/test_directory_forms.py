"""Forms about stores and people meet what others saved meanwhile: nothing is lost, nothing is overwritten unseen."""

from uuid import uuid4

import pytest
from werkzeug.datastructures import MultiDict

from orders.entrypoints.pages.directory_forms import Typed

A, B, C, D = (str(uuid4()) for _ in range(4))


def form(**fields: str) -> Typed:
    named = {name.replace("_", "-", 1) if name.startswith("was_") else name: text for name, text in fields.items()}
    return Typed.posted(MultiDict(named), ("name",))


@pytest.mark.parametrize(
    ("was", "typed", "saved", "shown", "told"),
    [
        ("old", "old", "old", "old", False),
        ("old", "old", "theirs", "theirs", False),
        ("old", "mine", "old", "mine", False),
        ("old", "mine", "theirs", "mine", True),
        ("old", "same", "same", "same", False),
        ("old", "", "theirs", "", True),
        ("a\nb", "a\r\nb", "theirs", "theirs", False),
    ],
)
def test_each_box_takes_what_only_one_side_changed(was: str, typed: str, saved: str, shown: str, told: bool) -> None:
    met = form(name=typed, was_name=was).meeting({"name": saved}, frozenset(), 7)
    assert met.values["name"] == shown
    assert dict(met.saved) == ({"name": saved} if told else {})
    assert (met.was["name"], met.version) == (saved, 7)


def test_ticks_are_differences() -> None:
    typed = Typed({}, {}, ticked=frozenset({A, C}), shown=frozenset({A, B}))
    assert typed.wished(frozenset({A, B, D})) == {A, C, D}
    met = typed.meeting({}, frozenset({A, B, D}), 2)
    assert met.wished(frozenset({A, B, D})) == {A, C, D}


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 19, "²", " 1"])
def test_a_version_that_is_none_conflicts(version: str) -> None:
    assert form(name="", version=version).version == 0


def test_what_is_no_id_is_no_tick_and_no_form_is_too_long() -> None:
    posted = form(**{"name": "x" * 100_000, "tick-nobody": "yes", f"tick-{A}": "yes", "add-1": "  ", "add-2": "Lupe"})
    assert (posted.ticked, posted.added, len(posted.values["name"])) == ({A}, ("Lupe",), 2_000)
