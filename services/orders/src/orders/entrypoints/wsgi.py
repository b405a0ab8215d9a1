"""What gunicorn calls to get the application."""

import os

from flask import Flask

from orders.entrypoints.web import create_app
from orders.settings import WebSettings


def app() -> Flask:
    """Make the application from the environment; called once, before gunicorn forks its workers."""
    return create_app(WebSettings.from_env(os.environ))
