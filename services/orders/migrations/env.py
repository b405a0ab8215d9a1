from mercadito_events.service.migrations import run_env
from sqlalchemy import MetaData

# The steps are written by hand, and the adapters speak SQL: there is no second description of the schema to compare.
run_env(MetaData())
