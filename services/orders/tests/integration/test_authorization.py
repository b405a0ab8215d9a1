"""Who may do what: every route of the service by everybody who might ask, made from the routes themselves.

A route that this table does not name fails the test, and so does a name without a route: nothing is added unguarded.
Whoever may do it gets any answer but a refusal of the person; what the answer is, other tests say.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from orders.domain.people import Actor, Role
from tests.conftest import PASSWORD


class May(Enum):
    """Who may: each stands for the callers that are not refused."""

    ANYONE = ("nobody", "stranger", "owner", "staff", "admin")
    SIGNED_IN = ("stranger", "owner", "staff", "admin")
    """Each for oneself: there is nothing of another's in it."""
    OWNER = ("owner", "staff", "admin")
    """A store's own people, and staff for any store; to another buyer it is not there."""
    STAFF = ("staff", "admin")
    ADMIN = ("admin",)


ROUTES = {
    "POST /api/v1/tokens": May.ANYONE,
    "GET /api/v1/jwks.json": May.ANYONE,
    "GET /api/v1/openapi.json": May.ANYONE,
    "DELETE /api/v1/tokens/current": May.SIGNED_IN,
    "POST /api/v1/session/renew": May.SIGNED_IN,
    "GET /api/v1/me": May.SIGNED_IN,
    "POST /api/v1/realtime-tickets": May.SIGNED_IN,
    "GET /api/v1/cycles": May.SIGNED_IN,
    "GET /api/v1/cycles/current": May.SIGNED_IN,
    "GET /api/v1/cycles/<uuid:cycle_id>/offers": May.SIGNED_IN,
    "GET /api/v1/orders": May.SIGNED_IN,
    "POST /api/v1/orders": May.OWNER,
    "GET /api/v1/orders/<uuid:order_id>": May.OWNER,
    "PUT /api/v1/orders/<uuid:order_id>": May.OWNER,
    "DELETE /api/v1/orders/<uuid:order_id>": May.OWNER,
    "GET /": May.ANYONE,
    "GET /sign-in": May.ANYONE,
    "POST /sign-in": May.ANYONE,
    "POST /sign-out": May.ANYONE,
    "POST /language": May.ANYONE,
    "GET /order": May.SIGNED_IN,
    "POST /orders": May.OWNER,
    "GET /orders": May.SIGNED_IN,
    "GET /orders/<uuid:order_id>": May.OWNER,
    "POST /orders/<uuid:order_id>": May.OWNER,
    "POST /orders/<uuid:order_id>/cancel": May.OWNER,
    "GET /staff": May.STAFF,
    "GET /staff/board": May.STAFF,
    "DELETE /api/v1/people/<uuid:person_id>": May.STAFF,
    "DELETE /api/v1/products/<uuid:product_id>": May.STAFF,
    "DELETE /api/v1/stores/<uuid:store_id>": May.STAFF,
    "GET /api/v1/people": May.STAFF,
    "GET /api/v1/people/<uuid:person_id>": May.STAFF,
    "GET /api/v1/products": May.STAFF,
    "GET /api/v1/products.csv": May.STAFF,
    "GET /api/v1/products/<uuid:product_id>": May.STAFF,
    "GET /api/v1/products/<uuid:product_id>/suggestion": May.STAFF,
    "GET /api/v1/series": May.STAFF,
    "GET /api/v1/stores": May.STAFF,
    "GET /api/v1/stores/<uuid:store_id>": May.STAFF,
    "GET /staff/people": May.STAFF,
    "GET /staff/people/<uuid:person_id>": May.STAFF,
    "GET /staff/people/new": May.STAFF,
    "GET /staff/products": May.STAFF,
    "GET /staff/products/<uuid:product_id>": May.STAFF,
    "GET /staff/products/import": May.STAFF,
    "GET /staff/products/import/<uuid:upload_id>": May.STAFF,
    "GET /staff/products/new": May.STAFF,
    "GET /staff/stores": May.STAFF,
    "GET /staff/stores/<uuid:store_id>": May.STAFF,
    "GET /staff/stores/new": May.STAFF,
    "PATCH /api/v1/people/<uuid:person_id>": May.STAFF,
    "PATCH /api/v1/products/<uuid:product_id>": May.STAFF,
    "PATCH /api/v1/stores/<uuid:store_id>": May.STAFF,
    "POST /api/v1/people": May.STAFF,
    "POST /api/v1/people/<uuid:person_id>/invitation": May.STAFF,
    "POST /api/v1/products": May.STAFF,
    "POST /api/v1/products/import": May.STAFF,
    "POST /api/v1/stores": May.STAFF,
    "POST /staff/people": May.STAFF,
    "POST /staff/people/<uuid:person_id>": May.STAFF,
    "POST /staff/people/<uuid:person_id>/active": May.STAFF,
    "POST /staff/people/<uuid:person_id>/invitation": May.STAFF,
    "POST /staff/products": May.STAFF,
    "POST /staff/products/<uuid:product_id>": May.STAFF,
    "POST /staff/products/<uuid:product_id>/series": May.STAFF,
    "POST /staff/products/import": May.STAFF,
    "POST /staff/products/import/<uuid:upload_id>": May.STAFF,
    "POST /staff/stores": May.STAFF,
    "POST /staff/stores/<uuid:store_id>": May.STAFF,
    "POST /staff/stores/<uuid:store_id>/active": May.STAFF,
    "GET /forgot": May.ANYONE,
    "POST /forgot": May.ANYONE,
    "GET /reset/<secret>": May.ANYONE,
    "POST /reset/<secret>": May.ANYONE,
    "GET /welcome/<secret>": May.ANYONE,
    "POST /welcome/<secret>": May.ANYONE,
    "GET /sign-in/code": May.ANYONE,
    "POST /sign-in/code": May.ANYONE,
    "DELETE /api/v1/sessions/<uuid:session_id>": May.SIGNED_IN,
    "DELETE /api/v1/tokens/<uuid:token_id>": May.SIGNED_IN,
    "GET /account": May.SIGNED_IN,
    "GET /api/v1/cycles/<uuid:cycle_id>": May.SIGNED_IN,
    "GET /api/v1/sessions": May.SIGNED_IN,
    "GET /api/v1/tokens": May.SIGNED_IN,
    "POST /account/password": May.SIGNED_IN,
    "POST /account/sessions/<uuid:session_id>/end": May.SIGNED_IN,
    "POST /account/sessions/end-others": May.SIGNED_IN,
    "POST /account/tokens": May.SIGNED_IN,
    "POST /account/tokens/<uuid:token_id>/end": May.SIGNED_IN,
    "PUT /api/v1/me/password": May.SIGNED_IN,
    "POST /order/shelves": May.OWNER,
    "POST /order/view": May.OWNER,
    "DELETE /api/v1/people/<uuid:person_id>/second-factor": May.ADMIN,
    "DELETE /api/v1/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>": May.STAFF,
    "GET /account/second-factor": May.SIGNED_IN,
    "GET /api/v1/offers/<uuid:offer_id>/timeline": May.STAFF,
    "GET /staff/cycles": May.STAFF,
    "GET /staff/cycles/<uuid:cycle_id>": May.STAFF,
    "GET /staff/cycles/<uuid:cycle_id>/add": May.STAFF,
    "GET /staff/cycles/<uuid:cycle_id>/cancel": May.STAFF,
    "GET /staff/cycles/new": May.STAFF,
    "GET /staff/offers/<uuid:offer_id>": May.STAFF,
    "PATCH /api/v1/cycles/<uuid:cycle_id>": May.STAFF,
    "PATCH /api/v1/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>": May.STAFF,
    "POST /account/second-factor": May.STAFF,
    "POST /account/second-factor/confirm": May.STAFF,
    "POST /account/second-factor/off": May.SIGNED_IN,
    "POST /api/v1/cycles": May.STAFF,
    "POST /api/v1/cycles/<uuid:cycle_id>/accept-suggestions": May.STAFF,
    "POST /api/v1/cycles/<uuid:cycle_id>/cancel": May.STAFF,
    "POST /api/v1/cycles/<uuid:cycle_id>/copy": May.STAFF,
    "POST /api/v1/cycles/<uuid:cycle_id>/offers": May.STAFF,
    "POST /staff/cycles": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/accept": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/add": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/cancel": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>/accept": May.STAFF,
    "POST /staff/cycles/<uuid:cycle_id>/offers/<uuid:offer_id>/remove": May.STAFF,
    "DELETE /api/v1/stores/<uuid:store_id>/standing-order": May.OWNER,
    "GET /api/v1/orders/<uuid:order_id>/comments": May.OWNER,
    "GET /api/v1/stores/<uuid:store_id>/standing-order": May.OWNER,
    "POST /api/v1/orders/<uuid:order_id>/comments": May.OWNER,
    "POST /orders/<uuid:order_id>/comments": May.OWNER,
    "POST /standing-order": May.OWNER,
    "POST /standing-order/from-order": May.OWNER,
    "POST /standing-order/pause": May.OWNER,
    "POST /standing-order/remove": May.OWNER,
    "PUT /api/v1/stores/<uuid:store_id>/standing-order": May.OWNER,
    "GET /standing-order": May.SIGNED_IN,
}
OF_THE_PROCESS = {"/healthz", "/readyz", "/metrics"}
CALLERS = ("nobody", "stranger", "owner", "staff", "admin")
REFUSED = {401, 403, 404}
PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(app: Flask) -> set[str]:
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in OF_THE_PROCESS
    }


