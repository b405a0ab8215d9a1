"""Which prices a week's digest tells: those of what the hub sells, by how much they moved."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Connection, text

from notify.market.digest import MAX_BOUGHT, MAX_LINES, MAX_MOVES, MAX_POINTS, MAX_STORES, Digest, Line, Move
from notify.market.schedule import Occurrence

WEEK = timedelta(days=7)
CHART = timedelta(weeks=8)
"""How far back the chart reaches."""
MAX_SERIES = 5_000

_log = structlog.get_logger(__name__)

# The newest price of the last seven days, and the newest that is at least a week older than that one, but not two.
_MOVES = text("""
    WITH sold AS (
        SELECT DISTINCT ON (series_id) series_id, name, name_es, market_pack, market_pack_es
        FROM market_offers ORDER BY series_id, told_at DESC, offer_id LIMIT :most)
    SELECT sold.*, now_.cents, now_.quoted_on, then_.cents AS last_cents, then_.quoted_on AS last_on
    FROM sold
    JOIN LATERAL (
        SELECT cents, quoted_on FROM market_quotes AS q
        WHERE q.series_id = sold.series_id AND cents IS NOT NULL AND quoted_on > :until - 7 AND quoted_on <= :until
        ORDER BY quoted_on DESC LIMIT 1) AS now_ ON true
    LEFT JOIN LATERAL (
        SELECT cents, quoted_on FROM market_quotes AS q
        WHERE q.series_id = sold.series_id AND cents > 0
            AND quoted_on > now_.quoted_on - 14 AND quoted_on <= now_.quoted_on - 7
        ORDER BY quoted_on DESC LIMIT 1) AS then_ ON true
    ORDER BY sold.series_id
""")
_SELLS_ANY = text("SELECT EXISTS (SELECT FROM market_offers)")
_BOUGHT = text("""
    SELECT store_id, array_agg(series_id) AS series FROM store_series
    WHERE series_id = ANY (CAST(:series AS uuid[]))
    GROUP BY store_id ORDER BY max(ordered_at) DESC, store_id LIMIT :most
""")
_POINTS = text("""
    SELECT quoted_on, cents FROM (
        SELECT quoted_on, cents FROM market_quotes
        WHERE series_id = :series_id AND cents IS NOT NULL AND quoted_on >= :since AND quoted_on <= :until
        ORDER BY quoted_on DESC LIMIT :most) AS newest
    ORDER BY quoted_on
""")


class Nothing(NamedTuple):
    """There is nothing to tell, and why."""

    reason: str


class Candidate(NamedTuple):
    """A move and its series."""

    series_id: UUID
    move: Move


def choose(connection: Connection, one: Occurrence, until: date) -> Digest | Nothing:
    """Put a week's digest together from the prices up to a day, or say why there is none."""
    rows = connection.execute(_MOVES, {"until": until, "most": MAX_SERIES}).all()
    if not rows:
        sells_any = connection.scalar(_SELLS_ANY)
        return Nothing("no price of the last week" if sells_any else "no offer follows a market price")
    candidates = [
        Candidate(
            row.series_id,
            Move(
                name=row.name,
                name_es=row.name_es,
                pack=row.market_pack,
                pack_es=row.market_pack_es,
                cents=row.cents,
                on=row.quoted_on,
                last_cents=row.last_cents,
                last_on=row.last_on,
            ),
        )
        for row in rows
        if row.last_cents is not None
    ]
    ranked = by_movement(candidates)
    if not any(each.move.change for each in ranked):
        return Nothing("no price moved, or none is known of the week before")
    since = until - CHART
    return Digest(
        week=one.week,
        until=until,
        next_at=one.next_at,
        since=since,
        moves=tuple(each.move for each in ranked),
        bought=_bought(connection, [each.series_id for each in ranked]),
        lines=tuple(_lines(connection, ranked, since, until)),
    )


def by_movement(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that moved most by their share, the most first; of the same share the dearer."""

    def order(each: Candidate) -> tuple[float, int, str, str]:
        move = each.move
        return -abs(move.change) / move.last_cents, -move.cents, move.name, str(each.series_id)

    return sorted(candidates, key=order)[:MAX_MOVES]


def drawn(moves: Sequence[Move]) -> list[int]:
    """Return the numbers of those that the chart shows: as many that went up as down, where there are such."""
    up = [index for index, move in enumerate(moves) if move.way == "up"]
    down = [index for index, move in enumerate(moves) if move.way == "down"]
    in_turn = (index for pair in zip_longest(up, down) for index in pair if index is not None)
    return sorted(list(in_turn)[:MAX_LINES])


def _bought(connection: Connection, series: Sequence[UUID]) -> dict[str, tuple[int, ...]]:
    place = {series_id: index for index, series_id in enumerate(series)}
    rows = connection.execute(_BOUGHT, {"series": [str(one) for one in series], "most": MAX_STORES + 1}).all()
    if len(rows) > MAX_STORES:
        _log.warning("digest_of_too_many_stores", told=MAX_STORES)
    return {row.store_id: tuple(sorted(place[one] for one in row.series)[:MAX_BOUGHT]) for row in rows[:MAX_STORES]}


def _lines(connection: Connection, ranked: Sequence[Candidate], since: date, until: date) -> list[Line]:
    lines = []
    for index in drawn([each.move for each in ranked]):
        values = {"series_id": ranked[index].series_id, "since": since, "until": until, "most": MAX_POINTS}
        points = [(row.quoted_on, row.cents) for row in connection.execute(_POINTS, values)]
        lines.append(Line(move=index, points=tuple(points)))
    return lines
