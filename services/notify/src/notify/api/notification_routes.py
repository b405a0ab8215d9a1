"""``/api/v1/notifications``: the log, one mail with its timeline, resending."""

from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from mercadito_events.service.identity import Identity
from pydantic import AwareDatetime
from sqlalchemy import Engine

from notify.api import delivery_log
from notify.api.delivery_log import DEFAULT_LIMIT, MAX_LIMIT, Fate, Filter, Page, Timeline
from notify.api.paging import MAX_CURSOR, Before, Id, page
from notify.api.problems import Problem
from notify.queueing.policy import State
from notify.queueing.resending import NotResendable, resend

PATH = "/api/v1/notifications"
MAX_FILTER_CHARS = 100

Staff = Callable[[Request], Identity]
ShortText = Annotated[str | None, Query(max_length=MAX_FILTER_CHARS, pattern=r"^[\x21-\x7e]+$")]
Moment = Annotated[AwareDatetime | None, Query()]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
_log = structlog.get_logger(__name__)


def routes(engine: Engine, staff: Staff) -> APIRouter:
    """Return them; ``staff`` says who asks, or refuses."""
    router = APIRouter(prefix=PATH)
    by = Depends(staff)

    @router.get("")
    def notifications(  # noqa: PLR0917 - each is a question of the address
        _: Annotated[Identity, by],
        order_id: ShortText = None,
        person_id: ShortText = None,
        kind: ShortText = None,
        state: State | None = None,
        fate: Fate | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = DEFAULT_LIMIT,
        before: Before = MAX_CURSOR,
    ) -> Page:
        """List what was mailed, or not, newest first; staff only."""
        wanted = Filter(
            order_id=order_id, person_id=person_id, kind=kind, state=state, fate=fate, since=since, until=until
        )
        with engine.connect() as connection:
            found = delivery_log.read(connection, wanted, before=before, limit=limit + 1)
        items, following = page(found, limit, PATH, wanted.model_dump(exclude_none=True, mode="json"))
        return Page(items=items, next=following)

    @router.get("/{mail_id}")
    def notification(mail_id: Id, _: Annotated[Identity, by]) -> Timeline:
        """Show one mail with all that happened to it."""
        return _one(engine, mail_id)

    @router.post("/{mail_id}/resend", status_code=202)
    def send_again(mail_id: Id, who: Annotated[Identity, by]) -> Timeline:
        """Put a mail that did not arrive back into the queue, with its key and Message-ID; one that waits, waits on."""
        try:
            with engine.begin() as connection:
                known = resend(connection, mail_id, person_id=who.person_id)
        except NotResendable as refusal:
            raise Problem(409, refusal.why, "Not sent again", str(refusal)) from None
        if not known:
            raise HTTPException(404)
        _log.info("resend_asked", mail_id=mail_id, person_id=who.person_id)
        return _one(engine, mail_id)

    return router


def _one(engine: Engine, mail_id: int) -> Timeline:
    with engine.connect() as connection:
        found = delivery_log.read_one(connection, mail_id)
    if found is None:
        raise HTTPException(404)
    return found
