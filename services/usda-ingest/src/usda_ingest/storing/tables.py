"""The tables that the kit needs described; the service's own are plain SQL, made in ``migrations/``."""

from mercadito_events.inbox import inbox_table
from mercadito_events.outbox import outbox_table
from sqlalchemy import MetaData

metadata = MetaData()
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
