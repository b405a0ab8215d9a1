"""Who may do what: every route of the service by everybody who might ask, made from the routes themselves.

A route that this table does not name fails the test, and so does a name without a route: nothing is added unguarded.
Whoever may do it gets any answer but a refusal of the person; what the answer is, other tests say.
"""

from typing import Any

import pytest
from flask import Flask

from tests.integration.route_rights import ROUTES, May
from tests.integration.scene import PLACE, Scene, scene

__all__ = ["scene"]

OF_THE_PROCESS = {"/healthz", "/readyz", "/metrics"}
CALLERS = ("nobody", "stranger", "owner", "staff", "admin")
REFUSED = {401, 403, 404}


def routes(app: Flask) -> set[str]:
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in OF_THE_PROCESS
    }


def test_every_route_is_in_the_table_and_nothing_else(app: Flask) -> None:
    assert routes(app) == set(ROUTES)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_route_is_open_to_those_it_is_for_and_to_nobody_else(scene: Scene, route: str) -> None:
    method, rule = route.split(" ", 1)
    for who in CALLERS:
        answer = scene.ask(who, method, rule)
        assert answer.status_code < 500, (who, answer.text)
        told = (who, answer.status_code, answer.headers.get("Location"))
        if who in ROUTES[route].value:
            assert not refused(answer), told
        elif who == "nobody":
            assert wants_sign_in(answer), told
        else:
            expected = {403, 404} if ROUTES[route] is May.OWNER else {403}
            assert answer.status_code in expected, told


def refused(answer: Any) -> bool:
    return answer.status_code in REFUSED and not _says_wrong_password(answer)


def _says_wrong_password(answer: Any) -> bool:
    """Tell a password that does not fit from a person who may not: the doors answer 401 to the former."""
    return answer.status_code == 401 and answer.request.path in ("/api/v1/tokens", "/sign-in", "/sign-in/code")


def wants_sign_in(answer: Any) -> bool:
    to_the_door = answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in")
    return bool(answer.status_code == 401 or to_the_door)


def test_a_buyer_lists_the_own_orders_only(scene: Scene) -> None:
    listed = {who: scene.ask(who, "GET", "/api/v1/orders").json["items"] for who in ("stranger", "owner", "staff")}
    assert {who: [order["id"] for order in orders] for who, orders in listed.items()} == {
        "stranger": [],
        "owner": [scene.ids["order_id"]],
        "staff": [scene.ids["order_id"]],
    }


def test_a_right_taken_away_is_gone_at_the_next_request(scene: Scene, world: Any) -> None:
    path = "/api/v1/orders/<uuid:order_id>"
    assert scene.ask("owner", "GET", path).status_code == 200
    world.run("DELETE FROM store_people WHERE store_id = :store", store=scene.ids["store_id"])
    assert scene.ask("owner", "GET", path).status_code == 404
    assert scene.ask("staff", "GET", "/staff").status_code == 200
    world.run("UPDATE people SET role = 'buyer' WHERE role = 'staff'")
    assert scene.ask("staff", "GET", "/staff").status_code == 403
    world.run("UPDATE people SET active = false")
    assert scene.ask("admin", "GET", "/api/v1/me").status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_cookie_changes_nothing_from_another_site(scene: Scene, site: str) -> None:
    client = scene.app.test_client()
    client.set_cookie("mercadito_session", scene.secrets["owner"])
    for route in sorted(ROUTES):
        method, rule = route.split(" ", 1)
        if method == "GET" or ROUTES[route] is May.ANYONE or not rule.startswith("/api/"):
            continue
        path = PLACE.sub(lambda place: scene.ids[place.group(1)], rule)
        answer = client.open(path, method=method, json={}, headers={"Sec-Fetch-Site": site, "Origin": "null"})
        assert answer.status_code == 403, (route, answer.status_code)