@dataclass
class Scene:
    """A store with an order, its owner, another buyer with a store of the own, staff and admin, each with a browser."""

    app: Flask
    world: Any
    ids: dict[str, str]
    secrets: dict[str, str]
    emails: dict[str, str]
    actors: dict[str, Actor]

    def ask(self, who: str, method: str, rule: str) -> Any:
        """Call a route as somebody, by session cookie, as a page of ours would."""
        if "standing" in rule:  # whoever asked before may have removed it
            self.world.run("DELETE FROM standing_order_lines")
            self.world.run("DELETE FROM standing_orders")
            _standing_order(self.world, self.ids["store_id"], self.actors["owner"], self.ids["product_id"])
        path = self.address(who, rule)
        client = self.app.test_client()
        headers = {"Sec-Fetch-Site": "same-origin", "If-Match": '"1"', "Idempotency-Key": str(uuid4())}
        if who in self.secrets and rule.endswith("/tokens/current"):
            token = client.post("/api/v1/tokens", auth=(self.emails[who], PASSWORD)).json["token"]
            headers["Authorization"] = f"Bearer {token}"
        elif who in self.secrets:
            client.set_cookie("mercadito_session", self.secrets[who])
        if rule.startswith("/api/"):
            body = self.body(rule) if method in ("POST", "PUT", "PATCH") else None
            return client.open(path, method=method, json=body, headers=headers)
        form = {**self.form(rule), "csrf_token": self.csrf(client)} if method == "POST" else None
        return client.open(path, method=method, data=form, headers=headers)

    def address(self, who: str, rule: str) -> str:
        """Fill the places of a rule; what belongs to a person alone is made for whoever asks."""
        own = (
            {"upload_id": self.upload, "session_id": self.session, "token_id": self.token} if who in self.actors else {}
        )

        def filled(place: re.Match[str]) -> str:
            name = place.group(1)
            if name == "secret":
                return self.link("password_reset" if rule.startswith("/reset") else "invitation")
            return own[name](who) if name in own else self.ids[name]

        return PLACE.sub(filled, rule)

    def session(self, who: str) -> str:
        new_session(self.world, self.actors[who])
        return str(self.world.value("SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1"))

    def token(self, who: str) -> str:
        token = str(uuid4())
        self.world.run(
            "INSERT INTO api_tokens (id, person_id, expires_at) VALUES (:id, :person, '2099-01-01')",
            id=token,
            person=self.actors[who].person_id,
        )
        return token

    def link(self, purpose: str) -> str:
        secret = secrets.token_urlsafe(32)
        self.world.run(
            "INSERT INTO one_time_links (id, person_id, purpose, secret_hash, expires_at)"
            " VALUES (:id, :person, :purpose, :hash, '2099-01-01')",
            id=str(uuid4()),
            person=self.ids["person_id"],
            purpose=purpose,
            hash=hashlib.sha256(secret.encode()).digest(),
        )
        return secret

    def upload(self, who: str) -> str:
        upload = str(uuid4())
        self.world.run(
            "INSERT INTO product_imports (id, person_id, file_name, body) VALUES (:id, :person, 'a.csv', :body)",
            id=upload,
            person=self.actors[who].person_id,
            body=b"name,name_es,category,pack\nLimes,Lim\xc3\xb3n,citrus,40 lb\n",
        )
        return upload

    def csrf(self, client: Any) -> str:
        page = client.get("/orders", follow_redirects=True).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        return found.group(1)

    def body(self, rule: str) -> dict[str, Any]:
        """Return a body that belongs to the owner's store, where a route asks for one."""
        lines = [{"offer_id": self.ids["offer_id"], "quantity": 1}]
        known: dict[str, dict[str, Any]] = {
            "/api/v1/orders": {"cycle_id": self.ids["cycle_id"], "store_id": self.ids["store_id"], "lines": lines},
            "/api/v1/orders/<uuid:order_id>": {"lines": lines},
            "/api/v1/orders/<uuid:order_id>/comments": {"text": "Hola"},
            "/api/v1/stores/<uuid:store_id>/standing-order": {
                "lines": [{"product_id": self.ids["product_id"], "quantity": 1}]
            },
        }
        return known.get(rule, {})

    def form(self, rule: str) -> dict[str, str]:
        if rule in ("/orders", "/order/view", "/order/shelves"):
            offer = self.ids["offer_id"]
            cycle, store = self.ids["cycle_id"], self.ids["store_id"]
            return {"cycle_id": cycle, "store_id": store, f"quantity-{offer}": "1"}
        return {"version": "1", "store_id": self.ids["store_id"], "order_id": self.ids["order_id"]}


