"""Whether an SPF record (RFC 7208) names an address, as far as that can be known without sending.

Receivers judge the address that connects to them, which only the relay's operator knows; the one that we connect to is
the best guess from here. Mechanisms that depend on the mail (macros, ``exists``, ``ptr``) are left open; what a record
refuses by name before it allows more is not weighed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final

from notify.self_test.dns import Dns

# RFC 7208, 4.6.4: who needs more is refused by every receiver.
MAX_LOOKUPS: Final = 10
MAX_MX_NAMES: Final = 10
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:/](.*))?", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)


class Broken(Exception):
    """The record cannot be used; the text says why."""


@dataclass(slots=True)
class Policy:
    """What a record says about addresses."""

    networks: list[str] = field(default_factory=list)
    everybody_else: str = "?"
    """The qualifier of ``all``: ``-`` and ``~`` refuse, ``?`` says nothing, ``+`` lets everybody in."""
    left_open: list[str] = field(default_factory=list)
    """Terms that cannot be judged from here."""
    lookups: int = 0

    def names(self, address: str) -> bool:
        """Tell whether one of its networks holds this address."""
        asked = ip_address(address)
        nets = (ip_network(network, strict=False) for network in self.networks)
        return any(asked in net for net in nets if net.version == asked.version)


def records(texts: Sequence[str]) -> list[str]:
    """Return those TXT records that are SPF's."""
    return [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


async def policy(dns: Dns, domain: str, record: str) -> Policy:
    """Follow a record through all that it includes.

    Raises:
        Broken: a receiver would give up at it.
        Silent: the DNS does not answer.

    """
    found = Policy()
    await _follow(dns, domain, record, found, into=found)
    return found


async def _follow(dns: Dns, domain: str, record: str, found: Policy, *, into: Policy | None) -> None:
    redirect = ""
    has_all = False
    for term in record.split()[1:]:
        if (modifier := _MODIFIER.fullmatch(term)) is not None:
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
            continue
        match = _TERM.fullmatch(term)
        if match is None:
            raise Broken(f"{term!r} is no term of SPF")
        if match[2].lower() == "all":
            has_all = True
            if into is not None:
                into.everybody_else = match[1] or "+"
            break
        if (match[1] or "+") == "+":
            await _allow(dns, domain, term.lstrip("+"), found)
    if redirect and not has_all:
        await _include(dns, redirect, found, into=into)


async def _allow(dns: Dns, domain: str, term: str, found: Policy) -> None:
    mechanism = re.split(r"[:/]", term, maxsplit=1)[0].lower()
    if "%" in term or mechanism in ("ptr", "exists"):
        found.left_open.append(term)
    elif mechanism in ("ip4", "ip6"):
        _add(found, term.partition(":")[2])
    elif mechanism == "include":
        await _include(dns, term.partition(":")[2], found, into=None)
    else:
        name, v4, v6 = _named(term, domain)
        for address in await _addresses(dns, mechanism, name, found):
            _add(found, address + (f"/{v6}" if ":" in address else f"/{v4}"))


async def _addresses(dns: Dns, mechanism: str, name: str, found: Policy) -> list[str]:
    _count(found)
    if mechanism == "a":
        return await dns.addresses(name)
    servers = (await dns.mail_servers(name))[:MAX_MX_NAMES]
    return [address for server in servers if server.name for address in await dns.addresses(server.name)]


async def _include(dns: Dns, name: str, found: Policy, *, into: Policy | None) -> None:
    if "%" in name:
        found.left_open.append(name)
        return
    _count(found)
    included = records(await dns.texts(name))
    if len(included) != 1:
        raise Broken(f"{name}, which it includes, has {len(included) or 'no'} SPF record{'s' * (len(included) > 1)}")
    await _follow(dns, name, included[0], found, into=into)


def _named(term: str, domain: str) -> tuple[str, str, str]:
    """Return the name and the lengths of the prefixes that ``a`` and ``mx`` speak of: ``mx:example/24//64``."""
    rest = re.sub(r"^(a|mx)", "", term, flags=re.IGNORECASE)
    name, _, lengths = rest.removeprefix(":").partition("/")
    v4, _, v6 = lengths.partition("//") if not lengths.startswith("/") else ("", "", lengths.removeprefix("/"))
    return name or domain, v4 or "32", v6 or "128"


def _add(found: Policy, network: str) -> None:
    try:
        ip_network(network, strict=False)
    except ValueError as error:
        raise Broken(f"{network!r} is no address") from error
    found.networks.append(network)


def _count(found: Policy) -> None:
    found.lookups += 1
    if found.lookups > MAX_LOOKUPS:
        raise Broken(f"it takes more than {MAX_LOOKUPS} look-ups, at which receivers give up")
