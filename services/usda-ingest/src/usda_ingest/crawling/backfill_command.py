"""``usda-ingest backfill``: runs it, shows it, and says at the end what came of it and how to go on."""

import asyncio
from typing import TextIO

from mercadito_events.service.database import create_engine
from sqlalchemy.exc import SQLAlchemyError

from usda_ingest.crawling.backfill import backfill, command_to_go_on, plan_backfill
from usda_ingest.crawling.plan import Plan
from usda_ingest.crawling.progress_bar import ProgressBar
from usda_ingest.exit_codes import FAILED, FINISHED
from usda_ingest.settings import CrawlSettings


def run(settings: CrawlSettings, plan: Plan, stream: TextIO) -> int:
    """Fetch the days; return 0 when all is stored, 1 failed, 75 another crawl did not end, 130 stopped."""
    wanted, bar = plan_backfill(settings, plan), ProgressBar(stream)
    engine = create_engine(settings.database, pool_size=2, application_name="usda-backfill")
    try:
        ending = asyncio.run(backfill(settings, engine, wanted, bar.show))
    except SQLAlchemyError as problem:
        bar.close(f"failed: the database does not answer ({type(problem).__name__})")
        return FAILED
    finally:
        engine.dispose()
    if ending.code == FINISHED:
        bar.close(f"done: {bar.sums()}")
    else:
        bar.close(ending.reason if ending.reason == "stopped" else f"failed: {ending.reason}")
        if ending.left is not None:
            bar.close(f"go on with: {command_to_go_on(wanted, ending.left)}")
    return ending.code
