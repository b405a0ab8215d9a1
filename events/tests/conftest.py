pytest_plugins = ["mercadito_events.testing"]
