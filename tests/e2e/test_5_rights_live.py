"""What a right withdrawn means for a page that is open at that moment."""

import time

import pytest
from websockets.exceptions import ConnectionClosed

from tests.driver.api import Client
from tests.driver.screen import Screen
from tests.driver.system import System

CUT_WITHIN_S = 5
UNAUTHENTICATED = 4001


def give_stores(staff: Client, person_id: str, store_ids: list[str]) -> None:
    answer = staff.http.patch(f"/api/v1/people/{person_id}", json={"store_ids": store_ids}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def test_who_loses_a_store_is_cut_off_at_once_and_hears_no_more_of_it(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    buyer, owner = buyers[4], buyers[0]
    person_id, own, other = str(buyer.me["id"]), buyer.store_id, owner.store_id
    give_stores(staff, person_id, [own, other])
    try:
        buyer.sign_in()
        with Screen(system.url, buyer, f"store:{other}", f"store:{own}") as screen:
            give_stores(staff, person_id, [own])
            taken_at = time.monotonic()
            with pytest.raises(ConnectionClosed) as cut:
                screen.sees("nothing that there is", within_s=CUT_WITHIN_S)
            assert cut.value.rcvd is not None
            assert cut.value.rcvd.code == UNAUTHENTICATED
            assert time.monotonic() - taken_at < CUT_WITHIN_S
        buyer.sign_in()
        with Screen(system.url, buyer, f"store:{own}") as screen:
            assert screen.asks(f"store:{other}") == {"err": {"code": "forbidden", "c": f"store:{other}"}}
    finally:
        give_stores(staff, person_id, [own])
        buyer.sign_in()
