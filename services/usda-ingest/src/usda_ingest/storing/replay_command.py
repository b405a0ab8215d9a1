"""``usda-ingest replay``: runs it, and says how far it is and what came of it."""

from signal import SIGINT, SIGTERM, signal
from threading import Event
from typing import TextIO

from mercadito_events.service.database import create_engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.errors import CrawlBusy, CrawlFailed
from usda_ingest.exit_codes import BUSY, FAILED, FINISHED, STOPPED
from usda_ingest.settings import CrawlSettings
from usda_ingest.storing import crawls
from usda_ingest.storing.replay import Wanted, replay

# A line for so many contents where there is no terminal.
SHOWN_EVERY = 100


def run(settings: CrawlSettings, names: tuple[str, ...], stream: TextIO, *, everything: bool) -> int:
    """Read kept contents anew; return 0 done, 1 failed or bytes are lost, 75 a crawl is running, 130 stopped."""
    stop, is_terminal = Event(), stream.isatty()
    for number in (SIGINT, SIGTERM):
        signal(number, lambda *_: stop.set())

    def show(done: int, total: int) -> None:
        if is_terminal or done % SHOWN_EVERY == 0:
            stream.write(f"{done:,} of {total:,} files" + ("\r" if is_terminal else "\n"))
            stream.flush()

    engine = create_engine(settings.database, pool_size=4, application_name="usda-replay")
    try:
        came = replay(engine, settings, Wanted(names, everything), show, stop)
        with engine.connect() as connection:
            found = crawls.find(connection, came.crawl_id)
    except CrawlBusy as problem:
        stream.write(f"{problem}\n")
        return BUSY
    except CrawlFailed as problem:
        stream.write(f"{problem}; what is done stays done, the same command goes on\n")
        return STOPPED
    except SQLAlchemyError as problem:
        stream.write(f"failed: the database does not answer ({type(problem).__name__})\n")
        return FAILED
    finally:
        engine.dispose()
    rows = (
        f"{found['rows_read']:,} rows ({found['rows_new']:,} new, {found['rows_changed']:,} changed)" if found else ""
    )
    lost = f"; not in USDA_RAW_DIR any more: {came.lost:,}" if came.lost else ""
    stream.write(f"done: files: {came.contents:,}, {rows}{lost}\n")
    return FAILED if came.lost else FINISHED
