"""`orders seed`: a large, made-up past and an open market day, to measure and to try lists with; safe to run again."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mercadito_events.service.logs import configure

from orders import __version__
from orders.application.seed_plan import Scale
from orders.bootstrap import Seed, build_seed
from orders.entrypoints.demo import PASSWORD
from orders.entrypoints.progress import Progress
from orders.settings import TaskSettings

MOST_PRODUCTS = 100_000
MOST_STORES = 10_000
MOST_ORDERS = 5_000_000
MOST_OFFERS = 5_000
MOST_SEED = 1_000_000
INTERRUPTED = 130


def main(settings: TaskSettings, scale: Scale) -> int:
    """Make what is missing of the world; Ctrl-C leaves whole batches, and the next run goes on from them."""
    configure("orders", __version__, settings.log_level)
    problems = _problems(settings, scale)
    if problems:
        _say("\n".join(problems))
        return 2
    try:
        _make(build_seed(settings), scale)
    except KeyboardInterrupt:
        _say("\ninterrupted: what was written is whole; run it again to go on from there")
        return INTERRUPTED
    return 0


def _problems(settings: TaskSettings, scale: Scale) -> list[str]:
    if settings.environment == "production":
        return ["seed: made-up stores and their well-known password are refused with MERCADITO_ENV=production"]
    bounds = (
        ("--products", scale.products, 1, MOST_PRODUCTS),
        ("--stores", scale.stores, 1, MOST_STORES),
        ("--orders", scale.orders, 0, MOST_ORDERS),
        ("--offers", scale.offers, 1, min(MOST_OFFERS, scale.products)),
        ("--seed", scale.seed, 0, MOST_SEED),
    )
    return [
        f"seed: {name} is {value}; it must be from {least} to {most:,}"
        for name, value, least, most in bounds
        if not least <= value <= most
    ]


def _make(seed: Seed, scale: Scale) -> None:
    with _progress("stores", scale.stores) as told:
        seed.world.people(scale, seed.passwords.hash(PASSWORD), told)
    with _progress("market series", scale.series) as told:
        seed.world.market(scale, told)
    with _progress("products", scale.products) as told:
        products = seed.world.products(scale, told)
    with _progress("past orders", scale.orders) as told:
        seed.world.past(scale, products, told)
    with _progress("offers", scale.offers) as told:
        name = seed.world.open_day(scale, products, told)
    _say(f"market day: {name} is open" if name else "market day: one is open already")
    _say("run `orders republish` to tell the other services; VACUUM ANALYZE before measuring")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    shown = Progress(what, total, sys.stdout)
    yield shown.add
    shown.finish()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this command talks to a terminal
