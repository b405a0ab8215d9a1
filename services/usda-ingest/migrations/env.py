from mercadito_events.service.migrations import run_env
from usda_ingest.storing.tables import metadata

run_env(metadata)
