"""What the DNS says of the domains that we write from: SPF, DKIM, DMARC, and where bounces come in."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from notify.self_test import spf
from notify.self_test.dkim_record import dkim_finding
from notify.self_test.dmarc import dmarc_finding
from notify.self_test.dns import Dns, Silent
from notify.self_test.finding import Finding, ok, problem, warning
from notify.self_test.relays import Seen, is_this_machine
from notify.writing.dkim import Dkim

ASK_AGAIN: Final = "try again; if it stays, look at the name servers of that domain"


@dataclass(frozen=True, slots=True)
class Identity:
    """The names under which mails leave."""

    sender: str
    """The domain of the From header."""
    returns: str
    """The domain of the envelope's sender."""
    greets_as: str
    dkim: Dkim | None
    takes_bounces: bool
    """Whether bounces come back by addresses of their own."""


async def look(dns: Dns, identity: Identity, seen: Sequence[Seen]) -> list[Finding]:
    """Ask for every record, all at once: a DNS that does not answer is waited for only once."""
    checks = {
        "EHLO name": _greeting(dns, identity.greets_as),
        "SPF": _spf(dns, identity.returns, seen),
        "DKIM": dkim_finding(dns, identity.dkim),
        "DMARC": dmarc_finding(dns, identity.sender, identity.returns, identity.dkim),
    }
    if identity.takes_bounces:
        checks["bounces"] = _bounces(dns, identity.returns)
    return await asyncio.gather(*(_answered(name, check) for name, check in checks.items()))


async def _answered(name: str, check: Coroutine[Any, Any, Finding]) -> Finding:
    try:
        return await check
    except Silent as silence:
        return problem(name, f"cannot be known: {silence}", ASK_AGAIN)


async def _greeting(dns: Dns, name: str) -> Finding:
    check = "EHLO name"
    if addresses := await dns.addresses(name):
        return ok(check, f"{name} is {', '.join(addresses)}")
    return warning(check, f"{name} has no address", "some relays want one of the name that greets them")


async def _spf(dns: Dns, domain: str, seen: Sequence[Seen]) -> Finding:
    check = "SPF"
    found = spf.records(await dns.texts(domain))
    if not found:
        return problem(
            check,
            f"{domain} has no record",
            f'publish one at {domain}: TXT "v=spf1 include:<what your relay\'s operator says> -all"',
        )
    if len(found) > 1:
        return problem(check, f"{domain} has {len(found)} records, so none counts", "put them into one")
    try:
        policy = await spf.policy(dns, domain, found[0])
    except spf.Broken as fault:
        return problem(check, f"{domain}: {fault}", "receivers take it for an error: mend the record")
    if policy.everybody_else == "+":
        return problem(check, f"{domain} lets everybody send ({found[0]})", "end it with -all or ~all")
    return _coverage(domain, found[0], policy, seen)


def _coverage(domain: str, record: str, policy: spf.Policy, seen: Sequence[Seen]) -> Finding:
    check = "SPF"
    there = f"{domain} has {record!r}"
    elsewhere = [each for each in seen if not is_this_machine(each.addresses)]
    missed = [each.relay.host for each in elsewhere if not any(policy.names(one) for one in each.addresses)]
    if not elsewhere:
        return warning(
            check,
            f"{there}; whether it covers a relay on this machine is not known here",
            "it must name the address from which that one sends",
        )
    if missed:
        return warning(
            check,
            f"{there}, which does not name {', '.join(missed)}"
            + (f" (as far as is known: it also says {' '.join(policy.left_open)})" if policy.left_open else ""),
            "right where the relay sends from other addresses: its operator says what to include",
        )
    return ok(check, f"{there}, which covers {', '.join(each.relay.host for each in elsewhere)}")


async def _bounces(dns: Dns, domain: str) -> Finding:
    check = "bounces"
    servers = await dns.mail_servers(domain)
    if any(not server.name for server in servers):
        return problem(
            check, f"{domain} says that it takes no mail", "publish the MX of the server that pipes bounces in"
        )
    if not servers:
        return problem(
            check, f"{domain} has no MX record: bounces get lost", "publish the MX of the server that pipes bounces in"
        )
    lost = [server.name for server in servers if not await dns.addresses(server.name)]
    if lost:
        return problem(check, f"{domain} names {', '.join(lost)}, which has no address", "mend the MX record")
    return ok(check, f"{domain} takes mail at {', '.join(server.name for server in servers)}")
