"""The pages. H3's package."""

from flask import Flask

from orders.bootstrap import Container


def register(app: Flask, container: Container) -> None:
    """Add the pages' blueprint to the app; may set ``app.extensions["error_page"]`` (Problem → response)."""
