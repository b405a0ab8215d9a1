"""From the body of ``POST /crawls`` to a plan, or to a clear refusal."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NoReturn

from fastapi import Request
from pydantic import ValidationError

from usda_ingest.api.crawl_answers import WantedCrawl
from usda_ingest.api.problems import Problem
from usda_ingest.crawling.plan import Plan
from usda_ingest.sources.source_settings import SourceSettings
from usda_ingest.sources.window import Window

MAX_BODY_BYTES = 10_000
# One crawl has one deadline; more days are the backfill's work.
MAX_DAYS = 31


async def read_body(request: Request) -> bytes:
    """Return the request's body.

    Raises:
        Problem: 413 when there is too much of it.

    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, "too-large", f"The body has more than {MAX_BODY_BYTES} bytes.")
    return bytes(body)


def plan_of(asked: bytes | Mapping[str, object], sources: Sequence[SourceSettings], today: date) -> Plan:
    """Return the plan that is asked for, by JSON or by the fields of a form; nothing at all asks for the usual crawl.

    Raises:
        Problem: 422, with what is wrong.

    """
    if not (asked.strip() if isinstance(asked, bytes) else asked):
        return Plan()
    try:
        if isinstance(asked, bytes):
            wanted = WantedCrawl.model_validate_json(asked)
        else:
            wanted = WantedCrawl.model_validate(asked)
    except ValidationError as error:
        errors = [{"field": str((one["loc"] or ("body",))[-1]), "message": str(one["msg"])} for one in error.errors()]
        raise Problem(422, "invalid", "The request is not valid.", errors=errors) from None
    return _plan(wanted, sources, today)


def _plan(wanted: WantedCrawl, sources: Sequence[SourceSettings], today: date) -> Plan:
    configured = {source.name: source for source in sources}
    if unknown := [name for name in wanted.sources if name not in configured]:
        _refuse("sources", f"no such source: {', '.join(unknown)}; configured: {', '.join(configured)}")
    names = tuple(dict.fromkeys(wanted.sources))
    window = _window(wanted, today)
    if window is None:
        return Plan(names)
    without_days = [name for name in names if not configured[name].can_backfill]
    if without_days:
        _refuse("sources", f"cannot be asked for days: {', '.join(without_days)}")
    able = names or tuple(source.name for source in sources if source.can_backfill)
    if not able:
        _refuse("sources", "no configured source can be asked for days")
    return Plan(able, window)


def _window(wanted: WantedCrawl, today: date) -> Window | None:
    first_on, last_on = wanted.first_on, wanted.last_on
    if first_on is None or last_on is None:
        if (first_on is None) != (last_on is None):
            _refuse("from" if first_on is None else "to", "from and to belong together")
        return None
    if last_on < first_on:
        _refuse("to", "is before from")
    if first_on > today:
        _refuse("from", f"is after today, {today}")
    try:
        window = Window(first_on, last_on)
    except ValueError as problem:
        _refuse("from", str(problem))
    if window.days > MAX_DAYS:
        _refuse("to", f"{window.days} days are too many for one crawl (at most {MAX_DAYS}); use usda-ingest backfill")
    return window


def _refuse(field: str, message: str) -> NoReturn:
    raise Problem(422, "invalid", "The request is not valid.", errors=[{"field": field, "message": message}])
