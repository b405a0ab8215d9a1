"""``notify digest``: what this week's digest is waiting for, and with ``--now`` that it waits no longer."""

from datetime import UTC, datetime
from typing import Final

from mercadito_events.service.database import create_engine
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from notify.market import choice
from notify.market.choice import Nothing
from notify.market.schedule import USUAL, Occurrence, Schedule
from notify.market.weekly import Weekly, is_said
from notify.settings import Settings

OK: Final = 0
NOT_MADE: Final = 1
EX_TEMPFAIL: Final = 75


def tell(settings: Settings, *, make: bool) -> tuple[int, str]:
    """Return the exit code and a sentence for the person at the terminal; ``make`` it now, once in its week.

    It becomes mails by ``notify serve``, for those who did not turn it off, and not in their quiet hours.
    """
    engine = create_engine(settings.database, pool_size=1, max_overflow=0, application_name="notify digest")
    try:
        return _tell(engine, settings, make=make)
    except SQLAlchemyError as problem:
        return EX_TEMPFAIL, f"The database does not answer ({type(problem).__name__})."
    finally:
        engine.dispose()


def _tell(engine: Engine, settings: Settings, *, make: bool) -> tuple[int, str]:
    weekly = Weekly(engine, settings.post.hub.time_zone, settings.market_day)
    one = weekly.of_this_week(settings.digest or Schedule.parse(USUAL))
    if not make:
        return OK, _state(engine, weekly, one, is_on=settings.digest is not None)
    made = weekly.make(one)
    if isinstance(made, Nothing):
        return NOT_MADE, f"There is no digest of {one.week}: {made.reason}."
    return OK, f"The digest of {one.week} is queued." if made else f"The digest of {one.week} was made before."


def _state(engine: Engine, weekly: Weekly, one: Occurrence, *, is_on: bool) -> str:
    with engine.connect() as connection:
        if is_said(connection, one):
            return f"The digest of {one.week} was made."
        digest = choice.choose(connection, one, weekly.today())
    if isinstance(digest, Nothing):
        holds = f"It would be none: {digest.reason}"
    else:
        stores = f"{len(digest.bought)} stores by what they buy"
        holds = f"It would tell of {len(digest.moves)} prices up to {digest.newest_on}, and {stores}"
    when = f"is due at {one.due_at:%Y-%m-%dT%H:%MZ}" if one.due_at > datetime.now(UTC) else "was not made at its time"
    return f"The digest of {one.week} {when if is_on else 'is turned off'}. {holds}."
