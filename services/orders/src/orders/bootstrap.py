"""The only wiring: which adapters the entry points work with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orders.application.accounts import Accounts
from orders.application.ordering import Ordering
from orders.application.queries import Queries
from orders.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Container:
    """What the web's entry points work with."""

    settings: WebSettings
    queries: Queries
    accounts: Accounts
    ordering: Ordering
    problems: Callable[[], Sequence[str]]
    """What keeps this process from serving, now; empty when it is ready."""
