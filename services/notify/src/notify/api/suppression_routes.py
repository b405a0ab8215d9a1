"""Addresses that are held back because mails came back from them, and letting mails go there again."""

from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from mercadito_events.service.identity import Identity
from pydantic import BaseModel
from sqlalchemy import Connection, Engine, text

from notify.api import bodies
from notify.api.bodies import Reason
from notify.api.notification_routes import PATH, ShortText, Staff
from notify.api.paging import DEFAULT_LIMIT, MAX_CURSOR, Before, Id, Limit, page
from notify.kinds.kind import Group
from notify.recipients import suppressions
from notify.recipients.suppressions import Cause

_log = structlog.get_logger(__name__)

# `holds`: not lifted, and the person still has the address that mails came back from.
_READ = text("""
    SELECT s.id, s.person_id, s.class, s.cause, s.detail, s.created_at, s.lifted_at, s.lifted_by, s.lift_reason,
        s.lifted_at IS NULL AND coalesce(lower(c.email) = s.email, false) AS holds
    FROM suppressions AS s LEFT JOIN contacts AS c ON c.person_id = s.person_id
    WHERE s.id < :before AND (CAST(:person_id AS text) IS NULL OR s.person_id = :person_id)
        AND (CAST(:id AS bigint) IS NULL OR s.id = :id)
    ORDER BY s.id DESC LIMIT :limit
""")


class Suppression(BaseModel):
    """One class of mails held back from one person's address; the address itself is not told."""

    id: str
    person_id: str
    group: Group
    cause: Cause
    detail: str
    holds: bool
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None


class Suppressions(BaseModel):
    """Some of them; ``next`` is the path of the following ones."""

    items: list[Suppression]
    next: str | None


class Lift(BaseModel):
    """Why mails may go there again."""

    reason: Reason


async def _wanted(request: Request) -> Lift:
    return await bodies.read_json(request, Lift)


def routes(engine: Engine, staff: Staff) -> APIRouter:
    """Return them; ``staff`` says who asks, or refuses."""
    router = APIRouter(prefix=f"{PATH}/suppressions")
    by = Depends(staff)

    @router.get("")
    def list_suppressions(
        _: Annotated[Identity, by],
        person_id: ShortText = None,
        limit: Limit = DEFAULT_LIMIT,
        before: Before = MAX_CURSOR,
    ) -> Suppressions:
        """List addresses held back, newest first."""
        with engine.connect() as connection:
            found = read(connection, person_id=person_id, before=before, limit=limit + 1)
        query = {"person_id": person_id} if person_id else {}
        items, following = page(found, limit, f"{PATH}/suppressions", query)
        return Suppressions(items=items, next=following)

    # The one who asks is looked at before the body is.
    @router.post("/{suppression_id}/lift", openapi_extra=bodies.documented(Lift))
    def lift(
        suppression_id: Id, who: Annotated[Identity, by], wanted: Annotated[Lift, Depends(_wanted)]
    ) -> Suppression:
        """Let mails go there again; asked twice, the second time changes nothing."""
        with engine.begin() as connection:
            changed = suppressions.lift(connection, suppression_id, by=who.person_id, reason=wanted.reason)
            found = read(connection, suppression_id=suppression_id)
        if not found:
            raise HTTPException(404)
        if changed:
            _log.warning("suppression_lifted", suppression=suppression_id, person_id=who.person_id)
        return found[0]

    return router


def read(
    connection: Connection,
    *,
    person_id: str | None = None,
    suppression_id: int | None = None,
    before: int = MAX_CURSOR,
    limit: int = 1,
) -> list[Suppression]:
    """Return up to ``limit`` of one person or of all, newest first, or the one with that id."""
    values = {"person_id": person_id, "id": suppression_id, "before": before, "limit": limit}
    rows = connection.execute(_READ, values).mappings()
    return [Suppression(**{**row, "id": str(row["id"]), "group": row["class"]}) for row in rows]
