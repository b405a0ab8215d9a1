"""One's own account: the password, the sessions and tokens that open it; an admin's help with a lost second factor."""

from uuid import UUID

from flask import Blueprint, Response

from orders.entrypoints.api import paging
from orders.entrypoints.api.account_bodies import LiveTokenOut, PasswordIn, SessionOut, SessionsOut, TokensOut
from orders.entrypoints.api.operations import CURSOR, LIMIT, operation
from orders.entrypoints.api.replies import reply
from orders.entrypoints.devices import client
from orders.entrypoints.identity import caller, container


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.put("/me/password")(change_password)
    blueprint.get("/sessions")(sessions)
    blueprint.delete("/sessions/<uuid:session_id>")(end_session)
    blueprint.get("/tokens")(tokens)
    blueprint.delete("/tokens/<uuid:token_id>")(end_token)
    blueprint.delete("/people/<uuid:person_id>/second-factor")(reset_second_factor)


@operation(
    "Change my password; my other sessions end",
    answers={204: None},
    problems={422: ("invalid",), 429: ("too-many-requests",)},
    body=PasswordIn,
)
def change_password() -> Response:
    """Check the current password, then keep the new one."""
    given = PasswordIn.of_request()
    container().own.passwords.change(caller(), given.current_password, given.new_password, client())
    return Response(status=204)


@operation(
    "My sessions, the newest first",
    answers={200: SessionsOut},
    problems={422: ("invalid",)},
    parameters=(LIMIT, CURSOR),
)
def sessions() -> Response:
    """Page through the caller's live sessions."""
    found = container().own.access.sessions(caller(), limit=paging.limit(), cursor=paging.cursor())
    items = [SessionOut.of(session, caller().session_id) for session in found.items]
    return reply(SessionsOut(items=items, next=paging.next_path(found)))


@operation("End one of my sessions", answers={204: None}, problems={404: ("not-found",)})
def end_session(session_id: UUID) -> Response:
    """End a session of the caller, everywhere."""
    container().own.access.end_session(caller(), str(session_id))
    return Response(status=204)


@operation(
    "My API tokens, the newest first",
    answers={200: TokensOut},
    problems={422: ("invalid",)},
    parameters=(LIMIT, CURSOR),
)
def tokens() -> Response:
    """Page through the caller's live tokens."""
    found = container().own.access.tokens(caller(), limit=paging.limit(), cursor=paging.cursor())
    items = [LiveTokenOut.of(token, caller().token_id) for token in found.items]
    return reply(TokensOut(items=items, next=paging.next_path(found)))


@operation("Revoke one of my API tokens", answers={204: None}, problems={404: ("not-found",)})
def end_token(token_id: UUID) -> Response:
    """Revoke a token of the caller, everywhere."""
    container().own.access.end_token(caller(), str(token_id))
    return Response(status=204)


@operation(
    "Take away a person's second factor, when phone and recovery codes are lost; admins only",
    answers={204: None},
    problems={404: ("not-found",)},
)
def reset_second_factor(person_id: UUID) -> Response:
    """Let the person sign in by password alone, and switch a new one on."""
    container().own.second_factor.reset(caller().actor, str(person_id))
    return Response(status=204)
