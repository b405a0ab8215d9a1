"""What in the database stands between a mail and the relay: that it answers, the switch, the relays' pauses."""

from mercadito_events.service.database import DatabaseSettings, create_engine
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from notify.queueing import pause, switch
from notify.self_test.finding import Finding, ok, problem, warning


def look(settings: DatabaseSettings) -> list[Finding]:
    """Ask the database; bounded by its own time-outs (5 s to connect)."""
    engine = create_engine(settings, pool_size=1, application_name="notify self-test")
    try:
        with engine.connect() as connection:
            thrown, pauses = switch.current(connection), pause.current(connection)
    except ProgrammingError:
        return [problem("database", "answers, but not as this version expects", "run: notify migrate")]
    except SQLAlchemyError as fault:
        return [
            problem(
                "database",
                f"does not answer ({type(fault).__name__}): mails wait in it, and are not lost",
                "look at PostgreSQL, DATABASE_URL and the password",
            )
        ]
    finally:
        engine.dispose()
    return [
        ok("database", "answers"),
        _switch(thrown),
        *(_pause(name, each) for name, each in pauses.items() if each.faults),
    ]


def _switch(thrown: switch.Switch) -> Finding:
    if thrown.held:
        return warning("queue", f"is held by staff: {thrown.reason}", "let it flow again at /staff/mails")
    return ok("queue", "flows")


def _pause(name: str, each: pause.Pause) -> Finding:
    says = f"relay {name} had {each.faults} faults in a row, the last: {each.reason}"
    return warning("queue", says, f"the sender tries again in {each.left_s:.0f} s")
