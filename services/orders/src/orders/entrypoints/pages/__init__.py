"""The pages: server-drawn, in two languages, complete without a script; scripts only make them live."""

from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined

from orders.bootstrap import Container
from orders.entrypoints.pages import (
    account,
    board,
    cycle_offers,
    cycles,
    error_pages,
    mails,
    market_prices,
    market_reports,
    my_orders,
    offer_trail,
    ordering,
    password_links,
    product_import,
    products,
    reader,
    second_factor,
    second_step,
    sessions,
    staff_people,
    staff_stores,
    standing_page,
    templating,
)
from orders.entrypoints.pages.csrf import ForgedForm, FormTokens
from orders.entrypoints.pages.site import EXTENSION, Site, static_stamps
from orders.entrypoints.pages.translations import load

PARTS = (
    sessions,
    second_step,
    password_links,
    account,
    second_factor,
    ordering,
    my_orders,
    board,
    staff_stores,
    staff_people,
    products,
    product_import,
    cycles,
    cycle_offers,
    offer_trail,
    standing_page,
    market_reports,
    market_prices,
    mails,
)


def register(app: Flask, container: Container) -> None:
    """Add the pages to the app, and the page that draws its errors."""
    folder = Path(app.root_path)
    is_production = container.settings.environment == "production"
    forms = FormTokens(container.settings.session_secret, secure_cookies=is_production)
    app.extensions[EXTENSION] = Site(
        hub=container.settings.hub,
        words=load(folder / "translations"),
        forms=forms,
        stamps=static_stamps(folder / "static"),
        secure_cookies=is_production,
    )
    app.jinja_env.undefined = StrictUndefined
    forms.install(app)
    templating.install(app)
    app.before_request(reader.guard_scope)
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    app.extensions["error_page"] = error_pages.draw
    app.register_error_handler(ForgedForm, error_pages.draw_forged)
