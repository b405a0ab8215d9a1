"""Tokens, tickets, keys and who I am."""

from flask import Blueprint, Response, json, request

from orders.application.accounts import MAX_TOKEN_NAME_CHARACTERS, TokenWish
from orders.application.sessions import ALL_SCOPES, WRITE
from orders.domain.errors import Unauthenticated
from orders.entrypoints import cookies
from orders.entrypoints.api.operations import Parameter, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.api.response_bodies import KeySetOut, MeOut, RenewedOut, TicketOut, TokenOut
from orders.entrypoints.devices import client
from orders.entrypoints.identity import caller, container

TOKEN_NAME = Parameter(
    "name",
    "query",
    "what to call it in lists",
    schema={"type": "string", "maxLength": MAX_TOKEN_NAME_CHARACTERS, "default": ""},
)
TOKEN_SCOPE = Parameter(
    "scope",
    "query",
    "read, or write, which includes read",
    schema={"type": "string", "enum": ["read", "write", "read write"], "default": "write"},
)
OTP = Parameter("X-OTP", "header", "the code of the second factor, where one is on; also a recovery code")


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
    problems={401: ("unauthenticated", "otp-required"), 422: ("invalid",), 429: ("too-many-requests",)},
    security="password",
    parameters=(TOKEN_NAME, TOKEN_SCOPE, OTP),
)
def issue_token() -> Response:
    """Check e-mail and password of HTTP Basic, and X-OTP where a second factor is on, and hand out a token."""
    given = request.authorization
    if given is None or given.type != "basic":
        raise Unauthenticated("send e-mail and password by HTTP Basic")
    wish = TokenWish(request.args.get("name", ""), _scopes(), request.headers.get("X-OTP"))
    made = container().accounts.issue_token(given.username or "", given.password or "", client(), wish)
    body = TokenOut(
        id=made.id,
        token=made.signed.token,
        name=wish.name,
        scopes=sorted(wish.scopes),
        expires_at=made.signed.expires_at,
    )
    return reply(body, 201)


def _scopes() -> frozenset[str]:
    """Return `?scope=`; who may write may read as well."""
    asked = frozenset(request.args.get("scope", WRITE).replace(",", " ").split())
    return ALL_SCOPES if asked <= ALL_SCOPES and WRITE in asked else asked


@operation("Delete the token that the request came with", answers={204: None}, changes_nothing=True)
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


@operation("A ticket that opens a WebSocket, good for 10 minutes", answers={201: TicketOut}, changes_nothing=True)
def ticket() -> Response:
    """Hand out a ticket that dies with the caller's session or token."""
    signed = container().accounts.ticket(caller())
    body = TicketOut(ticket=signed.token, person_id=caller().actor.person_id, expires_at=signed.expires_at)
    return reply(body, 201)
