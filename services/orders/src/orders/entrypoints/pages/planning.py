"""The pages on which staff plan market days."""

from flask import Flask

from orders.entrypoints.pages import cycle_offers, cycles, offer_trail


def register(app: Flask) -> None:
    """Add them to the app."""
    for part in (cycles, cycle_offers, offer_trail):
        app.register_blueprint(part.blueprint)
