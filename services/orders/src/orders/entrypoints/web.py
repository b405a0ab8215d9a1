"""The web application: pages and API over one container."""

from flask import Flask

from orders.bootstrap import Container, build_web
from orders.entrypoints import api, health, http, pages, problems
from orders.entrypoints.pages.fields import PageRequest
from orders.settings import WebSettings

MAX_BODY_BYTES = 1_000_000


def create_app(settings: WebSettings, container: Container | None = None) -> Flask:
    """Make the app; a container given by a test replaces the one that the settings would make."""
    app = Flask("orders", static_folder=None, root_path=__file__.rsplit("/entrypoints/", 1)[0])
    app.request_class = PageRequest
    app.config.update(
        SECRET_KEY=settings.session_secret,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="mercadito_flask",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.environment == "production",
        TRAP_HTTP_EXCEPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    wired = container or build_web(settings)
    app.extensions["container"] = wired
    http.register(app)
    problems.register(app)
    health.register(app, wired)
    app.register_blueprint(api.blueprint())
    pages.register(app, wired)
    return app
