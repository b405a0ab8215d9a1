"""Who a ticket names, and whether that still holds."""

from datetime import UTC, datetime

from mercadito_events.envelope import Event
from mercadito_events.service.identity import Identity, KeySet, Revocations, Unauthenticated

TICKET = "realtime"
COOKIE = "web"
"""Audiences: of tickets, and of the identity cookie."""


class Tickets:
    """Checks tickets against the keys of orders and against what was signed out lately."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        self._revocations = Revocations()

    @property
    def has_keys(self) -> bool:
        return self._keys.ready

    def identify(self, ticket: str, audience: str = TICKET) -> Identity:
        """Return whom the ticket (or cookie) names.

        Raises:
            Unauthenticated: it is not a ticket for realtime, or has expired (to the second: a socket closes at its
                ticket's expiry, so one that has passed it can't open any), or was signed out.

        """
        identity = self._keys.verify(ticket, (audience,))
        if identity.expires_at <= datetime.now(UTC):
            raise Unauthenticated("the ticket has expired")
        if not self._revocations.allows(identity):
            raise Unauthenticated("signed out")
        return identity

    def sign_out(self, event: Event) -> None:
        """Refuse from now on what an ``orders.person.signed_out.v1`` covers."""
        self._revocations.add_event(event)

    def still_holds(self, identity: Identity) -> bool:
        """Say whether someone let in before may stay."""
        return self._revocations.allows(identity)
