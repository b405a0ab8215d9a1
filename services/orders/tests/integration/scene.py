"""A small world with everybody in it, and a way to ask any route as any of them."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from orders.domain.people import Actor, Role
from tests.conftest import PASSWORD

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


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
        "series_id": str(uuid4()),
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
