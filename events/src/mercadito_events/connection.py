"""How a service is connected to NATS: for ever, with nats-py's unsafe defaults set right."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NatsSettings:
    """Where NATS is and as whom to sign in; several servers are separated by commas."""

    url: str
    user: str
    password: str = field(repr=False)
