"""Refusals and failures as pages: what happened, what to do, and a number to ask about. Never what is inside."""

from urllib.parse import urlencode

from flask import Response, g, redirect, render_template
from flask.typing import ResponseReturnValue

from orders.entrypoints.http import request_id
from orders.entrypoints.pages import carried
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import here
from orders.entrypoints.problems import Problem

UNAUTHENTICATED, INTERNAL = 401, 500


def draw(problem: Problem) -> ResponseReturnValue:
    """Draw a problem; one that signing in would mend leads there."""
    if problem.status == UNAUTHENTICATED:
        return carried.ask_to_sign_in() or redirect(f"/sign-in?{urlencode({'next': here()})}", 303)
    if problem.status >= INTERNAL:
        # The database may be what failed: a page that asks it who is reading would fail as well.
        g.reader = None
    title, text = _said(problem)
    reference = request_id() if problem.status >= INTERNAL else None
    headers = dict(problem.headers)
    page = render_template(
        "pages/problem.html", title=title, text=text, status=problem.status, request_id=reference, here=None
    )
    return Response(page, problem.status, headers, mimetype="text/html")


def draw_forged(_error: ForgedForm) -> ResponseReturnValue:
    """Answer a form that came from elsewhere, or from a page of an older session."""
    return draw(Problem("forbidden", 403, "", "", {"forged": True}))


def _said(problem: Problem) -> tuple[str, str]:
    """Return a heading and a sentence; what is not in the table is one of ours above 499, else one of theirs."""
    if problem.more.get("forged"):
        return (
            _("Please try once more"),
            _("This page was opened before you last signed in. Go back, reload it, and send again."),
        )
    nothing = _("Nothing here"), _("There is no such page, or it is not yours to see. Check the address.")
    known = {
        403: (_("Not for you"), _("Your sign-in does not reach this page. If it should, ask us.")),
        404: nothing,
        405: nothing,
        413: (_("That is too much at once"), _("What was sent is larger than we take. Send less of it.")),
        429: (_("A moment, please"), _("Too many requests came from here. Wait a minute, then try again.")),
        503: (_("Back in a moment"), _("We can not answer right now. Nothing was lost; try again in a minute.")),
    }
    if problem.status in known:
        return known[problem.status]
    if problem.status >= INTERNAL:
        return _("Something went wrong here"), _("It is not your fault, and it has been noted. Try again in a minute.")
    return _("That did not work"), _("Something in the request was not understood. Go back and try again.")
