"""The staff's board: the market day as it happens."""

import time

from flask import Blueprint, Response, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from orders.domain.order import OrderState
from orders.entrypoints.identity import container
from orders.entrypoints.pages.formats import TimeLeft
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.words import board_words

# The board is drawn anew with every order that comes in: what it shows has to be bounded.
SHOWN_ORDERS = 100

blueprint = Blueprint("board", __name__)


@blueprint.get("/staff")
@private
def show() -> Response:
    """Show the whole page."""
    return _drawn("pages/board.html")


@blueprint.get("/staff/board")
@private
def fragment() -> AnyResponse:
    """Draw the board alone, for the page's script to put in place of what changed."""
    drawn = _drawn("pages/board_fragment.html")
    return drawn if drawn.data else redirect("/staff", 303)


def _drawn(template: str) -> Response:
    rendered_at_ms = time.time_ns() // 1_000_000
    board = container().queries.board(signed_in().actor)
    if board.cycle is None and template != "pages/board.html":
        return Response("")
    left = TimeLeft.between(board.server_time, board.cycle.cutoff_at) if board.cycle else None
    if left is not None and board.cycle is not None and not board.cycle.takes_orders:
        left = TimeLeft(0)
    page = render_template(
        template,
        board=board,
        left=left,
        unanswered=container().comments.unanswered(signed_in().actor),
        shown_orders=board.orders[:SHOWN_ORDERS],
        live_orders=[order for order in board.orders if order.state is not OrderState.CANCELLED],
        market=container().market.now(),
        rendered_at_ms=rendered_at_ms,
        words=board_words(),
        here="board",
    )
    return Response(page, mimetype="text/html")
