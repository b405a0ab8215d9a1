"""The staff's page of market reports: the frame and its words. What it shows, its script asks of the price service."""

import time

from flask import Blueprint, Response, render_template

from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.report_problems import problem_rules
from orders.entrypoints.pages.report_words import report_words

blueprint = Blueprint("market_reports", __name__)


@blueprint.get("/staff/market-reports")
@private
def show() -> Response:
    """Show the page; buyers are refused."""
    signed_in().actor.require_staff()
    rendered_at_ms = time.time_ns() // 1_000_000
    body = render_template(
        "pages/market_reports.html",
        rendered_at_ms=rendered_at_ms,
        words=report_words(),
        problems=problem_rules(),
        market_tab="reports",
        here="prices",
    )
    return Response(body, mimetype="text/html")
