"""Real PostgreSQL and nats-server for the tests, from the events kit."""

pytest_plugins = ["mercadito_events.testing"]
