"""What the tests of faults count and say, without a system."""

import asyncio

import pytest

from tests.driver.traffic.exchange import Answer, Door, Request
from tests.faults.__main__ import table
from tests.faults.patient import PatientDoor, PatientTally
from tests.faults.shopping import Cost

ORDER = Request("POST", "/api/v1/orders")


def asked(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> tuple[Answer, PatientTally]:
    """Ask once a gateway that says these things, one after the other."""
    said, tally = iter(answers), PatientTally()

    async def send(self: Door, request: Request, due: float | None = None) -> Answer:
        return next(said)

    monkeypatch.setattr(Door, "send", send)
    return asyncio.run(PatientDoor("http://localhost", tally).send(ORDER)), tally


def test_a_patient_client_asks_until_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Answer(503, 0, {"retry-after": "0", "x-held-ms": "25000"})
    unknown = Answer(502, 0, {"x-gateway-outcome": "unknown", "retry-after": "0"})
    answer, tally = asked(monkeypatch, told, unknown, Answer(201, 0))
    assert answer.status == 201
    now = tally.told["before"]
    assert dict(now.refused) == {"503": 1, "502 unknown": 1}
    assert (now.held, now.longest_held_s, now.ordering_refused, now.untold) == (1, 25.0, 2, [])


def test_a_refusal_that_says_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _, tally = asked(monkeypatch, Answer(503, 0), Answer(502, 0, {"retry-after": "0"}), Answer(201, 0))
    assert tally.told["before"].untold == [
        "POST /api/v1/orders: 503 without Retry-After",
        "POST /api/v1/orders: 502 without an outcome",
    ]


def test_a_refusal_for_good_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, tally = asked(monkeypatch, Answer(409, 0, body=b"sold-out"))
    assert (answer.status, dict(tally.told["before"].refused)) == (409, {})


def test_the_table_says_what_each_cost() -> None:
    cost = Cost("NATS stopped", 60.0, 4.2, requests=900, held=3, longest_held_s=1.5, refused={"503": 2})
    assert table([cost]).splitlines()[-1] == "| NATS stopped | 60 s | 900 | 3, 1.5 s | 2 of 503 | 0 | 4.2 s |"
