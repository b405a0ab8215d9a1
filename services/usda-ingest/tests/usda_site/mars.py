"""The MARS API: key, sections, days, row limit, corrections, codes."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from usda_site.example import MARS_ROW
from usda_site.portal import fields
from usda_site.site import Route, Site, answer, content

KEY = "f3Kq9zPwX1r7Vb2LmD8sTn4c"
_BASE = "/services/v1.2/reports/"


@dataclass
class MarsSite:
    """The API under ``/services/v1.2`` of a site.

    ``faults`` are routes by slug that answer in its place; ``tells_limit`` off leaves the statistics out.
    """

    site: Site
    limit: int = 100_000
    tells_limit: bool = True
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    corrected: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: dict[str, Route] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.site.url}/services/v1.2"

    def report(self, slug: str, *rows: Mapping[str, Any]) -> None:
        """Publish a report with rows over the defaults."""
        self.rows[slug] = [row(slug, **values) for values in rows]
        self.site.routes[f"{_BASE}{slug}"] = lambda handler: self._serve(handler, slug)

    def asked(self, slug: str) -> list[str]:
        """Return the questions asked about a report, decoded."""
        return [unquote(query) for path, query in self.site.questions if path == f"{_BASE}{slug}"]

    def _serve(self, handler: BaseHTTPRequestHandler, slug: str) -> None:
        given = handler.headers.get("Authorization")
        if given is None:
            answer(handler, 403, b'{"message": "no key"}', {"Content-Type": "application/json"})
        elif given != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            answer(handler, 401, b'{"message": "Unauthorized"}', {"Content-Type": "application/json"})
        elif slug in self.faults:
            self.faults[slug](handler)
        else:
            self._answer(handler, slug)

    def _answer(self, handler: BaseHTTPRequestHandler, slug: str) -> None:
        asked = fields(handler)
        if asked.get("correctionsOnly") == "true":
            since = datetime.strptime(asked["anyChangesSince"], "%Y/%m/%d").date()  # noqa: DTZ007 - a day
            found = [row for row in self.corrected.get(slug, ()) if _day(row["report_date"]) >= since]
        else:
            name, _, days = asked["q"].partition("=")
            first, _, last = days.partition(":")
            if name != "report_begin_date" or not last:
                answer(handler, 400, b'{"message": "syntax"}', {"Content-Type": "application/json"})
                return
            found = [row for row in self.rows[slug] if _day(first) <= _day(row["report_date"]) <= _day(last)]
        assert asked["allSections"] == "true"
        content(handler, json.dumps(self.sections(found)).encode(), "application/json")

    def sections(self, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return rows as the API sends them: the header section first, each cut at the limit."""
        details = list(found)
        days = {row["report_date"]: {"report_date": row["report_date"], "slug_id": row["slug_id"]} for row in details}
        header = [{**day, "published_Date": None, "report_narrative": "DEMAND MODERATE."} for day in days.values()]
        names = ["Report Header", "Report Details"]
        return [self._section(name, rows, names) for name, rows in zip(names, (header, details), strict=True)]

    def _section(self, name: str, rows: list[Any], names: list[str]) -> dict[str, Any]:
        given = rows[: self.limit]
        stats = {"totalRows:": len(rows), "returnedRows:": len(given), "userAllowedRows:": self.limit}
        section = {"reportSection": name, "reportSections": names, "stats": stats, "results": given}
        if not self.tells_limit:
            del section["stats"]
        return section


def row(slug: str, **values: Any) -> dict[str, Any]:
    """Return a detail row over the defaults; ``day`` is its report day."""
    day = values.pop("day", "01/08/2026")
    defaults = {
        "report_begin_date": day,
        "report_end_date": day,
        "report_date": day,
        "published_date": f"{day} 12:38:50",
        "slug_id": slug,
        "low_price": 30.0,
        "high_price": 32.0,
        "mostly_low_price": None,
        "mostly_high_price": None,
        "reporter_comment": None,
    }
    return {**MARS_ROW, **defaults, **values}


def _day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a day has no zone
