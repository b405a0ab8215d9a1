"""How the post stands, the queue's switch, and events that could not be handled."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from mercadito_events.service.identity import Identity
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from notify.api import bodies, dead_letter_list, standing
from notify.api.bodies import Reason
from notify.api.dead_letter_list import DeadLetter, DeadLetters
from notify.api.notification_routes import PATH, Staff
from notify.api.paging import DEFAULT_LIMIT, MAX_CURSOR, Before, Id, Limit, page
from notify.api.problems import Problem
from notify.api.standing import Mode, Relays, Standing
from notify.queueing import dead_letters, switch
from notify.queueing.dead_letters import Handlers, StillDead

TOO_LATE = "It was handled, but what it would mail about is over: it is too late, and nobody is mailed."

_log = structlog.get_logger(__name__)


class Throw(BaseModel):
    """The switch as it shall stand; a hold says why."""

    held: Annotated[bool, Field(strict=True)]
    reason: Reason | None = None

    @model_validator(mode="after")
    def _a_hold_says_why(self) -> "Throw":
        if self.held and self.reason is None:
            raise ValueError("a hold needs a reason")
        return self


async def _thrown(request: Request) -> Throw:
    return await bodies.read_json(request, Throw)


def routes(engine: Engine, staff: Staff, handlers: Handlers, mode: Mode, relays: Relays) -> APIRouter:
    """Return them; ``handlers`` are those that dead letters are handled with again."""
    router = APIRouter(prefix=PATH)
    _add_queue(router, engine, staff, mode, relays)
    _add_dead_letters(router, engine, staff, handlers)
    return router


def _add_queue(router: APIRouter, engine: Engine, staff: Staff, mode: Mode, relays: Relays) -> None:
    by = Depends(staff)

    @router.get("/standing")
    def how_it_stands(_: Annotated[Identity, by]) -> Standing:
        """Show the switch, the relays, what waits and what did not arrive."""
        with engine.connect() as connection:
            return standing.read(connection, mode, relays)

    # The one who asks is looked at before the body is.
    @router.put("/queue", openapi_extra=bodies.documented(Throw))
    def throw_switch(who: Annotated[Identity, by], wanted: Annotated[Throw, Depends(_thrown)]) -> Standing:
        """Hold everything that waits, or let it go; what is in hand is finished. Asking twice changes nothing more."""
        with engine.begin() as connection:
            reason = wanted.reason
            changed = switch.throw(connection, held=wanted.held, reason=reason, person_id=who.person_id)
        if changed:
            _log.warning("queue_held" if wanted.held else "queue_let_go", person_id=who.person_id, reason=reason)
        with engine.connect() as connection:
            return standing.read(connection, mode, relays)


def _add_dead_letters(router: APIRouter, engine: Engine, staff: Staff, handlers: Handlers) -> None:
    by = Depends(staff)

    @router.get("/dead-letters")
    def list_dead(
        _: Annotated[Identity, by], *, replayed: bool = False, limit: Limit = DEFAULT_LIMIT, before: Before = MAX_CURSOR
    ) -> DeadLetters:
        """List events that could not be handled, newest first; with ``replayed`` also those handled since."""
        with engine.connect() as connection:
            found = dead_letter_list.read(connection, before=before, limit=limit + 1, with_replayed=replayed)
        items, following = page(found, limit, f"{PATH}/dead-letters", {"replayed": str(replayed).lower()})
        return DeadLetters(items=items, next=following)

    @router.post("/dead-letters/{letter_id}/replay")
    def replay(letter_id: Id, who: Annotated[Identity, by]) -> DeadLetter:
        """Handle one again, once: asked twice, the second time changes nothing."""
        try:
            with engine.begin() as connection:
                outcome = dead_letters.replay(connection, letter_id, handlers, person_id=who.person_id)
        except (StillDead, DataError, IntegrityError) as refusal:
            # A database's own words may quote a row.
            why = str(refusal) if isinstance(refusal, StillDead) else type(refusal).__name__
            with engine.begin() as connection:
                dead_letters.remember_failure(connection, letter_id, why)
            raise Problem(409, "still-dead", "It still cannot be handled", why) from None
        if outcome == "over":
            raise Problem(409, "over", "It is handled, and nothing is mailed", TOO_LATE)
        with engine.connect() as connection:
            found = None if outcome == "unknown" else dead_letter_list.read_one(connection, letter_id)
        if found is None:
            raise HTTPException(404)
        return found