@pytest.fixture
def scene(app: Flask, world: Any) -> Scene:
    (owner, store), (stranger, _) = world.buyer(), world.buyer()
    people = {
        "owner": owner,
        "stranger": stranger,
        "staff": world.person(Role.STAFF),
        "admin": world.person(Role.ADMIN),
    }
    cycle = world.cycle()
    offer = world.offer(cycle)
    product = world.value("SELECT product_id FROM offers WHERE id = :id", id=offer)
    ids = {
        "cycle_id": cycle,
        "offer_id": offer,
        "store_id": store,
        "order_id": _order(world, cycle, store, offer),
        "person_id": owner.person_id,
        "product_id": str(product),
        "upload_id": str(uuid4()),
        "session_id": str(uuid4()),
        "token_id": str(uuid4()),
    }
    opened = {who: new_session(world, actor) for who, actor in people.items()}
    emails = {who: world.emails[actor.person_id] for who, actor in people.items()}
    return Scene(app, world, ids, opened, emails, people)


def new_session(world: Any, actor: Actor) -> str:
    """Open a session without a sign-in, which takes its time on purpose."""
    secret = secrets.token_urlsafe(32)
    world.run(
        "INSERT INTO sessions (id, person_id, secret_hash, expires_at)"
        " VALUES (:id, :person, :hash, clock_timestamp() + interval '1 hour')",
        id=str(uuid4()),
        person=actor.person_id,
        hash=hashlib.sha256(secret.encode()).digest(),
    )
    return secret


def _standing_order(world: Any, store: str, owner: Actor, product: str) -> None:
    standing = str(uuid4())
    world.run(
        "INSERT INTO standing_orders (id, store_id, saved_by) VALUES (:id, :store, :person)",
        id=standing,
        store=store,
        person=owner.person_id,
    )
    world.run(
        "INSERT INTO standing_order_lines (standing_order_id, position, product_id, quantity)"
        " VALUES (:id, 0, :product, 2)",
        id=standing,
        product=product,
    )


def _order(world: Any, cycle: str, store: str, offer: str) -> str:
    order = str(uuid4())
    world.run(
        "INSERT INTO orders (id, cycle_id, store_id, state, version, total_cents)"
        " VALUES (:id, :cycle, :store, 'placed', 1, 1500)",
        id=order,
        cycle=cycle,
        store=store,
    )
    world.run(
        "INSERT INTO order_lines (order_id, position, offer_id, name, name_es, pack, quantity, unit_price_cents)"
        " VALUES (:order, 0, :offer, 'Limes', 'Limón', '25 lb carton', 1, 1500)",
        order=order,
        offer=offer,
    )
    world.run("UPDATE offers SET remaining = remaining - 1 WHERE id = :offer", offer=offer)
    return order


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
