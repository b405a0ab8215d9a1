"""The admin API, on the internal listener only: what is watched, who is connected, and a few commands.

The gateway routes none of it. What changes something needs the token; without ``ADMIN_TOKEN`` it is switched off.
Whichever worker is reached, all of them are asked, and ``silent`` names those that did not answer in time.
"""

import hmac
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field, model_validator

from realtime.commands import MAX_PAGE
from realtime.problems import Problem
from realtime.siblings import Answers, Siblings

MAX_ID_CHARS = 64
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="realtime admin"'}


class Whom(BaseModel, extra="forbid"):
    """Whom to disconnect: everything of a person, or one session."""

    person_id: str | None = Field(None, min_length=1, max_length=MAX_ID_CHARS)
    session: str | None = Field(None, min_length=1, max_length=MAX_ID_CHARS)

    @model_validator(mode="after")
    def _one(self) -> "Whom":
        if (self.person_id is None) == (self.session is None):
            raise ValueError("name either person_id or session")
        return self


class LogLevel(BaseModel, extra="forbid"):
    level: Literal["debug", "info", "warning", "error"]


def router(siblings: Siblings, token: str | None) -> APIRouter:
    """Make the routes; ``token`` is what POST and PUT must bring, None switches them off."""
    routes = APIRouter(prefix="/admin", tags=["admin"], include_in_schema=False)
    guarded = [Depends(_guard(token))]

    @routes.get("/channels")
    async def channels(
        after: Annotated[str, Query(max_length=MAX_ID_CHARS * 2)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> dict[str, Any]:
        """Name the channels after ``after``, with their watchers and the recent messages held, at most ``limit``."""
        answers = await siblings.ask({"do": "channels", "after": after, "limit": limit + 1})
        return _page(answers, limit) | _silent(answers)

    @routes.get("/sessions/{session}")
    async def session(session: str) -> dict[str, Any]:
        """Show one client: person, channels, since when, bytes that wait for it."""
        answers = await siblings.ask({"do": "session", "id": session[:MAX_ID_CHARS]})
        found = next(((worker, shown) for worker, shown in answers.of.items() if shown is not None), None)
        if found is None:
            raise Problem(404, "No such session is connected here.", **_silent(answers))
        worker, shown = found
        return {**shown, "worker": worker}

    @routes.post("/disconnect", dependencies=guarded)
    async def disconnect(whom: Whom) -> dict[str, Any]:
        """Close the clients of a person, or one; they may come back."""
        answers = await siblings.ask({"do": "disconnect", **whom.model_dump(exclude_none=True)})
        return {"disconnected": sum(answers.of.values())} | _silent(answers)

    @routes.post("/drain", status_code=202, dependencies=guarded)
    async def drain() -> dict[str, Any]:
        """Begin to ask every client to move on, in batches; new ones are still let in."""
        answers = await siblings.ask({"do": "drain"})
        return {"clients": sum(answers.of.values())} | _silent(answers)

    @routes.put("/log-level", dependencies=guarded)
    async def log_level(wanted: LogLevel) -> dict[str, Any]:
        """Set how much is logged, until the next start."""
        answers = await siblings.ask({"do": "log-level", "level": wanted.level})
        return {"level": wanted.level} | _silent(answers)

    return routes


def _guard(token: str | None) -> Any:
    async def check(authorization: Annotated[str, Header()] = "") -> None:
        if token is None:
            raise Problem(403, "Admin commands are off: set ADMIN_TOKEN_FILE (or ADMIN_TOKEN) and start again.")
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise Problem(401, "This needs Authorization: Bearer with the admin token.", headers=_CHALLENGE)

    return check


def _page(answers: Answers, limit: int) -> dict[str, Any]:
    """Merge the workers' pages: each told its first names in order, so the first of all are among them."""
    merged: dict[str, dict[str, Any]] = {}
    for told in answers.of.values():
        for name, watchers, messages in told:
            entry = merged.setdefault(name, {"name": name, "watchers": 0, "messages": 0})
            entry["watchers"] += watchers
            entry["messages"] = max(entry["messages"], messages)
    items = [merged[name] for name in sorted(merged)[:limit]]
    more = len(merged) > limit
    return {"items": items, "next": f"/admin/channels?limit={limit}&after={items[-1]['name']}" if more else None}


def _silent(answers: Answers) -> dict[str, Any]:
    return {"silent": list(answers.silent)} if answers.silent else {}
