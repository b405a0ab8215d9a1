"""How fast mails may leave: token buckets in the database, so that all processes together keep the bounds.

A bucket holds what may leave within one second, at least one mail, and fills by the database's clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import floor

from sqlalchemy import Connection, text

OVERALL = "all"
UNBOUNDED = 1_000_000
# A bucket that nothing left for so long is full, at any rate that can be set, and needs no row.
FORGOTTEN_AFTER = timedelta(hours=2)
SLOWEST_PER_S = 0.001

# The one row that whoever claims locks first: two processes at once would both spend the same token.
_OPEN = text("""
    INSERT INTO send_rates (name, tokens, filled_at) VALUES (:overall, :tokens, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
""")
_FILLED = "least(:burst, b.tokens + :rate * greatest(extract(epoch FROM clock_timestamp() - b.filled_at), 0))"
_READ = text(f"SELECT name, {_FILLED} AS tokens FROM send_rates AS b WHERE (name = :overall) = :is_overall")  # noqa: S608 - of our own text alone
_SPEND = text(f"""
    INSERT INTO send_rates AS b (name, tokens, filled_at)
    VALUES (:name, CAST(:burst AS double precision) - :number, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET tokens = {_FILLED} - :number, filled_at = clock_timestamp()
""")  # noqa: S608 - of our own text alone
_FORGET = text("DELETE FROM send_rates WHERE filled_at < clock_timestamp() - :after")


@dataclass(frozen=True, slots=True)
class Rates:
    """Mails a second, over all and to each recipient domain; 0 sets no bound."""

    overall: float = 0.0
    each_domain: float = 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may leave now; ``again_in_s`` is when there will be more, where that is what holds things up."""

    mails: int = UNBOUNDED
    each_domain: int | None = None
    """To a domain that is not among ``domains``; None: as many as you like."""
    domains: Mapping[str, int] = field(default_factory=dict)
    again_in_s: float | None = None


def allowance(connection: Connection, rates: Rates) -> Allowance:
    """Read what may leave; until the transaction ends nobody else may claim, where a bound is set at all."""
    if not (rates.overall or rates.each_domain):
        return Allowance()
    connection.execute(_OPEN, {"overall": OVERALL, "tokens": _burst(rates.overall)})
    mails, again_in_s = UNBOUNDED, None
    if rates.overall:
        tokens = _tokens(connection, rates.overall, is_overall=True)[OVERALL]
        mails, again_in_s = floor(tokens), (1 - tokens % 1) / rates.overall
    if not rates.each_domain:
        return Allowance(mails, again_in_s=again_in_s)
    found = _tokens(connection, rates.each_domain, is_overall=False)
    domains = {name.removeprefix("@"): floor(tokens) for name, tokens in found.items()}
    return Allowance(mails, floor(_burst(rates.each_domain)), domains, again_in_s)


def spend(connection: Connection, rates: Rates, domains: Iterable[str]) -> None:
    """Take a token for each mail that was claimed, by the domain it goes to."""
    spent = Counter(domains)
    if not spent:
        return
    if rates.overall:
        _take(connection, OVERALL, rates.overall, spent.total())
    if rates.each_domain:
        for domain, number in spent.items():
            _take(connection, f"@{domain}", rates.each_domain, number)


def forget_full(connection: Connection) -> None:
    """Delete the buckets of domains that nothing was sent to for long."""
    connection.execute(_FORGET, {"after": FORGOTTEN_AFTER})


def _tokens(connection: Connection, rate: float, *, is_overall: bool) -> dict[str, float]:
    values = {"overall": OVERALL, "is_overall": is_overall, "rate": rate, "burst": _burst(rate)}
    return {row.name: float(row.tokens) for row in connection.execute(_READ, values)}


def _take(connection: Connection, name: str, rate: float, number: int) -> None:
    connection.execute(_SPEND, {"name": name, "rate": rate, "burst": _burst(rate), "number": number})


def _burst(rate: float) -> float:
    return max(1.0, rate)
