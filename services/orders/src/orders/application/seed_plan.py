"""What a seeded world holds, worked out row by row: the same seed and scale give the same world, whoever writes it.

Nothing here is kept in memory as a whole: a world of 250,000 orders has two and a half million lines.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from uuid import UUID

from orders.application import seed_words as words

YEARS_BACK = timedelta(days=730)
PAST_OFFERS = 120
SHARE_OF_STORES_ORDERING = 0.8
PRODUCTS_PER_SERIES = 5
HISTORY_DAYS = 30
FORECAST_DAYS = 5
FEWEST_LINES, MOST_LINES = 5, 20
CANCELLED_SHARE = 0.03
OPEN_BEFORE_CUTOFF = timedelta(hours=20)
ORGANIC_EVERY = 7
SECOND_OWNER_EVERY = 8
STAFF = 3
CASE_SIZES = (None, None, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything, and the seed that decides the rest."""

    products: int
    stores: int
    orders: int
    offers: int
    seed: int

    @property
    def past_days(self) -> int:
        """Return over how many past market days the orders spread, one order per store and day."""
        return -(-self.orders // max(1, int(self.stores * SHARE_OF_STORES_ORDERING)))

    @property
    def past_offers(self) -> int:
        return min(PAST_OFFERS, self.products)

    @property
    def series(self) -> int:
        return -(-self.products // PRODUCTS_PER_SERIES)

    def orders_on(self, day: int) -> int:
        """Return how many orders the day has, so that they add up."""
        each, rest = divmod(self.orders, self.past_days)
        return each + (day < rest)


@dataclass(frozen=True, slots=True)
class Product:
    id: str
    name: str
    name_es: str
    category: str
    pack: str
    series: int
    price_cents: int
    case_size: int | None


@dataclass(frozen=True, slots=True)
class Store:
    id: str
    name: str
    route: str
    stop: int


@dataclass(frozen=True, slots=True)
class Person:
    """`stores` are the numbers of the stores that the person orders for."""

    id: str
    email: str
    name: str
    locale: str
    role: str
    stores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A day's quote of a series."""

    on: date
    low: Decimal
    high: Decimal
    reference: Decimal


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    product: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class PastOrder:
    """`lines` are (place of the offer on its day, quantity)."""

    id: str
    store: int
    cancelled: bool
    minutes_before_cutoff: int
    lines: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PastDay:
    id: str
    cutoff_at: datetime
    offers: tuple[Offer, ...]
    orders: tuple[PastOrder, ...]

    def sold(self) -> list[int]:
        """Return how much of each offer went, cancelled orders left out."""
        sold = [0] * len(self.offers)
        for order in self.orders:
            if not order.cancelled:
                for place, quantity in order.lines:
                    sold[place] += quantity
        return sold


def seed_id(*parts: object) -> str:
    """Derive an id from what it stands for."""
    return str(UUID(bytes=blake2b(repr(parts).encode(), digest_size=16).digest()))


def product(scale: Scale, number: int) -> Product:
    """Return one product: neighbours differ in kind, the same kind comes again in other grades, origins and packs."""
    chance = random.Random(f"{scale.seed} product {number}")
    round_, kind = divmod(number, len(words.GOODS))
    name, name_es, category = words.GOODS[kind]
    grade, grade_es = words.GRADES[round_ % len(words.GRADES)]
    rest = round_ // len(words.GRADES)
    origin = words.ORIGINS[rest % len(words.ORIGINS)]
    lot = rest // len(words.ORIGINS)
    organic = ("organic", "orgánico") if number % ORGANIC_EVERY == ORGANIC_EVERY - 1 else ("", "")
    return Product(
        id=seed_id(scale.seed, "product", number),
        name=_joined(name, grade, organic[0], origin, f"lot {lot + 1}" if lot else ""),
        name_es=_joined(name_es, grade_es, organic[1], origin, f"lote {lot + 1}" if lot else ""),
        category=category,
        pack=chance.choice(words.PACKS),
        series=number // PRODUCTS_PER_SERIES,
        price_cents=chance.randint(600, 6_000),
        case_size=chance.choice(CASE_SIZES),
    )


def store(scale: Scale, number: int) -> Store:
    kind = words.STORE_KINDS[number % len(words.STORE_KINDS)]
    name = words.STORE_NAMES[number // len(words.STORE_KINDS) % len(words.STORE_NAMES)]
    return Store(
        id=seed_id(scale.seed, "store", number),
        name=f"{kind} {name} {number + 1}",
        route=words.ROUTES[number % len(words.ROUTES)],
        stop=number // len(words.ROUTES) + 1,
    )


def people(scale: Scale) -> Iterator[Person]:
    """Yield an owner for each store, a second one for some, who runs the next store too, and a few of the staff."""
    for number in range(scale.stores):
        yield _person(scale, f"store{number + 1}", "buyer", (number,))
        if number % SECOND_OWNER_EVERY == 0:
            both = tuple(sorted({number, (number + 1) % scale.stores}))
            yield _person(scale, f"family{number + 1}", "buyer", both)
    for number in range(STAFF):
        yield _person(scale, f"staff{number + 1}", "staff", ())


def quotes(scale: Scale, series: int, today: date) -> list[Point]:
    """Return the last month of a series, weekdays only: a walk around the price of its first product."""
    chance = random.Random(f"{scale.seed} series {series}")
    reference = Decimal(product(scale, series * PRODUCTS_PER_SERIES).price_cents) / 100
    points = []
    for back in range(HISTORY_DAYS, -1, -1):
        on = today - timedelta(days=back)
        reference = (reference * Decimal(round(1 + chance.gauss(0, 0.02), 4))).quantize(Decimal("0.01"))
        if on.isoweekday() <= 5:  # noqa: PLR2004 - Friday
            points.append(Point(on, reference - 1, reference + 1, reference))
    return points


def past_day_id(scale: Scale, day: int) -> str:
    """Derive a day's id: worlds of another scale have other days."""
    return seed_id(scale.seed, scale.stores, scale.orders, scale.products, "day", day)


def past_day(scale: Scale, day: int, products: Sequence[Product], now: datetime) -> PastDay:
    """Return one past market day with its orders; some offers and some stores are far more popular than others."""
    chance = random.Random(past_day_id(scale, day))
    chosen = chance.sample(range(len(products)), scale.past_offers)
    offers = tuple(
        Offer(_random_id(chance), number, round(products[number].price_cents * chance.uniform(0.8, 1.2)))
        for number in chosen
    )
    # The smaller a store's number, the more often it orders.
    by_zeal = sorted(range(scale.stores), key=lambda number: -(chance.random() ** (0.5 + number / scale.stores)))
    ordering = by_zeal[: scale.orders_on(day)]
    return PastDay(
        id=past_day_id(scale, day),
        cutoff_at=now - YEARS_BACK * ((scale.past_days - day) / scale.past_days),
        offers=offers,
        orders=tuple(_past_order(chance, number, len(offers)) for number in ordering),
    )


def open_offers(scale: Scale, opened: int, products: Sequence[Product]) -> Iterator[tuple[Offer, int | None]]:
    """Yield the offers of an open market day and how much there is of each; a third is not limited."""
    chance = random.Random(f"{scale.seed} open {opened}")
    for place, number in enumerate(chance.sample(range(len(products)), scale.offers)):
        offer = Offer(seed_id(scale.seed, "offer", opened, number), number, products[number].price_cents)
        yield offer, None if place % 3 == 2 else chance.randint(20, 400)  # noqa: PLR2004 - two of three


def _past_order(chance: random.Random, store_number: int, offers: int) -> PastOrder:
    fewest = min(FEWEST_LINES, offers)
    wanted = min(fewest + int((MOST_LINES - FEWEST_LINES + 1) * chance.random() ** 3), offers)
    places: dict[int, int] = {}
    while len(places) < wanted:
        places.setdefault(int(offers * chance.random() ** 2), 1 + int(12 * chance.random() ** 3))
    return PastOrder(
        id=_random_id(chance),
        store=store_number,
        cancelled=chance.random() < CANCELLED_SHARE,
        minutes_before_cutoff=int(OPEN_BEFORE_CUTOFF / timedelta(minutes=1) * chance.random() ** 3),
        lines=tuple(places.items()),
    )


def _person(scale: Scale, account: str, role: str, stores: tuple[int, ...]) -> Person:
    chance = random.Random(f"{scale.seed} person {account}")
    return Person(
        id=seed_id(scale.seed, "person", account),
        email=f"{account}.{scale.seed}@seed.example",
        name=f"{chance.choice(words.FIRST_NAMES)} {chance.choice(words.LAST_NAMES)}",
        locale=chance.choice(("en", "es")),
        role=role,
        stores=stores,
    )


def _joined(name: str, *more: str) -> str:
    return ", ".join(part for part in (name, *more) if part)


def _random_id(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
