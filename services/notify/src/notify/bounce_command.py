"""``notify bounce``: a mail server pipes in what came to the bounce address; exit codes are those of ``sysexits.h``."""

from typing import BinaryIO, Final

import structlog
from mercadito_events.service.database import create_engine

from notify.outages import DATABASE_AWAY
from notify.queueing import bounces
from notify.recipients import reports
from notify.settings import Settings

EX_OK: Final = 0
EX_TEMPFAIL: Final = 75
_log = structlog.get_logger(__name__)


def take(settings: Settings, stream: BinaryIO, to: str) -> int:
    """Take one report; what is none, or about no mail of ours, is read and forgotten: a bounce is never bounced."""
    report = reports.read(stream.read(reports.MAX_REPORT_BYTES), *([to] if to else []))
    if report is None:
        _log.info("bounce_is_no_report")
        return EX_OK
    engine = create_engine(settings.database, pool_size=1, max_overflow=0, application_name="notify bounce")
    try:
        with engine.begin() as connection:
            taken = bounces.take(connection, report, settings.post.return_path)
    except DATABASE_AWAY as problem:
        _log.warning("database_away", problem=type(problem).__name__)
        return EX_TEMPFAIL
    except bounces.Unsettled:
        _log.info("bounce_before_its_mail_is_settled")
        return EX_TEMPFAIL
    finally:
        engine.dispose()
    _log.info("bounce_taken", what=report.what, mail=taken.mail_id, is_news=taken.is_news)
    return EX_OK
