"""What a relay says to us, phase by phase, up to our sender's name: no mail is sent."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from notify.errors import RelayFault
from notify.queueing.pause import PRIMARY
from notify.self_test.finding import Finding, ok, problem, warning
from notify.sending.relay import Relay
from notify.sending.smtp import Session, opened, words_of

# Certificates are renewed a month before their end; one that has less left was forgotten.
FEW_DAYS: Final = 14
PHASES: Final = {"connect": "connection", "greeting": "greeting", "tls": "TLS", "sign_in": "sign-in"}
SECONDS_OF_A_DAY: Final = 86_400
# OpenSSL's verification codes (X509_V_ERR_*): has expired; is for another name, or another address.
EXPIRED: Final = 10
OTHER_NAMES: Final = (62, 64)


@dataclass(slots=True)
class Seen:
    """What is known of a relay once it was looked at."""

    relay: Relay
    addresses: list[str] = field(default_factory=list)
    works: bool = False


def prefix(relay: Relay) -> str:
    """Return what the names of its settings begin with."""
    return "SMTP" if relay.name == PRIMARY else "SMTP_SECOND"


def is_this_machine(addresses: Sequence[str]) -> bool:
    """Tell whether these are addresses of this machine alone."""
    return bool(addresses) and all(ip_address(each).is_loopback for each in addresses)


async def look(seen: Seen, sender: str) -> AsyncIterator[Finding]:
    """Go through a conversation up to MAIL FROM and take that back; note in ``seen`` what was learnt."""
    relay = seen.relay
    yield await _name(seen)
    if not seen.addresses:
        return
    took: dict[str, float] = {}
    try:
        session = await opened(relay, took.__setitem__)
    except RelayFault as fault:
        *passed, failed = took
        for finding in _passed(seen, {phase: took[phase] for phase in passed}, {}):
            yield finding
        yield problem(_check(relay, PHASES[failed]), str(fault), _advice(relay, failed, fault))
        return
    try:
        for finding in _passed(seen, took, session.certificate):
            yield finding
        yield await _sender(seen, session, sender)
        await session.quit()
    finally:
        await session.close()


async def _name(seen: Seen) -> Finding:
    relay = seen.relay
    check = _check(relay, "name")
    try:
        async with asyncio.timeout(relay.timeouts.connect_s):
            # As the sender looks it up: also by /etc/hosts, which no DNS server knows.
            found = await asyncio.get_running_loop().getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        return problem(
            check,
            f"{relay.host} has no address ({getattr(error, 'strerror', None) or 'no answer'})",
            f"is {prefix(relay)}_HOST right, and can this machine look up names?",
        )
    seen.addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    return ok(check, f"{relay.host} is {', '.join(seen.addresses)}")


def _passed(seen: Seen, took: Mapping[str, float], certificate: Mapping[str, Any]) -> Iterator[Finding]:
    for phase in PHASES:
        if phase in took:
            yield _phase(seen, phase, took[phase], certificate)
        elif phase == "tls" and "greeting" in took and not seen.relay.starttls:
            yield _unencrypted(seen)


def _phase(seen: Seen, phase: str, took_s: float, certificate: Mapping[str, Any]) -> Finding:
    relay, check = seen.relay, _check(seen.relay, PHASES[phase])
    words = {
        "connect": f"to port {relay.port}",
        "greeting": f"takes us as {relay.greet_as}",
        "tls": "encrypted",
        "sign_in": f"as {relay.user}",
    }[phase]
    if certificate and phase == "tls":
        days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // SECONDS_OF_A_DAY)
        words = f"encrypted, the certificate is good for {relay.host} and for another {days} days"
        if days < FEW_DAYS:
            return warning(check, words, "its operator must renew it, or no mail leaves")
    return ok(check, f"{words} ({took_s * 1000:.0f} ms)")


def _unencrypted(seen: Seen) -> Finding:
    check = _check(seen.relay, "TLS")
    if is_this_machine(seen.addresses):
        return ok(check, "none, on this machine")
    name = f"{prefix(seen.relay)}_STARTTLS"
    return warning(check, f"none ({name}=off): whoever is between reads every mail", f"set {name}=required")


async def _sender(seen: Seen, session: Session, sender: str) -> Finding:
    check = _check(seen.relay, "sender")
    try:
        reply = await session.propose(sender)
    except RelayFault as fault:
        return problem(check, str(fault), f"the relay must allow mail from {sender}, or MAIL_FROM be another address")
    seen.works = True
    return ok(check, f"takes mail from {sender} ({reply.code} {words_of(reply)})")


def _advice(relay: Relay, phase: str, fault: RelayFault) -> str:
    name = prefix(relay)
    match phase:
        case "connect":
            return f"are {name}_HOST and {name}_PORT right, and does a firewall let this machine out?"
        case "tls":
            return _advice_on_tls(relay, fault.__cause__)
        case "sign_in":
            return f"check {name}_USER and {name}_PASSWORD_FILE"
        case _:
            return "its operator knows why; MAIL_MESSAGE_ID_DOMAIN is the name that we give"


def _advice_on_tls(relay: Relay, cause: BaseException | None) -> str:
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return f"is {prefix(relay)}_PORT one that offers STARTTLS (587, or 25)?"
    if cause.verify_code == EXPIRED:
        return "its operator must renew the certificate"
    if cause.verify_code in OTHER_NAMES:
        return f"{prefix(relay)}_HOST must be a name that the certificate is for"
    return "where its operator signs by an authority of their own, SSL_CERT_FILE must name that one's certificate"


def _check(relay: Relay, what: str) -> str:
    return f"relay {relay.name}, {what}"
