"""Tokens, tickets, keys and who I am."""

from flask import Blueprint, Response, json, request

from orders.application.commands import Client
from orders.domain.errors import Unauthenticated
from orders.entrypoints import cookies
from orders.entrypoints.api.operations import operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.response_bodies import KeySetOut, MeOut, RenewedOut, TicketOut, TokenOut
from orders.entrypoints.http import client_address
from orders.entrypoints.identity import caller, container


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/tokens")(issue_token)
    blueprint.delete("/tokens/current")(delete_token)
    blueprint.get("/jwks.json")(public_keys)
    blueprint.post("/session/renew")(renew)
    blueprint.get("/me")(me)
    blueprint.post("/realtime-tickets")(ticket)


@operation(
    "Make an API token, good for 30 days",
    answers={201: TokenOut},
    problems={429: ("too-many-requests",)},
    security="password",
)
def issue_token() -> Response:
    """Check e-mail and password of HTTP Basic and hand out a token."""
    given = request.authorization
    if given is None or given.type != "basic":
        raise Unauthenticated("send e-mail and password by HTTP Basic")
    email, password = given.username or "", given.password or ""
    signed = container().accounts.issue_token(email, password, Client(client_address()))
    return reply(TokenOut(token=signed.token, expires_at=signed.expires_at), 201)


@operation("Delete the token that the request came with", answers={204: None})
def delete_token() -> Response:
    """End the caller's token everywhere."""
    container().accounts.delete_token(caller())
    return Response(status=204)


@operation("The public keys that tokens are signed with", answers={200: KeySetOut}, security="public")
def public_keys() -> Response:
    """Answer the JWK set as the file has it."""
    response = Response(json.dumps(container().accounts.public_keys()), content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


@operation("Renew the identity cookie", answers={200: RenewedOut}, security="session")
def renew() -> Response:
    """Set a fresh identity cookie for a live session."""
    identity = container().accounts.identity_token(caller())
    response = reply(RenewedOut(expires_at=identity.expires_at))
    cookies.set_identity(response, identity)
    return response


@operation("Who I am", answers={200: MeOut})
def me() -> Response:
    """Answer with the caller's account."""
    return reply(MeOut.of(container().queries.person(caller().actor)))


@operation("A ticket that opens a WebSocket, good for 10 minutes", answers={201: TicketOut})
def ticket() -> Response:
    """Hand out a ticket that dies with the caller's session or token."""
    signed = container().accounts.ticket(caller())
    return reply(TicketOut(ticket=signed.token, expires_at=signed.expires_at), 201)
