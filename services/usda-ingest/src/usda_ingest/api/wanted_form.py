"""A crawl asked for by a page's form, without a script: its answer is the way back to the page, with what came of it.

The page is another service's, so the form says where to go on (``next``, a path of this site). What came of it stands
in the query: ``answer`` is ``started`` or a problem's slug, ``field`` the field that is wrong; what was typed, too.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse

from usda_ingest.api.problems import Problem

CONTENT_TYPE = "application/x-www-form-urlencoded"
STARTED = "started"
MAX_FIELDS = 30
MAX_TYPED_CHARACTERS = 40
MAX_NEXT_CHARACTERS = 200
_SHOWN_AGAIN = ("from", "to", "sources")
SEE_OTHER = 303


def is_form(request: Request) -> bool:
    """Tell whether a browser's form asks."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def read_form(body: bytes) -> dict[str, list[str]]:
    """Return the form's fields; those that nobody here knows (a page's own token) are let be.

    Raises:
        Problem: 422 for what is no form.

    """
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise Problem(422, "invalid", "The form can't be read.") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def wanted_of(fields: Mapping[str, list[str]]) -> dict[str, object]:
    """Return what ``WantedCrawl`` reads: what was left empty was not asked for."""
    days = {name: day for name in ("from", "to") if (day := _typed(fields, name))}
    sources = [name for name in fields.get("sources", ()) if name]
    return {**days, **({"sources": sources} if sources else {})}


def way_back(fields: Mapping[str, list[str]], problem: Problem | None = None) -> RedirectResponse:
    """Answer with the page that the form came from, as far as it names one of this site."""
    told: dict[str, str] = {"answer": STARTED if problem is None else problem.slug}
    if problem is not None:
        wrong = [str(one["field"]) for one in problem.members.get("errors", ())]
        told |= {"field": wrong[0]} if wrong else {}
        told |= {name: typed[:MAX_TYPED_CHARACTERS] for name in _SHOWN_AGAIN if (typed := _typed(fields, name))}
    path = local_path(_typed(fields, "next"))
    return RedirectResponse(f"{path}?{urlencode(told)}", SEE_OTHER, headers={"Cache-Control": "no-store"})


def _typed(fields: Mapping[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0].strip()


def local_path(wanted: str) -> str:
    """Return a path of this site without a query, else the front page: a form must not lead elsewhere."""
    is_path = wanted.startswith("/") and not wanted.startswith("//") and len(wanted) <= MAX_NEXT_CHARACTERS
    is_plain = wanted.isascii() and wanted.isprintable() and not set(wanted) & set("\\?#% ")
    return wanted if is_path and is_plain else "/"
