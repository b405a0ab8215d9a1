"""A mail relay as the settings describe it, and how long it is waited for."""

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds per phase. After the dot RFC 5321 asks for 10 minutes: giving up early is what makes duplicates."""

    connect_s: float = 10.0
    greeting_s: float = 60.0
    reply_s: float = 60.0
    tls_s: float = 15.0
    body_s: float = 180.0
    dot_s: float = 600.0
    overall_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over; without ``starttls`` nothing is encrypted, with it nothing is sent unencrypted."""

    host: str
    port: int
    name: str = "primary"
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True
    greet_as: str = "localhost"
    timeouts: Timeouts = field(default_factory=Timeouts)
    trust: ssl.SSLContext | None = field(default=None, repr=False)
