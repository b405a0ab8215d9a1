from typing import Any

import pytest
from mercadito_events.inbox import Permanent
from notify.readings import ContactChange, PlacedOrder, SignedOut
from world import contact, order


def test_unknown_fields_are_left_alone() -> None:
    assert PlacedOrder.of(order(order_id="1", a_new_field={"x": 1})).order_id == "1"
    assert ContactChange.of(contact(shoe_size=38)).person_id == "person-1"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"number": ""}, "number"),
        ({"number": True}, "number"),
        ({"order_id": ""}, "order_id"),
        ({"order_id": 7}, "order_id"),
        ({"total_cents": 12.5}, "total_cents"),
        ({"total_cents": "100"}, "total_cents"),
        ({"total_cents": -1}, "total_cents"),
        ({"total_cents": True}, "total_cents"),
        ({"cutoff_at": "2026-11-24T04:00:00"}, "cutoff_at"),
        ({"cutoff_at": "soon"}, "cutoff_at"),
        ({"delivery_on": "24.11."}, "delivery_on"),
        ({"lines": None}, "lines"),
        ({"lines": [{"name": "x"}]}, "lines.0.name_es"),
        ({"store_id": "a b"}, "store_id"),
    ],
)
def test_an_order_that_cannot_be_read_is_refused_for_good(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(Permanent, match=named):
        PlacedOrder.of(order(**changes))


@pytest.mark.parametrize("address", ["no-at-sign", "a@b\r\nBcc: c@d", "a b@c", "@", "a@", "x" * 400 + "@y"])
def test_a_contact_without_a_usable_address_is_refused_without_telling_it(address: str) -> None:
    with pytest.raises(Permanent, match="email") as caught:
        ContactChange.of(contact(email=address))
    assert address not in str(caught.value)


def test_words_are_cleaned_on_the_way_in() -> None:
    assert PlacedOrder.of(order(store_name="a\r\nb\u202e")).store_name == "a b"
    assert ContactChange.of(contact(name="a\x00b")).name == "a b"


def test_a_sign_out_names_a_session_or_a_token_or_nothing() -> None:
    said = SignedOut.of({"person_id": "p", "until": "2026-11-24T04:00:00Z"})
    assert (said.session_id, said.token_id) == (None, None)
