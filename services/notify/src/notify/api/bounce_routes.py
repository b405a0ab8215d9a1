"""``POST /mail/bounces``: reports of mails that came back, from our own mail server or a mail provider's webhook.

Signed as Standard Webhooks describes: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature: v1,<base64>`` over
``<id>.<timestamp>.<body>``. An id counts once; a timestamp may be five minutes off.
"""

import base64
import binascii
import re
import time
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Engine, text

from notify.api import bodies
from notify.api.problems import Problem
from notify.queueing import bounces
from notify.recipients import reports
from notify.recipients.reports import Report
from notify.recipients.return_path import ReturnPath
from notify.recipients.signing import Signer
from notify.text import without_addresses

MAX_EVENTS: Final = 100
TOLERANCE_S: Final = 300
_ID = re.compile(r"[\x21-\x7e]{1,100}")
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_log = structlog.get_logger(__name__)

_REMEMBER = text("INSERT INTO bounce_posts (id) VALUES (:id) ON CONFLICT (id) DO NOTHING")
# Longer than a timestamp is believed.
_FORGET = text("DELETE FROM bounce_posts WHERE at < now() - interval '1 day'")


class Event(BaseModel):
    """One mail's fate, as a provider tells it; one of the two says which mail."""

    type: Literal["bounced", "delayed", "complained"]
    return_path: Annotated[str, Field(max_length=320)] = ""
    message_id: Annotated[str, Field(max_length=300)] | None = None
    status: Annotated[str, Field(max_length=12, pattern=r"^([245]\.\d{1,3}\.\d{1,3})?$")] = ""
    detail: Annotated[str, Field(max_length=2_000)] = ""

    def report(self) -> Report:
        """Return it as a report whose Message-ID is believed: the request was signed."""
        said = without_addresses(self.detail)[: reports.MAX_DETAIL_CHARS]
        return Report(self.type, self.status, said, (self.return_path,), self.message_id)


class Events(BaseModel):
    """What a webhook sends."""

    events: Annotated[list[Event], Field(max_length=MAX_EVENTS)]


class Answer(BaseModel):
    """How many were news, known already, and about no mail of ours."""

    taken: int = 0
    known: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class _Post:
    id: str
    type: str
    body: bytes


def routes(engine: Engine, signer: Signer | None, return_path: ReturnPath | None) -> APIRouter:
    """Return the route; without a key nobody can sign, and there is none."""
    router = APIRouter(include_in_schema=False)
    if signer is None:
        return router

    async def signed(request: Request) -> _Post:
        return _signed(request, await bodies.read(request, limit=reports.MAX_REPORT_BYTES), signer)

    @router.post("/mail/bounces")
    def take(post: Annotated[_Post, Depends(signed)]) -> Answer:
        found = _reports(post)
        answer = Answer()
        with engine.begin() as connection:
            connection.execute(_FORGET)
            if connection.execute(_REMEMBER, {"id": post.id}).rowcount != 1:
                return Answer(known=len(found))
            for report in found:
                taken = _take(connection, report, return_path)
                counted = "taken" if taken.is_news else "known" if taken.mail_id is not None else "unknown"
                setattr(answer, counted, getattr(answer, counted) + 1)
        _log.info("bounces_taken", **answer.model_dump())
        return answer

    return router


def _take(connection: Connection, report: Report, return_path: ReturnPath | None) -> bounces.Taken:
    try:
        return bounces.take(connection, report, return_path)
    except bounces.Unsettled:
        why = "One of these mails is being sent at this moment: send the report again in a minute."
        raise Problem(503, "unavailable", "Not settled yet", why) from None


def _signed(request: Request, body: bytes, signer: Signer) -> _Post:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    post_id, at, signatures = (request.headers.get(name, "") for name in names)
    content = f"{post_id}.{at}.".encode() + body
    if not (_ID.fullmatch(post_id) and _TIME.fullmatch(at) and abs(time.time() - int(at)) <= TOLERANCE_S):
        raise _unsigned("webhook-id or webhook-timestamp is missing or not of now")
    if not any(signer.verifies(content, mac) for mac in _macs(signatures)):
        raise _unsigned("no signature is right")
    return _Post(post_id, request.headers.get("Content-Type", "").partition(";")[0].strip().lower(), body)


def _macs(signatures: str) -> list[bytes]:
    found = []
    for one in signatures.split()[:10]:
        version, _, encoded = one.partition(",")
        try:
            found += [base64.b64decode(encoded, validate=True)] if version == "v1" else []
        except (binascii.Error, ValueError):
            continue
    return found


def _unsigned(why: str) -> Problem:
    return Problem(401, "unauthenticated", "Not signed", why)


def _reports(post: _Post) -> list[Report]:
    if post.type == "message/rfc822":
        found = reports.read(post.body)
        return [] if found is None else [found]
    if post.type != "application/json":
        raise Problem(415, "unsupported-media-type", "Unknown kind of body", "Send application/json or message/rfc822.")
    return [event.report() for event in bodies.parse(post.body, Events).events]
