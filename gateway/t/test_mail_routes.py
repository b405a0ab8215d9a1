"""``/mail/*``: what mail programs, mail providers and people who follow a mail's links meet at the gateway."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from faulty import Service, answer, reset
from gateway import Gateway

STOP = "/mail/unsubscribe/" + "s1gned" * 10
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
BOUNCES = "/mail/bounces"


@pytest.fixture
def notify(gateway: Gateway) -> Service:
    return gateway.services["notify"]


def test_a_one_click_post_waits_while_notify_restarts_and_is_done_once(gateway: Gateway, notify: Service) -> None:
    notify.stop()
    gateway.wait_for("notify", "held")
    with ThreadPoolExecutor() as pool:
        # What Gmail sends: no cookie, no origin, nobody to read a page that says "later".
        held = pool.submit(gateway.fetch, STOP, "POST", ONE_CLICK, **FORM)
        gateway.wait_for_waiting(1, "notify")
        notify.start()
        got = held.result()
    assert got.status == 200
    assert got.held_ms
    assert got.headers["Set-Cookie"] is got.headers["Location"] is None
    assert [(request.method, request.path, request.body) for request in notify.seen] == [("POST", STOP, ONE_CLICK)]
    assert notify.seen[0].first("Content-Type") == FORM["Content_Type"]


def test_a_one_click_post_that_may_have_run_is_not_sent_again(gateway: Gateway, notify: Service) -> None:
    notify.script.append(reset)
    got = gateway.fetch(STOP, "POST", ONE_CLICK, Idempotency_Key="notify-honours-none", **FORM)
    assert (got.status, got.headers["X-Gateway-Outcome"]) == (502, "unknown")
    assert notify.executed(STOP) == 1


def test_a_report_of_a_bounce_arrives_to_the_byte_with_what_signs_it(gateway: Gateway, notify: Service) -> None:
    body = json.dumps({"events": [{"type": "bounced", "detail": "ñ\u2028" * 50_000}]}).encode()
    signed = {"webhook_id": "msg_1", "webhook_timestamp": "1796000000", "webhook_signature": "v1,bXlzaWc= v1a,x"}
    notify.stop()
    gateway.wait_for("notify", "held")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(gateway.fetch, BOUNCES, "POST", body, Content_Type="application/json", **signed)
        gateway.wait_for_waiting(1, "notify")
        notify.start()
        assert held.result().status == 200
    seen = notify.seen[0]
    assert hashlib.sha256(seen.body).digest() == hashlib.sha256(body).digest()
    assert {name: seen.first(name.replace("_", "-")) for name in signed} == signed


def test_a_flood_of_reports_is_turned_away_and_says_when_to_come_back(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_RATE_PER_S="3")
    got = [gateway.fetch(BOUNCES, "POST", b"{}", Content_Type="application/json") for _ in range(20)]
    turned_away = [each for each in got if each.status == 429]
    assert turned_away
    assert gateway.services["notify"].executed(BOUNCES) == 20 - len(turned_away)
    # A provider sends it again: to a program it is told as to a program, and when.
    assert turned_away[0].headers["Content-Type"] == "application/problem+json"
    assert int(turned_away[0].headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", [BOUNCES, STOP, "/mail/preferences/x"])
def test_a_body_over_the_bound_reaches_nobody(bounded: Gateway, path: str) -> None:
    assert bounded.fetch(path, "POST", b"x" * 1_048_577).status == 413
    assert bounded.services["notify"].seen == []


@pytest.fixture(scope="module")
def bounded(make_lasting_gateway: Callable[..., Gateway]) -> Gateway:
    return make_lasting_gateway(GATEWAY_BODY_MB="1")


@pytest.mark.parametrize("said", ["no-store", "public, max-age=31536000, immutable", "no-cache"])
def test_how_long_its_pages_may_be_kept_is_notifys_word(gateway: Gateway, notify: Service, said: str) -> None:
    notify.script.append(answer(200, b"x", f"Cache-Control: {said}"))
    assert gateway.fetch("/mail/page.css?v=0123").headers.get_all("Cache-Control") == [said]


@pytest.mark.parametrize("path", [STOP, "/mail/preferences/s1gned.s1gned"])
def test_a_signed_link_is_told_to_nobody_and_stands_in_no_frame(gateway: Gateway, notify: Service, path: str) -> None:
    answers = [gateway.fetch(path), gateway.fetch(path, "POST", ONE_CLICK, **FORM)]
    notify.script.append(reset)
    answers.append(gateway.fetch(path, "POST", ONE_CLICK, **FORM))
    assert [each.status for each in answers] == [200, 200, 502]
    for each in answers:
        assert each.headers.get_all("Referrer-Policy") == ["no-referrer"]
        assert "frame-ancestors 'none'" in each.headers["Content-Security-Policy"]
        assert "unsafe" not in each.headers["Content-Security-Policy"]
